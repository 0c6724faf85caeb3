"""What a subscription's payments mean for its licence: one pure question, asked again whenever anything is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from domain.aggregate import Aggregate
from domain.provider_facts import DisputeOutcome, SubscriptionStatus

if TYPE_CHECKING:
    from domain.entitlements import Entitlements
    from domain.license import License
    from domain.subscription import Subscription


class Standing(StrEnum):
    GOOD = "good"
    GRACE = "grace"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True)
class PaymentStanding:
    """How the licence should stand. `until` is when that changes by itself: the end of the grace, or the end that the
    provider states for a subscription that was cancelled and is not over. `attempt` counts the failed payments."""

    standing: Standing
    reason: str | None = None
    until: datetime | None = None
    attempt: int = 0


GOOD = PaymentStanding(Standing.GOOD)
UNPAID = frozenset({"payment_failed", "subscription_unpaid"})
"""Of the reasons those that are one to the customer: the provider gives up some time after the payments failed."""


class PaymentFollowed(Aggregate.Event):
    """What the subscription's payments mean for the licence has changed."""

    payment: PaymentStanding

    def apply(self, license: License) -> None:
        license.payment = self.payment
        license.is_held_by_payment = self.payment.standing is Standing.SUSPENDED


def standing_of(subscription: Subscription, entitlements: Entitlements, now: datetime) -> PaymentStanding:
    """The worst that is true, in this order: over, disputed, refunded, paused or unpaid, payments failed.

    A payment that came after a refund, after a lost dispute or after the status was reported outweighs it: providers
    report a status late, and a customer who paid works.
    """
    if subscription.terms.status is SubscriptionStatus.CANCELED:
        return _ended(subscription, now)
    if reason := next(_suspensions(subscription), None):
        return PaymentStanding(Standing.SUSPENDED, reason)
    return _by_failures(subscription, entitlements, now)


def _ended(subscription: Subscription, now: datetime) -> PaymentStanding:
    end = subscription.terms.ended_at or subscription.seen.at
    if end <= now:
        return PaymentStanding(Standing.REVOKED, "canceled")
    if reason := next(_suspensions(subscription), None):
        return PaymentStanding(Standing.SUSPENDED, reason, until=end)
    return PaymentStanding(Standing.GOOD, "canceled", until=end)


def _suspensions(subscription: Subscription) -> Iterator[str]:
    paid_at = subscription.payments.last_paid_at
    for dispute in subscription.payments.disputes.values():
        if dispute.outcome is DisputeOutcome.OPEN:
            yield "payment_disputed"
        elif dispute.outcome is DisputeOutcome.LOST and (paid_at is None or paid_at <= dispute.disputed_at):
            yield "dispute_lost"
    if any(paid_at is None or paid_at <= refunded_at for refunded_at in subscription.payments.refunds.values()):
        yield "payment_refunded"
    if subscription.terms.status is SubscriptionStatus.PAUSED:
        yield "subscription_paused"
    if subscription.terms.status is SubscriptionStatus.UNPAID and not _paid_since_reported(subscription):
        yield "subscription_unpaid"


def _by_failures(subscription: Subscription, entitlements: Entitlements, now: datetime) -> PaymentStanding:
    worst = _worst_failure(subscription)
    if worst is None:
        return GOOD
    attempt, failed_at = worst
    grace = entitlements.grace_after(attempt)
    if grace is None or failed_at + grace <= now:
        return PaymentStanding(Standing.SUSPENDED, "payment_failed", attempt=attempt)
    return PaymentStanding(Standing.GRACE, "payment_failed", until=failed_at + grace, attempt=attempt)


def _worst_failure(subscription: Subscription) -> tuple[int, datetime] | None:
    """The highest failed attempt of an overdue invoice and when it failed; of equals the earliest.

    A subscription that is past due though no failure is known has failed once: the report of it was lost or is late.
    """
    latest = [max(subscription.payments.failures[invoice].items()) for invoice in subscription.overdue]
    if latest:
        return max(latest, key=lambda failure: (failure[0], -failure[1].timestamp()))
    if subscription.terms.status is SubscriptionStatus.PAST_DUE and not _paid_since_reported(subscription):
        return 1, subscription.seen.at
    return None


def _paid_since_reported(subscription: Subscription) -> bool:
    return subscription.payments.last_paid_at is not None and subscription.payments.last_paid_at >= subscription.seen.at
