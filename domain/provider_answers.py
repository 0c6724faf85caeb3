"""What a payment provider answers when it is asked: how things stand there, and what came of an ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from domain.invoice_facts import Line
from domain.provider_facts import Figures, Item, ProviderFact, SubscriptionStatus

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A subscription as its provider has it at this moment; `state` is a digest of everything that decides what a
    change would cost. `items` are by the provider's names of them."""

    subscription: str
    status: SubscriptionStatus
    currency: str
    items: tuple[tuple[str, Item], ...]
    period_end: datetime
    trial_end: datetime | None
    cancel_at: datetime | None
    ends_with_period: bool
    may_wait: bool
    schedule: str | None
    schedule_is_ours: bool
    held_invoice: str | None
    state: str


@dataclass(frozen=True)
class Unpaid:
    """Why what was asked for waits for its payment, and where it can be paid."""

    needs_action: bool
    decline_code: str | None
    pay_url: str | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Performed:
    """What came of an ask: what was made or changed, the page that was opened, how everything stands now."""

    reference: str
    facts: tuple[ProviderFact, ...] = ()
    url: str | None = None
    expires_at: datetime | None = None
    unpaid: Unpaid | None = None


@dataclass(frozen=True)
class Previewed:
    """The invoice that would be drawn: at once (`is_now`), else with the next period. `is_complete`: all its lines are
    here; the sums are those of all of them anyway."""

    figures: Figures
    lines: tuple[Line, ...]
    is_now: bool
    is_complete: bool


@dataclass(frozen=True)
class SoldPrice:
    """A price at the provider. `is_same`: it asks for what the price of ours that it was asked about does."""

    reference: str
    product: str
    lookup_key: str | None
    is_active: bool
    is_same: bool


class ListedEvent(NamedTuple):
    """An event as the provider lists it; `body` as its webhook would have brought it."""

    event: str
    type: str
    occurred_at: datetime
    body: bytes


class ListedObject(NamedTuple):
    """`reference` is its kind and name, e.g. `subscription/sub_1A…`."""

    reference: str
    facts: tuple[ProviderFact, ...]


class Page(NamedTuple, Generic[T]):
    """Of a list. `after` leads to the next one; None: it was the last."""

    things: Sequence[T]
    after: str | None
