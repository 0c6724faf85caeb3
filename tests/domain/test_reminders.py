from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.billing_account import CARD_NOTICE, Basis, BillingAccount
from domain.money import Money
from domain.payment_facts import Card
from domain.plan import Interval, Price
from domain.provider_facts import SubscriptionStatus as Status
from domain.reminders import NoticePeriods, Occasion, Reminder, due, planned, reminders_of
from domain.subscription import Subscription
from domain.subscription_terms import Purchase, Terms
from tests.domain.test_subscription import at as seen

NOW = datetime(2027, 1, 1, tzinfo=UTC)
YEARLY = Price("pro-yearly", Money(99000, "usd"), Interval.YEAR)
MONTHLY = Price("pro-monthly", Money(9900, "usd"), Interval.MONTH)
RUNNING = Terms(
    status=Status.ACTIVE,
    quantity=1,
    period_start=NOW,
    period_end=NOW + timedelta(days=365),
    trial_end=None,
    cancel_at=None,
    ended_at=None,
)


def day(count: float) -> datetime:
    return NOW + timedelta(days=count)


def told_of(terms: Terms, price: Price = YEARLY, notices: NoticePeriods = NoticePeriods()) -> list[tuple[str, float]]:
    """Each with how many days after NOW it is to be told."""
    found = sorted(reminders_of(terms, notices, price))
    return [(each.occasion.value, (each.at - NOW) / timedelta(days=1)) for each in found]


def test_a_long_period_is_announced_a_month_and_a_week_before_and_a_short_one_not():
    assert told_of(RUNNING) == [("renewal", 335), ("renewal", 358)]
    assert told_of(RUNNING, MONTHLY) == []
    half = replace(YEARLY, interval=Interval.MONTH, interval_count=6)
    assert len(told_of(RUNNING, half)) == 2
    assert told_of(RUNNING, MONTHLY, NoticePeriods(renewal=(timedelta(days=2),))) == [("renewal", 363)]
    assert told_of(RUNNING, YEARLY, NoticePeriods(renewal=())) == []


def test_a_trial_is_told_of_its_end_and_nothing_of_a_renewal():
    trial = replace(RUNNING, status=Status.TRIALING, trial_end=day(14), period_end=day(14))
    assert told_of(trial) == [("trial_end", 11)]


def test_what_is_cancelled_is_told_of_its_end_only():
    assert told_of(replace(RUNNING, cancel_at=day(365))) == [("end", 362)]
    trial = replace(RUNNING, status=Status.TRIALING, trial_end=day(14), period_end=day(14), cancel_at=day(14))
    assert told_of(trial) == [("end", 11)]
    later = replace(RUNNING, cancel_at=day(700))
    assert told_of(later) == [("renewal", 335), ("renewal", 358), ("end", 697)]


@pytest.mark.parametrize("status", [Status.CANCELED, Status.PAUSED, Status.UNPAID, Status.INCOMPLETE])
def test_what_does_not_run_is_reminded_of_nothing(status):
    assert told_of(replace(RUNNING, status=status, ended_at=None)) == []


def test_what_lay_behind_when_it_was_planned_is_not_told_and_what_is_late_is_told_once_the_last_only():
    first, second = (Reminder(day(count), Occasion.RENEWAL, day(40)) for count in (10, 33))
    assert planned([first, second], (), day(20)) == (second,)
    assert planned([first, second], (first, second), day(35)) == (first, second)
    assert due((first, second), day(35)) == (second,)
    assert due((first, second), day(9)) == ()
    assert due((first, second), day(40)) == (), "it has happened"


OFTEN = NoticePeriods(trial=(timedelta(days=10),), ending=(timedelta(days=20),))


class Life(RuleBasedStateMachine):
    """A subscription whose terms change, on a clock that runs; workers come when they come."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.subscription = Subscription.start(
            id=uuid4(),
            organization_id=uuid4(),
            provider="stripe",
            provider_id="sub_1",
            purchase=Purchase("pro", 1, "pro-yearly"),
            terms=RUNNING,
            seen=seen(0),
            now=NOW,
        )
        self.plan()

    @rule(hours=some.integers(0, 24 * 30))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(
        period=some.integers(-5, 60),
        cancels=some.none() | some.integers(-5, 60),
        trial=some.none() | some.integers(0, 30),
        status=some.sampled_from([Status.ACTIVE, Status.TRIALING, Status.PAST_DUE, Status.PAUSED]),
    )
    def is_reported(self, period: int, cancels: int | None, trial: int | None, status: Status) -> None:
        def later(days: int | None) -> datetime | None:
            return None if days is None else self.now + timedelta(days=days)

        self.subscription.terms = replace(
            RUNNING,
            status=status,
            period_end=self.now + timedelta(days=period),
            cancel_at=later(cancels),
            trial_end=later(trial),
        )
        self.plan()

    @rule()
    def plan(self) -> None:
        wanted = reminders_of(self.subscription.terms, OFTEN, YEARLY)
        self.subscription.plan_reminders(wanted, now=self.now)

    @rule()
    def workers_come(self) -> None:
        for _ in range(3):
            self.subscription.remind(now=self.now)
            self.plan()

    def told(self) -> list[tuple[str, datetime, datetime]]:
        names = {"TrialEnding": "trial_end", "RenewalComing": "renews_at", "EndComing": "ends_at"}
        found = [(each, names.get(type(each).__name__)) for each in self.subscription.pending_events]
        return [(type(each).__name__, getattr(each, name), each.timestamp) for each, name in found if name]

    @invariant()
    def nothing_is_told_when_it_is_over(self) -> None:
        assert all(told_at < of for _, of, told_at in self.told())

    @invariant()
    def no_more_often_than_the_plan_says(self) -> None:
        most = {"TrialEnding": 1, "RenewalComing": 2, "EndComing": 1}
        counts = Counter((name, of) for name, of, _ in self.told())
        assert all(count <= most[name] for (name, _), count in counts.items())

    @invariant()
    def whatever_is_planned_lies_ahead_or_is_late(self) -> None:
        assert len(set(self.subscription.reminders)) == len(self.subscription.reminders)
        assert list(self.subscription.reminders) == sorted(self.subscription.reminders)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


# cards


def account() -> BillingAccount:
    return BillingAccount.open(
        provider="stripe", customer="cus_1", organization_id=uuid4(), basis=Basis.DERIVED, linked_at=NOW, now=NOW
    )


def expires(of: BillingAccount) -> list[datetime]:
    of.plan_reminders(now=NOW)
    return [each.of for each in of.reminders]


MARCH, JUNE = Card("pm_1", 2027, 3, "visa"), Card("pm_2", 2027, 6, "visa")


def test_a_card_is_good_to_the_end_of_its_month():
    assert MARCH.expires_at == datetime(2027, 4, 1, tzinfo=UTC)
    assert Card("pm", 2027, 12).expires_at == datetime(2028, 1, 1, tzinfo=UTC)


def test_the_customer_is_told_of_the_card_that_will_be_charged_and_of_no_other():
    of = account()
    for card in (MARCH, JUNE):
        of.learn_card(card, now=NOW)
    assert expires(of) == [], "nobody has said which one pays"
    of.learn_method("cus_1", "pm_1", now=NOW)
    assert expires(of) == [MARCH.expires_at]
    of.learn_method("sub_1", "pm_2", now=NOW)
    assert expires(of) == [JUNE.expires_at], "the subscription names its own"
    of.learn_method("sub_1", None, now=NOW)
    assert expires(of) == [MARCH.expires_at]


def test_without_a_word_about_it_the_card_that_worked_last_is_meant():
    of = account()
    of.card_worked(JUNE, charged_at=NOW, now=NOW)
    of.card_worked(MARCH, charged_at=NOW - timedelta(days=30), now=NOW)
    assert expires(of) == [JUNE.expires_at]


@given(some.permutations([MARCH, replace(MARCH, year=2031), replace(MARCH, year=2029)]))
def test_a_bank_lengthens_a_card_and_older_news_of_it_change_nothing(cards):
    of = account()
    of.learn_method("cus_1", "pm_1", now=NOW)
    for card in cards:
        of.learn_card(card, now=NOW)
    assert expires(of) == [replace(MARCH, year=2031).expires_at]


def test_an_end_of_a_card_is_told_once_and_the_plan_is_empty_then():
    of = account()
    of.learn_card(MARCH, now=NOW)
    of.learn_method("cus_1", "pm_1", now=NOW)
    of.plan_reminders(now=NOW)
    for _ in range(2):
        of.remind(now=MARCH.expires_at - CARD_NOTICE)
    assert [type(each).__name__ for each in of.pending_events].count("CardExpiring") == 1
    assert of.reminders == ()
