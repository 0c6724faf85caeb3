"""An invoice as the payment provider reports it: sums, attempts, payment, refunds, disputes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from domain.aggregate import Aggregate, Created, Event
from domain.provider_facts import Figures, InvoiceStatus, Seen


@dataclass(frozen=True)
class Issue:
    """What an invoice says beside its sums. Times are the provider's."""

    number: str | None
    period_start: datetime
    period_end: datetime
    issued_at: datetime | None
    paid_at: datetime | None


@dataclass(frozen=True)
class Refund:
    """How much of a payment went back in all, in minor units, and when it became that much."""

    amount: int
    refunded_at: datetime


class _Reached(Event):
    """A report says that the invoice has come to `STATUS`; once settled nobody tries to collect it any more."""

    STATUS: ClassVar[InvoiceStatus]
    seen: Seen

    def apply(self, invoice: Invoice) -> None:
        invoice.status = self.STATUS
        invoice.seen = self.seen
        if self.STATUS.settled:
            invoice.next_attempt_at = None


class Invoice(Aggregate):
    """Moves up from draft to paid or void and never back; of two reports at one height the newer wins."""

    TOPIC = "invoice"

    if TYPE_CHECKING:
        organization_id: UUID
        subscription_id: UUID | None
        provider: str
        provider_id: str
        status: InvoiceStatus
        figures: Figures
        issue: Issue
        seen: Seen
        attempts: dict[int, datetime]
        next_attempt_at: datetime | None
        refunds: dict[str, Refund]  # by payment

    @classmethod
    def report_first(
        cls,
        *,
        id: UUID,
        organization_id: UUID,
        subscription_id: UUID | None,
        provider: str,
        provider_id: str,
        status: InvoiceStatus,
        figures: Figures,
        issue: Issue,
        seen: Seen,
        now: datetime,
    ) -> Invoice:
        return cls.begin(
            cls.Reported,
            id=id,
            now=now,
            organization_id=organization_id,
            subscription_id=subscription_id,
            provider=provider,
            provider_id=provider_id,
            status=status,
            figures=figures,
            issue=issue,
            seen=seen,
        )

    def report(self, status: InvoiceStatus, figures: Figures, issue: Issue, *, seen: Seen, now: datetime) -> None:
        """Takes over a report that is higher up, or as high and newer."""
        if (status.rank, seen) <= (self.status.rank, self.seen):
            return
        if (figures, issue) != (self.figures, self.issue):
            self.record(self.Amended, now=now, figures=figures, issue=issue)
        if status is not self.status:
            self.record(_BY_STATUS[status], now=now, seen=seen)
        else:
            self.record(self.Confirmed, now=now, seen=seen)

    def payment_failed(
        self, *, attempt: int, failed_at: datetime, next_attempt_at: datetime | None, now: datetime
    ) -> None:
        """Attempt n (from 1) failed; two events about one attempt are one failure."""
        known = self.attempts.get(attempt)
        if known is None or failed_at < known:
            self.record(
                self.PaymentFailed, now=now, attempt=attempt, failed_at=failed_at, next_attempt_at=next_attempt_at
            )

    def refund(self, payment: str, *, amount: int, refunded_at: datetime, now: datetime) -> None:
        """`amount` minor units of a payment went back in all, so far."""
        known = self.refunds.get(payment)
        if known is None or (amount, -refunded_at.timestamp()) > (known.amount, -known.refunded_at.timestamp()):
            self.record(self.Refunded, now=now, payment=payment, refund=Refund(amount, refunded_at))

    def transfer(self, organization_id: UUID, *, now: datetime) -> None:
        """The customer turned out to be another organization's."""
        if organization_id != self.organization_id:
            self.record(self.Transferred, now=now, organization_id=organization_id)

    @property
    def amount_refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds.values())

    @property
    def fully_refunded_at(self) -> datetime | None:
        """When the last of what was paid had gone back; None while some is left, or nothing was paid."""
        if not 0 < self.figures.amount_paid <= self.amount_refunded:
            return None
        return max(refund.refunded_at for refund in self.refunds.values())

    class Reported(Created):
        TOPIC = "invoice.reported"
        organization_id: UUID
        subscription_id: UUID | None
        provider: str
        provider_id: str
        status: InvoiceStatus
        figures: Figures
        issue: Issue
        seen: Seen

        def apply(self, invoice: Invoice) -> None:
            invoice.organization_id = self.organization_id
            invoice.subscription_id = self.subscription_id
            invoice.provider = self.provider
            invoice.provider_id = self.provider_id
            invoice.status = self.status
            invoice.figures = self.figures
            invoice.issue = self.issue
            invoice.seen = self.seen
            invoice.attempts = {}
            invoice.next_attempt_at = None
            invoice.refunds = {}

    class Amended(Aggregate.Event):
        TOPIC = "invoice.amended"
        figures: Figures
        issue: Issue

        def apply(self, invoice: Invoice) -> None:
            invoice.figures = self.figures
            invoice.issue = self.issue

    class Confirmed(Aggregate.Event):
        """A newer report without a change: an older one that comes late must not undo it."""

        TOPIC = "invoice.confirmed"
        seen: Seen

        def apply(self, invoice: Invoice) -> None:
            invoice.seen = self.seen

    class Finalized(_Reached):
        TOPIC = "invoice.finalized"
        STATUS = InvoiceStatus.OPEN

    class Paid(_Reached):
        TOPIC = "invoice.paid"
        STATUS = InvoiceStatus.PAID

    class Voided(_Reached):
        TOPIC = "invoice.voided"
        STATUS = InvoiceStatus.VOID

    class WrittenOff(_Reached):
        TOPIC = "invoice.written_off"
        STATUS = InvoiceStatus.UNCOLLECTIBLE

    class PaymentFailed(Aggregate.Event):
        TOPIC = "invoice.payment_failed"
        attempt: int
        failed_at: datetime
        next_attempt_at: datetime | None

        def apply(self, invoice: Invoice) -> None:
            if self.attempt >= max(invoice.attempts, default=0) and not invoice.status.settled:
                invoice.next_attempt_at = self.next_attempt_at
            invoice.attempts[self.attempt] = self.failed_at

    class Refunded(Aggregate.Event):
        TOPIC = "invoice.refunded"
        payment: str
        refund: Refund

        def apply(self, invoice: Invoice) -> None:
            invoice.refunds[self.payment] = self.refund

    class Transferred(Aggregate.Event):
        TOPIC = "invoice.transferred"
        organization_id: UUID

        def apply(self, invoice: Invoice) -> None:
            invoice.organization_id = self.organization_id


_BY_STATUS = {event.STATUS: event for event in (Invoice.Finalized, Invoice.Paid, Invoice.Voided, Invoice.WrittenOff)}
