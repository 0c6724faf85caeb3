"""What became of a subscription's payments: the attempts that failed, what was settled, refunded and disputed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.aggregate import Aggregate
from domain.provider_facts import DisputeOutcome


@dataclass(frozen=True)
class Dispute:
    disputed_at: datetime
    outcome: DisputeOutcome


@dataclass(frozen=True)
class Payments:
    """All is a maximum, a union or "the newest wins". A report that tells nothing new leaves it equal, which is how
    the subscription knows that there is nothing to record."""

    failures: Mapping[UUID, Mapping[int, datetime]] = field(default_factory=dict)
    """Unsettled invoice → attempt (from 1) → when it failed."""
    settled: frozenset[UUID] = frozenset()
    last_paid_at: datetime | None = None
    refunds: Mapping[UUID, datetime] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)

    @property
    def unsettled(self) -> list[UUID]:
        """The invoices that failed, in the order in which they did."""
        return sorted(self.failures, key=lambda invoice: (min(self.failures[invoice].values()), invoice))

    def failed(self, invoice_id: UUID, attempt: int, failed_at: datetime) -> Payments:
        """An attempt is known by its earliest report; those of a settled invoice count no more."""
        if invoice_id in self.settled:
            return self
        attempts = self.failures.get(invoice_id, {})
        attempts = {**attempts, attempt: min(failed_at, attempts.get(attempt, failed_at))}
        return replace(self, failures={**self.failures, invoice_id: attempts})

    def settled_by(self, invoice_id: UUID, paid_at: datetime | None) -> Payments:
        """The invoice was paid, or voided (`paid_at` None)."""
        return replace(
            self,
            settled=self.settled | {invoice_id},
            failures={each: attempts for each, attempts in self.failures.items() if each != invoice_id},
            last_paid_at=max(filter(None, (self.last_paid_at, paid_at)), default=None),
        )

    def refunded(self, invoice_id: UUID, refunded_at: datetime | None) -> Payments:
        """The whole of it went back; None: not all of it, or not any more."""
        if refunded_at is None:
            return replace(self, refunds={each: at for each, at in self.refunds.items() if each != invoice_id})
        return replace(self, refunds={**self.refunds, invoice_id: refunded_at})

    def disputed(self, dispute: str, disputed_at: datetime, outcome: DisputeOutcome) -> Payments:
        return replace(self, disputes={**self.disputes, dispute: Dispute(disputed_at, outcome)})


class Paid(Protocol):
    """An aggregate that remembers its payments."""

    payments: Payments


class AttemptFailed(Aggregate.Event):
    """Attempt n of an invoice failed."""

    invoice_id: UUID
    attempt: int
    failed_at: datetime

    def apply(self, thing: Paid) -> None:
        thing.payments = thing.payments.failed(self.invoice_id, self.attempt, self.failed_at)


class Settled(Aggregate.Event):
    """An invoice was paid, or voided (`paid_at` None)."""

    invoice_id: UUID
    paid_at: datetime | None

    def apply(self, thing: Paid) -> None:
        thing.payments = thing.payments.settled_by(self.invoice_id, self.paid_at)


class Refunded(Aggregate.Event):
    """The whole of an invoice went back."""

    invoice_id: UUID
    refunded_at: datetime

    def apply(self, thing: Paid) -> None:
        thing.payments = thing.payments.refunded(self.invoice_id, self.refunded_at)


class RefundUndone(Aggregate.Event):
    """The bank sent it back, or it was never the whole."""

    invoice_id: UUID

    def apply(self, thing: Paid) -> None:
        thing.payments = thing.payments.refunded(self.invoice_id, None)


class Disputed(Aggregate.Event):
    """A dispute was opened, closed, or opened again."""

    dispute: str
    disputed_at: datetime
    outcome: DisputeOutcome

    def apply(self, thing: Paid) -> None:
        thing.payments = thing.payments.disputed(self.dispute, self.disputed_at, self.outcome)
