from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.provider_facts import Seen
from domain.provider_facts import SubscriptionStatus as Status
from domain.subscription import Subscription
from domain.subscription_terms import Purchase, Terms

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PRO, STARTER = Purchase("pro", 1, "pro-monthly"), Purchase("starter", 1, "starter-monthly")
RUNNING = Terms(
    status=Status.ACTIVE,
    quantity=1,
    period_start=NOW,
    period_end=NOW + timedelta(days=30),
    trial_end=None,
    cancel_at=None,
    ended_at=None,
)


def at(second: int) -> Seen:
    return Seen(NOW + timedelta(seconds=second), 2, f"evt_{second}")


def started(terms: Terms = RUNNING) -> Subscription:
    return Subscription.start(
        id=uuid4(),
        organization_id=uuid4(),
        provider="stripe",
        provider_id="sub_1",
        purchase=PRO,
        terms=terms,
        seen=at(0),
        now=NOW,
    )


def facts(subscription: Subscription) -> list[str]:
    return [type(event).__name__ for event in subscription.pending_events][1:]


def test_each_difference_is_a_fact_of_its_own():
    subscription = started()
    changed = replace(RUNNING, quantity=5, status=Status.PAST_DUE, cancel_at=NOW + timedelta(days=9))
    subscription.report(changed, STARTER, seen=at(1), now=NOW)
    assert facts(subscription) == ["PlanChanged", "QuantityChanged", "CancellationSet", "StatusChanged", "Reported"]
    assert (subscription.terms, subscription.purchase) == (changed, STARTER)


def test_a_report_without_news_still_says_how_new_our_knowledge_is():
    subscription = started()
    subscription.report(RUNNING, PRO, seen=at(3), now=NOW)
    subscription.report(replace(RUNNING, quantity=9), PRO, seen=at(2), now=NOW)
    assert facts(subscription) == ["Reported"]
    assert subscription.terms == RUNNING


def test_an_incomplete_subscription_gives_no_right_until_it_was_active_once():
    subscription = started(replace(RUNNING, status=Status.INCOMPLETE))
    assert not subscription.is_entitled
    subscription.report(RUNNING, PRO, seen=at(1), now=NOW)
    assert subscription.is_entitled


def test_a_transfer_to_its_owner_is_no_transfer():
    subscription = started()
    subscription.transfer(subscription.organization_id, now=NOW)
    assert facts(subscription) == []


class AnyReports(RuleBasedStateMachine):
    """The newest report wins, failures of settled invoices do not count, and replay agrees with what was decided."""

    invoices = tuple(uuid4() for _ in range(3))

    def __init__(self) -> None:
        super().__init__()
        self.subscription = started()
        self.newest = (at(0), RUNNING)

    @rule(second=some.integers(0, 30), quantity=some.integers(1, 5), status=some.sampled_from(list(Status)))
    def report(self, second: int, quantity: int, status: Status) -> None:
        terms = replace(RUNNING, quantity=quantity, status=status)
        self.subscription.report(terms, PRO, seen=at(second), now=NOW)
        if at(second) > self.newest[0]:
            self.newest = (at(second), terms)

    @rule(invoice=some.sampled_from(invoices), attempt=some.integers(1, 4), minute=some.integers(0, 9))
    def fail(self, invoice, attempt: int, minute: int) -> None:
        failed_at = NOW + timedelta(minutes=minute)
        self.subscription.payment_failed(invoice, attempt=attempt, failed_at=failed_at, now=NOW)

    @rule(invoice=some.sampled_from(invoices))
    def settle(self, invoice) -> None:
        self.subscription.invoice_settled(invoice, paid_at=NOW, now=NOW)

    @invariant()
    def the_newest_report_stands(self) -> None:
        assert (self.subscription.seen, self.subscription.terms) == self.newest

    @invariant()
    def settled_invoices_have_no_failures(self) -> None:
        assert not self.subscription.settled & self.subscription.failures.keys()

    @invariant()
    def replay_ends_in_the_same_state(self) -> None:
        replayed = None
        for event in self.subscription.pending_events:
            replayed = event.mutate(replayed)
        assert _state(replayed) == _state(self.subscription)


def _state(subscription: Subscription) -> dict[str, object]:
    return {name: value for name, value in vars(subscription).items() if name != "_pending_events"}


TestAnyReports = AnyReports.TestCase
TestAnyReports.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
