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


@dataclass(frozen=True)
class Contact:
    """Personal data on its way to its own table; never in an event. `is_own`: the customer's own record says so, not
    a paper that was made for it."""

    email: str | None = None
    name: str | None = None
    is_own: bool = True


@dataclass(frozen=True)
class CustomerReport:
    """A customer as the provider knows it; `organization_id` when the buyer was named by us at checkout."""

    seen: Seen
    customer: str
    contact: Contact = Contact()
    organization_id: UUID | None = None
    deleted: bool = False


@dataclass(frozen=True)
class SubscriptionReport:
    seen: Seen
    subscription: str
    customer: str
    status: SubscriptionStatus
    prices: tuple[str, ...]  # every name by which the catalogue may know what was bought, best first
    quantity: int
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    ended_at: datetime | None = None
    organization_id: UUID | None = None
    trial_ending: bool = False


@dataclass(frozen=True)
class Figures:
    """An invoice's sums in minor units of its currency."""

    currency: str
    subtotal: int
    tax: int
    total: int
    amount_due: int
    amount_paid: int


@dataclass(frozen=True)
class InvoiceReport:
    seen: Seen
    invoice: str
    customer: str
    subscription: str | None
    status: InvoiceStatus
    figures: Figures
    number: str | None
    period_start: datetime
    period_end: datetime
    issued_at: datetime | None
    paid_at: datetime | None
    contact: Contact = Contact()
    payments: tuple[str, ...] = ()
    failed_attempt: int | None = None  # this report says that attempt n failed
    next_attempt_at: datetime | None = None


@dataclass(frozen=True)
class PaymentReport:
    """Which invoice a payment pays: charges do not say it themselves."""

    seen: Seen
    invoice: str
    payments: tuple[str, ...]


@dataclass(frozen=True)
class RefundReport:
    """Money went back. `payments` are the ids by which the payment is known (charge, payment intent)."""

    seen: Seen
    payments: tuple[str, ...]
    customer: str | None
    amount: int
    amount_refunded: int
    currency: str
    charged_at: datetime


@dataclass(frozen=True)
class DisputeReport:
    seen: Seen
    dispute: str
    payments: tuple[str, ...]
    outcome: DisputeOutcome
    disputed_at: datetime


ProviderFact = CustomerReport | SubscriptionReport | InvoiceReport | PaymentReport | RefundReport | DisputeReport
