"""A payment as the provider reports it: attempts, the invoices it pays, what went back, what was disputed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.ids import payment_id_for
from domain.money import Money
from domain.payment_facts import (
    Application,
    ApplicationStatus,
    Attempt,
    Dispute,
    Funds,
    Outcome,
    Progress,
    Refund,
    RefundTotal,
    Standing,
)


class PaymentStatus(StrEnum):
    """What a person wants to know of a payment."""

    OPEN = "open"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class Payment(Aggregate):
    """Remembers of each charge, refund, dispute and invoice the furthest and then the newest that was reported, so
    that any order of the same reports ends alike."""

    TOPIC = "payment"

    if TYPE_CHECKING:
        organization_id: UUID
        provider: str
        provider_id: str
        attempts: dict[str, Attempt]  # by charge, or by the report of one that came to none
        standing: Standing | None
        applications: dict[UUID, Application]  # by invoice
        refund_totals: dict[str, RefundTotal]  # by charge
        refunds: dict[str, Refund]
        disputes: dict[str, Dispute]
        funds: dict[str, dict[str, Funds]]  # by dispute and movement

    @classmethod
    def open(cls, *, provider: str, provider_id: str, organization_id: UUID, now: datetime) -> Payment:
        return cls.begin(
            cls.Opened,
            id=payment_id_for(provider, provider_id),
            now=now,
            provider=provider,
            provider_id=provider_id,
            organization_id=organization_id,
        )

    def attempt(self, charge: str, attempt: Attempt, *, now: datetime) -> None:
        """An attempt to collect, as it stands."""
        known = self.attempts.get(charge)
        if known is None or (attempt.outcome.rank, attempt.seen) > (known.outcome.rank, known.seen):
            self.record(self.Attempted, now=now, charge=charge, attempt=attempt)

    def stand(self, standing: Standing, *, now: datetime) -> None:
        """The provider's word on the payment as a whole; a final one outweighs those that are not."""
        known = self.standing
        if known is None or (standing.progress.is_final, standing.seen) > (known.progress.is_final, known.seen):
            self.record(self.Stood, now=now, standing=standing)

    def pay(self, invoice_id: UUID, application: Application, *, now: datetime) -> None:
        """It pays an invoice, or is meant to."""
        known = self.applications.get(invoice_id)
        if known is None or (application.status.rank, application.seen) > (known.status.rank, known.seen):
            self.record(self.Applied, now=now, invoice_id=invoice_id, application=application)

    def charge_refunded(self, charge: str, total: RefundTotal, *, now: datetime) -> None:
        """So much of a charge went back in all, so far."""
        known = self.refund_totals.get(charge)
        if known is None or (total.amount, known.refunded_at) > (known.amount, total.refunded_at):
            self.record(self.ChargeRefunded, now=now, charge=charge, total=total)

    def refund(self, refund: str, of: Refund, *, now: datetime) -> None:
        """One refund, as it stands."""
        known = self.refunds.get(refund)
        if known is None or (of.status.rank, of.seen) > (known.status.rank, known.seen):
            self.record(self.RefundReported, now=now, refund=refund, of=of)

    def dispute(self, dispute: str, of: Dispute, *, now: datetime) -> None:
        """A dispute, as it stands. One that was decided may be opened again by an appeal."""
        known = self.disputes.get(dispute)
        if known is None or of.seen > known.seen:
            self.record(self.DisputeReported, now=now, dispute=dispute, of=of)

    def move_funds(self, dispute: str, movement: str, funds: Funds, *, now: datetime) -> None:
        """The bank took the disputed money, or gave it back."""
        if movement not in self.funds.get(dispute, {}):
            self.record(self.FundsMoved, now=now, dispute=dispute, movement=movement, funds=funds)

    def transfer(self, organization_id: UUID, *, now: datetime) -> None:
        """The customer turned out to be another organization's."""
        if organization_id != self.organization_id:
            self.record(self.Transferred, now=now, organization_id=organization_id)

    # questions

    @property
    def status(self) -> PaymentStatus:
        outcomes = {attempt.outcome for attempt in self.attempts.values()}
        progress = self.standing.progress if self.standing else Progress.OPEN
        paid = any(each.status is ApplicationStatus.PAID for each in self.applications.values())
        if Outcome.SUCCEEDED in outcomes or progress is Progress.SUCCEEDED or paid:
            return PaymentStatus.SUCCEEDED
        if progress is Progress.CANCELED:
            return PaymentStatus.CANCELED
        if Outcome.AUTHORIZED in outcomes:
            return PaymentStatus.AUTHORIZED
        if Outcome.PENDING in outcomes or progress is Progress.PROCESSING:
            return PaymentStatus.PENDING
        if progress is Progress.ACTION_REQUIRED:
            return PaymentStatus.ACTION_REQUIRED
        return PaymentStatus.FAILED if outcomes else PaymentStatus.OPEN

    @property
    def money(self) -> Money | None:
        """What it is about: what was taken, else what was asked for. None while nobody has said."""
        taken = [each for each in self.attempts.values() if each.outcome is Outcome.SUCCEEDED]
        if taken:
            return Money(sum(each.amount for each in taken), taken[0].currency)
        if self.standing:
            return Money(self.standing.amount, self.standing.currency)
        meant = list(self.applications.values())
        if meant:
            return Money(sum(each.amount_paid or each.amount_requested for each in meant), meant[0].currency)
        last = max(self.attempts.values(), key=lambda each: each.seen, default=None)
        return Money(last.amount, last.currency) if last else None

    @property
    def method(self) -> str | None:
        """How it was paid, or tried last: card, sepa_debit, …"""
        tried = [each for each in self.attempts.values() if each.method]
        best = max(tried, key=lambda each: (each.outcome is Outcome.SUCCEEDED, each.seen), default=None)
        return best.method if best else None

    @property
    def made_at(self) -> datetime | None:
        """When it was made: the first success, else the last try."""
        taken = [each.attempted_at for each in self.attempts.values() if each.outcome is Outcome.SUCCEEDED]
        paid = [each.paid_at for each in self.applications.values() if each.paid_at]
        tried = [each.attempted_at for each in self.attempts.values()]
        return min(taken or paid, default=None) or max(tried, default=None)

    def refunded(self, charge: str) -> RefundTotal:
        """How much of a charge is the customer's again, and since when.

        The provider tells it twice: as the charge's total, which counts refunds that fail later, and refund by refund,
        which some endpoints do not hear of. What failed is taken off the total.
        """
        of_it = [each for each in self.refunds.values() if each.charge == charge]
        live = sum(each.amount for each in of_it if each.status.is_live)
        total = self.refund_totals.get(charge)
        left = total.amount - sum(each.amount for each in of_it if not each.status.is_live) if total else 0
        times = [each.created_at for each in of_it if each.status.is_live or not live]
        if total and left >= live:
            times.append(total.refunded_at)
        return RefundTotal(max(live, left, 0), max(times))

    @property
    def refunded_charges(self) -> tuple[str, ...]:
        """The charges of which something went back, or was to."""
        return tuple(sorted({*self.refund_totals, *(each.charge for each in self.refunds.values())}))

    @property
    def has_consequences(self) -> bool:
        """Whether the invoice it pays has to hear of it: something went back, or is disputed."""
        return bool(self.refunded_charges or self.disputes)

    def shares(self, amount: int) -> Iterator[tuple[UUID, int]]:
        """To which of the invoices that it pays a refunded amount belongs: the provider does not say, so to one after
        the other up to what it paid of each, and what is more to the last."""
        invoices = sorted(self.applications)
        for number, invoice_id in enumerate(invoices, 1):
            paid = self.applications[invoice_id].amount_paid
            share = amount if number == len(invoices) else min(amount, paid)
            amount -= share
            yield invoice_id, share

    class Opened(Created):
        TOPIC = "payment.opened"
        provider: str
        provider_id: str
        organization_id: UUID

        def apply(self, payment: Payment) -> None:
            payment.provider = self.provider
            payment.provider_id = self.provider_id
            payment.organization_id = self.organization_id
            payment.attempts = {}
            payment.standing = None
            payment.applications = {}
            payment.refund_totals = {}
            payment.refunds = {}
            payment.disputes = {}
            payment.funds = defaultdict(dict)

    class Attempted(Aggregate.Event):
        TOPIC = "payment.attempted"
        charge: str
        attempt: Attempt

        def apply(self, payment: Payment) -> None:
            payment.attempts[self.charge] = self.attempt

    class Stood(Aggregate.Event):
        TOPIC = "payment.stood"
        standing: Standing

        def apply(self, payment: Payment) -> None:
            payment.standing = self.standing

    class Applied(Aggregate.Event):
        TOPIC = "payment.applied"
        invoice_id: UUID
        application: Application

        def apply(self, payment: Payment) -> None:
            payment.applications[self.invoice_id] = self.application

    class ChargeRefunded(Aggregate.Event):
        TOPIC = "payment.charge_refunded"
        charge: str
        total: RefundTotal

        def apply(self, payment: Payment) -> None:
            payment.refund_totals[self.charge] = self.total

    class RefundReported(Aggregate.Event):
        TOPIC = "payment.refund_reported"
        refund: str
        of: Refund

        def apply(self, payment: Payment) -> None:
            payment.refunds[self.refund] = self.of

    class DisputeReported(Aggregate.Event):
        TOPIC = "payment.dispute_reported"
        dispute: str
        of: Dispute

        def apply(self, payment: Payment) -> None:
            payment.disputes[self.dispute] = self.of

    class FundsMoved(Aggregate.Event):
        TOPIC = "payment.funds_moved"
        dispute: str
        movement: str
        funds: Funds

        def apply(self, payment: Payment) -> None:
            payment.funds[self.dispute][self.movement] = self.funds

    class Transferred(Aggregate.Event):
        TOPIC = "payment.transferred"
        organization_id: UUID

        def apply(self, payment: Payment) -> None:
            payment.organization_id = self.organization_id
