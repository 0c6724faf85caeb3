"""What a payment provider can be asked to do, with everything that is needed to ask for it again in the same words.

Names of things are the provider's (`sub_1A…`, `price_1A…`), quantities are units of the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class MakeCustomer:
    """The organization becomes a customer."""


@dataclass(frozen=True)
class OpenCheckout:
    """A page on which a subscription is bought. `discount` is a promotion code by the provider's name."""

    customer: str
    price: str
    quantity: int
    trial_days: int = 0
    discount: str | None = None


@dataclass(frozen=True)
class OpenPortal:
    """A page on which a customer sees to cards, invoices and subscriptions."""

    customer: str


@dataclass(frozen=True)
class Promise:
    """What a person was shown before agreeing: the invoice's total and what of it is due, in minor units, and how the
    subscription stood (`state`, a digest)."""

    total: int
    due: int
    currency: str
    state: str


@dataclass(frozen=True)
class ChangeNow:
    """Another price (None: it stays) or quantity at once; the rest of the period is made up for to the second of
    `prorated_at`. `replaces` is the open invoice of a change that waits for its payment and is given up for this one.
    `may_wait`: one that is not paid can wait for its payment, as with cards; not with bank debits and sent invoices.
    """

    subscription: str
    item: str
    price: str | None
    quantity: int
    prorated_at: datetime
    ends_trial: bool = False
    may_wait: bool = True
    replaces: str | None = None
    promise: Promise | None = None


@dataclass(frozen=True)
class ChangeAtPeriodEnd:
    """Another price (every `interval_count` intervals) or quantity from the next period on. `schedule` is one of ours
    that plans something else now."""

    subscription: str
    item: str
    former_price: str
    price: str
    interval: str
    interval_count: int
    quantity: int
    schedule: str | None = None
    promise: Promise | None = None


@dataclass(frozen=True)
class WithdrawChange:
    """What is planned, or waits for its payment, does not come."""

    subscription: str
    schedule: str | None = None
    invoice: str | None = None


@dataclass(frozen=True)
class Cancel:
    """The subscription ends, now or with its period. `schedule` is what was planned, and falls with it."""

    subscription: str
    at_period_end: bool
    schedule: str | None = None


@dataclass(frozen=True)
class Pause:
    subscription: str


@dataclass(frozen=True)
class Resume:
    """It goes on: its pause ends (`is_paused`), or its cancellation is taken back, be it with the period or at a time
    of its own."""

    subscription: str
    is_paused: bool
    ends_with_period: bool


@dataclass(frozen=True)
class BillOverage:
    """A line of the next invoice of whoever pays for the subscription: `amount` in minor units, below zero for a
    credit. `fact` names what it is because of: there is one line for it, however often it is asked for."""

    fact: str
    subscription: str
    amount: int
    currency: str
    description: str
    period_start: datetime
    period_end: datetime


Ask = (
    MakeCustomer
    | OpenCheckout
    | OpenPortal
    | ChangeNow
    | ChangeAtPeriodEnd
    | WithdrawChange
    | Cancel
    | Pause
    | Resume
    | BillOverage
)
