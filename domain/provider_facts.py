"""What a payment provider's webhook says, in our words; each adapter translates its provider's payloads into these.

Reports are snapshots of an object. They come in any order and more than once; `seen` says how new one is, so that the
same reports end in the same state whatever the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SubscriptionStatus(StrEnum):
    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"

    @property
    def entitles(self) -> bool:
        """Whether a subscription that was ever in this status has been given a licence."""
        return self not in (SubscriptionStatus.INCOMPLETE, SubscriptionStatus.CANCELED)


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"
    PAID = "paid"

    @property
    def rank(self) -> int:
        """Invoices only move up; paid and void are final."""
        return list(InvoiceStatus).index(self)

    @property
    def settled(self) -> bool:
        return self in (InvoiceStatus.PAID, InvoiceStatus.VOID)


class DisputeOutcome(StrEnum):
    OPEN = "open"
    LOST = "lost"
    WON = "won"


@dataclass(frozen=True, order=True)
class Seen:
    """How new a report is: the provider's time, then the place of its kind in a life, then the event's id.

    Providers give whole seconds, so several reports share one; `rank` and the id make the order total and the same
    for everybody.
    """

    at: datetime
    rank: int
    event: str

    @property
    def is_looked_up(self) -> bool:
        """Told when the provider was asked, not by an event."""
        return self.event.startswith("look-up/")


@dataclass(frozen=True)
class Contact:
    """Personal data on its way to its own table; never in an event. `is_own`: the customer's own record says so, not
    a paper that was made for it."""

    email: str | None = None
    name: str | None = None
    is_own: bool = True


@dataclass(frozen=True)
class ProviderFact:
    """Base of all reports; those about money are in `invoice_facts.py` and `payment_facts.py`."""

    seen: Seen


@dataclass(frozen=True)
class Reading:
    """A webhook that was read: what it says, or why nothing follows from it. `remarks`: what a person should know of
    how it was read, e.g. that its object was of another version and was asked for again."""

    fact: ProviderFact | None
    reason: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomerReport(ProviderFact):
    """A customer as the provider knows it; `organization_id` when the buyer was named by us at checkout, `language`
    the one that the customer reads best, e.g. `de` or `pt-BR`."""

    customer: str
    contact: Contact = Contact()
    organization_id: UUID | None = None
    deleted: bool = False
    language: str | None = None


@dataclass(frozen=True)
class PriceReport(ProviderFact):
    """A price of the provider's; `code` is its lookup key. What it asks for is in the words of our catalogue: an amount
    in minor units every `interval_count` intervals."""

    price: str
    code: str | None
    amount: int
    currency: str
    interval: str
    interval_count: int


@dataclass(frozen=True)
class Item:
    """A line of a subscription: every name by which the catalogue may know its price, best first, and how often."""

    prices: tuple[str, ...]
    quantity: int


@dataclass(frozen=True)
class HeldUpdate:
    """A change that waits for its invoice to be paid, until `expires_at`."""

    items: tuple[Item, ...]
    expires_at: datetime
    invoice: str | None


@dataclass(frozen=True)
class NextPhase:
    """What a schedule makes of a subscription, and when."""

    items: tuple[Item, ...]
    starts_at: datetime


@dataclass(frozen=True)
class ScheduleReport(ProviderFact):
    """`next` None: the schedule changes nothing, or nothing any more."""

    schedule: str
    subscription: str
    next: NextPhase | None = None


@dataclass(frozen=True)
class SubscriptionReport(ProviderFact):
    subscription: str
    customer: str
    status: SubscriptionStatus
    items: tuple[Item, ...]
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    ended_at: datetime | None = None
    organization_id: UUID | None = None
    trial_ending: bool = False
    held: HeldUpdate | None = None


@dataclass(frozen=True)
class Figures:
    """An invoice's sums. `tax` is all of it, contained in the prices or on top. `balance_applied` is what the
    customer's balance with the vendor changed: below zero a credit that was used, above what was carried over. None:
    not known, as in events that were stored before it was asked for."""

    currency: str
    subtotal: int
    tax: int
    total: int
    amount_due: int
    amount_paid: int
    discount: int = 0
    shipping: int = 0
    credits: int = 0  # prepaid credits that were used up
    balance_applied: int | None = None
    amount_remaining: int | None = None
    amount_overpaid: int = 0
    credited_before_payment: int = 0
    credited_after_payment: int = 0

    @property
    def credited(self) -> int:
        """By credit notes."""
        return self.credited_before_payment + self.credited_after_payment

    @property
    def remaining(self) -> int:
        return self.amount_due - self.amount_paid if self.amount_remaining is None else self.amount_remaining
