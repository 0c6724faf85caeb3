"""An organization's running purchase of a plan, as the provider reports it and as its payments stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Unpack
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.counting import runs
from domain.provider_facts import DisputeOutcome, Seen
from domain.provider_facts import SubscriptionStatus as Status
from domain.subscription_terms import Dispute, HeldChange, PlannedChange, Purchase, Start, Terms


class Subscription(Aggregate):
    """Follows the newest report and remembers every payment's fate; what that means for the licence is a question
    answered in `domain/standing.py`.

    All state is a maximum, a union or "the newest wins", so any order of the same reports ends alike.
    """

    TOPIC = "subscription"

    if TYPE_CHECKING:
        organization_id: UUID
        provider: str
        provider_id: str
        purchase: Purchase
        terms: Terms
        seen: Seen
        is_entitled: bool
        failures: dict[UUID, dict[int, datetime]]  # unsettled invoice → attempt → when it failed
        settled: frozenset[UUID]
        last_paid_at: datetime | None
        refunds: dict[UUID, datetime]
        disputes: dict[str, Dispute]
        periods: frozenset[tuple[datetime, datetime]]  # every paid one that was reported, from when until when
        held: HeldChange | None
        offers: frozenset[UUID]  # invoices of changes that were held: nobody is behind who does not pay one
        planned: dict[str, tuple[Seen, PlannedChange | None]]  # by the provider's schedule

    @classmethod
    def start(cls, *, id: UUID, now: datetime, held: HeldChange | None = None, **facts: Unpack[Start]) -> Subscription:
        subscription = cls.begin(cls.Started, id=id, now=now, **facts)
        if held is not None:
            subscription.record(cls.HeldChangeSet, now=now, change=held)
        return subscription

    def report(
        self, terms: Terms, purchase: Purchase, *, seen: Seen, now: datetime, held: HeldChange | None = None
    ) -> None:
        """Takes over a report that is newer than what is known; an older one can still prove that there was a right
        to a licence once, and when a period was."""
        if terms.status.entitles and not self.is_entitled:
            self.record(self.Entitled, now=now)
        if seen <= self.seen:
            if terms.period not in self.periods:
                self.record(self.PeriodLearned, now=now, period_start=terms.period_start, period_end=terms.period_end)
            return
        if purchase != self.purchase:
            self.record(self.PlanChanged, now=now, purchase=purchase)
        self._report_terms(terms, now)
        if held != self.held:
            self.record(self.HeldChangeSet, now=now, change=held)
        self.record(self.Reported, now=now, seen=seen)

    def _report_terms(self, terms: Terms, now: datetime) -> None:
        if terms.quantity != self.terms.quantity:
            self.record(self.QuantityChanged, now=now, quantity=terms.quantity)
        if terms.period != self.terms.period:
            self.record(self.PeriodBegan, now=now, period_start=terms.period_start, period_end=terms.period_end)
        if terms.trial_end != self.terms.trial_end:
            self.record(self.TrialSet, now=now, trial_end=terms.trial_end)
        if terms.cancel_at != self.terms.cancel_at:
            self.record(self.CancellationSet, now=now, cancel_at=terms.cancel_at)
        if (terms.status, terms.ended_at) != (self.terms.status, self.terms.ended_at):
            self.record(self.StatusChanged, now=now, status=terms.status, ended_at=terms.ended_at)

    def payment_failed(self, invoice_id: UUID, *, attempt: int, failed_at: datetime, now: datetime) -> None:
        """Attempt n (from 1) of an invoice failed. One that is settled by now, or known, changes nothing."""
        known = self.failures.get(invoice_id, {}).get(attempt)
        if invoice_id not in self.settled and (known is None or failed_at < known):
            self.record(self.PaymentFailed, now=now, invoice_id=invoice_id, attempt=attempt, failed_at=failed_at)

    def invoice_settled(self, invoice_id: UUID, *, paid_at: datetime | None, now: datetime) -> None:
        """The invoice was paid, or voided (`paid_at` None): its failures count no more."""
        news = paid_at is not None and (self.last_paid_at is None or paid_at > self.last_paid_at)
        if invoice_id not in self.settled or news:
            self.record(self.InvoiceSettled, now=now, invoice_id=invoice_id, paid_at=paid_at)

    def payment_refunded(self, invoice_id: UUID, *, refunded_at: datetime | None, now: datetime) -> None:
        """The whole of an invoice went back, as the invoice says; None: not all of it, or not any more, as when the
        bank sent a refund back."""
        known = self.refunds.get(invoice_id)
        if refunded_at is not None and refunded_at != known:
            self.record(self.PaymentRefunded, now=now, invoice_id=invoice_id, refunded_at=refunded_at)
        elif refunded_at is None and known is not None:
            self.record(self.RefundFailed, now=now, invoice_id=invoice_id)

    def payment_disputed(self, dispute: str, *, outcome: DisputeOutcome, disputed_at: datetime, now: datetime) -> None:
        """A dispute was opened, closed, or opened again by an appeal, as the payment says."""
        if self.disputes.get(dispute) != Dispute(disputed_at, outcome):
            self.record(self.PaymentDisputed, now=now, dispute=dispute, disputed_at=disputed_at, outcome=outcome)

    def plan(self, schedule: str, change: PlannedChange | None, *, seen: Seen, now: datetime) -> None:
        """What a schedule at the provider makes of the subscription next; None: nothing, or nothing any more."""
        known, planned = self.planned.get(schedule, (None, None))
        if known is None or seen > known:
            was = planned is not None
            self.record(self.PlannedChangeSet, now=now, schedule=schedule, change=change, seen=seen, was_planned=was)

    @property
    def anchors(self) -> tuple[datetime, ...]:
        """The beginning of each run of periods: the first, and where it was moved."""
        return runs(self.periods)

    @property
    def next_change(self) -> PlannedChange | None:
        """The first one that is planned."""
        planned = [change for _, change in self.planned.values() if change is not None]
        return min(planned, key=lambda change: change.takes_effect_at, default=None)

    def trial_is_ending(self, *, trial_end: datetime, now: datetime) -> None:
        """The provider reminds that the trial ends in a few days."""
        self.record(self.TrialEnding, now=now, trial_end=trial_end)

    def transfer(self, organization_id: UUID, *, now: datetime) -> None:
        """The customer turned out to be another organization's."""
        if organization_id != self.organization_id:
            self.record(self.Transferred, now=now, organization_id=organization_id)

    class Started(Created):
        TOPIC = "subscription.started"
        organization_id: UUID
        provider: str
        provider_id: str
        purchase: Purchase
        terms: Terms
        seen: Seen

        def apply(self, subscription: Subscription) -> None:
            subscription.organization_id = self.organization_id
            subscription.provider = self.provider
            subscription.provider_id = self.provider_id
            subscription.purchase = self.purchase
            subscription.terms = self.terms
            subscription.seen = self.seen
            subscription.is_entitled = self.terms.status.entitles
            subscription.failures = {}
            subscription.settled = frozenset()
            subscription.last_paid_at = None
            subscription.refunds, subscription.disputes = {}, {}
            subscription.periods = frozenset({self.terms.period})
            subscription.held, subscription.offers, subscription.planned = None, frozenset(), {}

    class Entitled(Aggregate.Event):
        TOPIC = "subscription.entitled"

        def apply(self, subscription: Subscription) -> None:
            subscription.is_entitled = True

    class PlanChanged(Aggregate.Event):
        TOPIC = "subscription.plan_changed"
        purchase: Purchase

        def apply(self, subscription: Subscription) -> None:
            subscription.purchase = self.purchase

    class QuantityChanged(Aggregate.Event):
        TOPIC = "subscription.quantity_changed"
        quantity: int

        def apply(self, subscription: Subscription) -> None:
            subscription.terms = replace(subscription.terms, quantity=self.quantity)

    class PeriodBegan(Aggregate.Event):
        TOPIC = "subscription.period_began"
        period_start: datetime
        period_end: datetime

        def apply(self, subscription: Subscription) -> None:
            subscription.periods |= {(self.period_start, self.period_end)}
            subscription.terms = replace(subscription.terms, period_start=self.period_start, period_end=self.period_end)

    class PeriodLearned(Aggregate.Event):
        """From a report that is older than what is known."""

        TOPIC = "subscription.period_learned"
        period_start: datetime
        period_end: datetime

        def apply(self, subscription: Subscription) -> None:
            subscription.periods |= {(self.period_start, self.period_end)}

    class TrialSet(Aggregate.Event):
        TOPIC = "subscription.trial_set"
        trial_end: datetime | None

        def apply(self, subscription: Subscription) -> None:
            subscription.terms = replace(subscription.terms, trial_end=self.trial_end)

    class CancellationSet(Aggregate.Event):
        TOPIC = "subscription.cancellation_set"
        cancel_at: datetime | None

        def apply(self, subscription: Subscription) -> None:
            subscription.terms = replace(subscription.terms, cancel_at=self.cancel_at)

    class StatusChanged(Aggregate.Event):
        TOPIC = "subscription.status_changed"
        status: Status
        ended_at: datetime | None

        def apply(self, subscription: Subscription) -> None:
            subscription.terms = replace(subscription.terms, status=self.status, ended_at=self.ended_at)

    class Reported(Aggregate.Event):
        TOPIC = "subscription.reported"
        seen: Seen

        def apply(self, subscription: Subscription) -> None:
            subscription.seen = self.seen

    class PaymentFailed(Aggregate.Event):
        TOPIC = "subscription.payment_failed"
        invoice_id: UUID
        attempt: int
        failed_at: datetime

        def apply(self, subscription: Subscription) -> None:
            subscription.failures.setdefault(self.invoice_id, {})[self.attempt] = self.failed_at

    class InvoiceSettled(Aggregate.Event):
        TOPIC = "subscription.invoice_settled"
        invoice_id: UUID
        paid_at: datetime | None

        def apply(self, subscription: Subscription) -> None:
            subscription.settled |= {self.invoice_id}
            subscription.failures.pop(self.invoice_id, None)
            if self.paid_at is not None:
                subscription.last_paid_at = max(subscription.last_paid_at or self.paid_at, self.paid_at)

    class PaymentRefunded(Aggregate.Event):
        TOPIC = "subscription.payment_refunded"
        invoice_id: UUID
        refunded_at: datetime

        def apply(self, subscription: Subscription) -> None:
            subscription.refunds[self.invoice_id] = self.refunded_at

    class RefundFailed(Aggregate.Event):
        TOPIC = "subscription.refund_failed"
        invoice_id: UUID

        def apply(self, subscription: Subscription) -> None:
            subscription.refunds.pop(self.invoice_id, None)

    class PaymentDisputed(Aggregate.Event):
        TOPIC = "subscription.payment_disputed"
        dispute: str
        disputed_at: datetime
        outcome: DisputeOutcome

        def apply(self, subscription: Subscription) -> None:
            subscription.disputes[self.dispute] = Dispute(self.disputed_at, self.outcome)

    class TrialEnding(Aggregate.Event):
        TOPIC = "subscription.trial_ending"
        trial_end: datetime

    class HeldChangeSet(Aggregate.Event):
        """None: it was paid, given up, or too late."""

        TOPIC = "subscription.held_change_set"
        change: HeldChange | None

        def apply(self, subscription: Subscription) -> None:
            subscription.held = self.change
            if self.change is not None and self.change.invoice_id is not None:
                subscription.offers |= {self.change.invoice_id}

    class PlannedChangeSet(Aggregate.Event):
        TOPIC = "subscription.planned_change_set"
        schedule: str
        change: PlannedChange | None
        seen: Seen
        was_planned: bool

        def apply(self, subscription: Subscription) -> None:
            subscription.planned[self.schedule] = (self.seen, self.change)

    class Transferred(Aggregate.Event):
        TOPIC = "subscription.transferred"
        organization_id: UUID

        def apply(self, subscription: Subscription) -> None:
            subscription.organization_id = self.organization_id
