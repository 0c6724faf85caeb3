from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.entitlements import Entitlements
from domain.provider_facts import DisputeOutcome, Seen
from domain.provider_facts import SubscriptionStatus as Status
from domain.standing import GOOD, PaymentStanding, Standing, standing_of
from domain.subscription import Subscription
from domain.subscription_terms import Purchase, Terms

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PRO = Entitlements(seats=10)
PURCHASE = Purchase("pro", 1, "pro-monthly")
RUNNING = Terms(
    status=Status.ACTIVE,
    quantity=1,
    period_start=NOW,
    period_end=NOW + timedelta(days=30),
    trial_end=None,
    cancel_at=None,
    ended_at=None,
)
INVOICE, NEXT_INVOICE = uuid4(), uuid4()


def day(count: float) -> datetime:
    return NOW + timedelta(days=count)


def seen(at: datetime, rank: int = 2, event: str = "evt") -> Seen:
    return Seen(at, rank, event)


def started(terms: Terms = RUNNING, at: Seen | None = None) -> Subscription:
    return Subscription.start(
        id=uuid4(),
        organization_id=uuid4(),
        provider="stripe",
        provider_id="sub_1",
        purchase=PURCHASE,
        terms=terms,
        seen=at or seen(NOW, 0),
        now=NOW,
    )


def failed(subscription: Subscription, attempt: int, at: datetime, invoice=INVOICE) -> None:
    subscription.payment_failed(invoice, attempt=attempt, failed_at=at, now=at)


def report(subscription: Subscription, status: Status, at: datetime, **changes: object) -> None:
    subscription.report(replace(RUNNING, status=status, **changes), PURCHASE, seen=seen(at), now=at)


def of(subscription: Subscription, at: datetime) -> PaymentStanding:
    return standing_of(subscription, PRO, at)


@pytest.mark.parametrize("status", [Status.TRIALING, Status.ACTIVE])
def test_a_running_subscription_is_in_good_standing(status):
    assert of(started(replace(RUNNING, status=status)), NOW) == GOOD


def test_the_first_failure_gives_seven_days_and_the_second_three():
    subscription = started()
    failed(subscription, 1, day(0))
    assert of(subscription, day(1)) == PaymentStanding(Standing.GRACE, "payment_failed", day(7), 1)
    failed(subscription, 2, day(3))
    assert of(subscription, day(4)) == PaymentStanding(Standing.GRACE, "payment_failed", day(6), 2)


def test_the_third_failure_suspends():
    subscription = started()
    for attempt in (1, 2, 3):
        failed(subscription, attempt, day(attempt))
    assert of(subscription, day(3)) == PaymentStanding(Standing.SUSPENDED, "payment_failed", attempt=3)


def test_grace_that_runs_out_suspends():
    subscription = started()
    failed(subscription, 1, day(0))
    assert of(subscription, day(6.99)).standing is Standing.GRACE
    assert of(subscription, day(7)).standing is Standing.SUSPENDED


def test_a_payment_in_between_heals():
    subscription = started()
    failed(subscription, 1, day(0))
    failed(subscription, 2, day(3))
    subscription.invoice_settled(INVOICE, paid_at=day(4), now=day(4))
    assert of(subscription, day(30)) == GOOD


def test_a_failure_that_is_reported_after_the_payment_is_history():
    subscription = started()
    subscription.invoice_settled(INVOICE, paid_at=day(1), now=day(1))
    failed(subscription, 1, day(0))
    assert of(subscription, day(2)) == GOOD


def test_a_past_due_status_without_a_known_failure_is_one_failure():
    subscription = started()
    report(subscription, Status.PAST_DUE, day(2))
    assert of(subscription, day(3)) == PaymentStanding(Standing.GRACE, "payment_failed", day(9), 1)


@pytest.mark.parametrize("status", [Status.PAST_DUE, Status.UNPAID])
def test_a_payment_after_the_last_report_counts_more_than_the_status(status):
    subscription = started()
    report(subscription, status, day(2))
    subscription.invoice_settled(INVOICE, paid_at=day(3), now=day(3))
    assert of(subscription, day(3)) == GOOD


@pytest.mark.parametrize(
    ("status", "reason"), [(Status.PAUSED, "subscription_paused"), (Status.UNPAID, "subscription_unpaid")]
)
def test_paused_and_unpaid_suspend(status, reason):
    subscription = started()
    report(subscription, status, day(1))
    assert of(subscription, day(1)) == PaymentStanding(Standing.SUSPENDED, reason)


def test_a_full_refund_suspends_until_a_later_payment():
    subscription = started()
    subscription.invoice_settled(INVOICE, paid_at=day(0), now=day(0))
    subscription.payment_refunded(INVOICE, refunded_at=day(1), now=day(1))
    assert of(subscription, day(1)) == PaymentStanding(Standing.SUSPENDED, "payment_refunded")
    subscription.invoice_settled(NEXT_INVOICE, paid_at=day(2), now=day(2))
    assert of(subscription, day(2)) == GOOD


def test_an_open_dispute_suspends_and_a_won_one_reinstates():
    subscription = started()
    subscription.payment_disputed("dp_1", outcome=DisputeOutcome.OPEN, disputed_at=day(1), now=day(1))
    assert of(subscription, day(1)).reason == "payment_disputed"
    subscription.payment_disputed("dp_1", outcome=DisputeOutcome.WON, disputed_at=day(1), now=day(9))
    assert of(subscription, day(9)) == GOOD


def test_a_lost_dispute_keeps_it_suspended():
    subscription = started()
    subscription.payment_disputed("dp_1", outcome=DisputeOutcome.LOST, disputed_at=day(1), now=day(9))
    assert of(subscription, day(9)).reason == "dispute_lost"


def test_a_refund_that_the_bank_sent_back_is_none():
    subscription = started()
    subscription.payment_refunded(INVOICE, refunded_at=day(1), now=day(1))
    subscription.payment_refunded(INVOICE, refunded_at=None, now=day(3))
    assert of(subscription, day(3)) == GOOD


def test_a_cancelled_subscription_is_over_at_the_end_that_the_provider_states():
    subscription = started()
    report(subscription, Status.CANCELED, day(1), ended_at=day(5))
    assert of(subscription, day(4)) == PaymentStanding(Standing.GOOD, "canceled", day(5))
    assert of(subscription, day(5)) == PaymentStanding(Standing.REVOKED, "canceled")


def test_an_older_report_proves_a_right_but_changes_nothing_else():
    subscription = started(replace(RUNNING, status=Status.CANCELED, ended_at=day(2)), seen(day(2), 9))
    assert not subscription.is_entitled
    report(subscription, Status.ACTIVE, day(1))
    assert subscription.is_entitled
    assert subscription.terms.status is Status.CANCELED


def _life() -> list[Callable[[Subscription], None]]:
    """Reports of one life with everything in it; the second ones of a second differ only in their rank."""
    return [
        lambda s: report(s, Status.TRIALING, day(0), trial_end=day(14)),
        lambda s: report(s, Status.ACTIVE, day(14)),
        lambda s: s.report(
            replace(RUNNING, quantity=3), Purchase("starter", 1, "s"), seen=seen(day(15), 1), now=day(15)
        ),
        lambda s: s.report(replace(RUNNING, quantity=5), PURCHASE, seen=seen(day(15), 2), now=day(15)),
        lambda s: failed(s, 1, day(30)),
        lambda s: failed(s, 2, day(33)),
        lambda s: report(s, Status.PAST_DUE, day(30)),
        lambda s: s.invoice_settled(INVOICE, paid_at=day(34), now=day(34)),
        lambda s: report(s, Status.ACTIVE, day(34), quantity=5),
        lambda s: s.payment_disputed("dp", outcome=DisputeOutcome.WON, disputed_at=day(35), now=day(36)),
        lambda s: failed(s, 1, day(60), NEXT_INVOICE),
        lambda s: report(s, Status.PAST_DUE, day(60), quantity=5),
    ]


@given(some.permutations(range(len(_life()) * 2)))
def test_a_life_ends_alike_in_any_order_and_repetition(order):
    subscription = started(at=seen(day(0) - timedelta(seconds=1), 0))
    for index in order:
        _life()[index % len(_life())](subscription)
    assert of(subscription, day(61)) == PaymentStanding(Standing.GRACE, "payment_failed", day(67), 1)
    assert subscription.terms == replace(RUNNING, status=Status.PAST_DUE, quantity=5)
    assert subscription.purchase == PURCHASE
