from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.event_codec import EventCodec
from domain.durations import CalendarTerm
from domain.entitlements import Entitlements, Feature
from domain.errors import InvalidRequest, NotFound
from domain.ids import plan_id
from domain.money import Money
from domain.plan import Interval, Plan, PlanTerms, Price

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MONTHLY = Price("pro-monthly", Money(9900, "usd"), Interval.MONTH, stripe_price="price_pro")
TERMS = PlanTerms("Pro", 14, Entitlements(seats=10), (MONTHLY,))
DEARER = replace(TERMS, prices=(replace(MONTHLY, money=Money(12900, "usd")),))


def published(terms: PlanTerms = TERMS) -> Plan:
    return Plan.publish(code="pro", product="coditect", terms=terms, now=NOW)


def facts(plan: Plan) -> list[str]:
    return [type(event).__name__ for event in plan.pending_events]


def test_a_published_plan_has_version_one():
    plan = published()
    assert plan.id == plan_id("pro")
    assert (plan.current_version, plan.current, plan.withdrawn) == (1, TERMS, False)
    assert plan.product == "coditect"


def test_changed_terms_make_the_next_version_and_leave_the_first():
    plan = published()
    plan.publish_version(DEARER, now=NOW)
    assert plan.current_version == 2
    assert plan.terms(2) == DEARER
    assert plan.terms(1) == TERMS


def test_equal_terms_are_no_new_version():
    plan = published()
    plan.publish_version(replace(TERMS), now=NOW)
    assert facts(plan) == ["Published"]


def test_another_order_is_no_new_version():
    yearly = Price("pro-annual", Money(99000, "usd"), Interval.YEAR)
    api, sso = Feature.of("api", True), Feature.of("sso", False)
    granted = Entitlements(seats=10, features=(sso, api))
    plan = published(replace(TERMS, prices=(MONTHLY, yearly), entitlements=granted))
    plan.publish_version(
        replace(TERMS, prices=(yearly, MONTHLY), entitlements=replace(granted, features=(api, sso))), now=NOW
    )
    assert facts(plan) == ["Published"]


def test_a_gate_for_one_is_another_version_than_an_open_gate():
    plan = published(replace(TERMS, entitlements=Entitlements(seats=10, features=(Feature.of("sso", True),))))
    plan.publish_version(replace(TERMS, entitlements=Entitlements(seats=10, features=(Feature.of("sso", 1),))), now=NOW)
    assert plan.current_version == 2


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_version_that_never_was_is_not_found(number):
    with pytest.raises(NotFound):
        published().terms(number)


def test_a_withdrawn_plan_keeps_its_terms_and_is_withdrawn_once():
    plan = published()
    plan.withdraw(now=NOW)
    plan.withdraw(now=NOW)
    assert plan.withdrawn and plan.terms(1) == TERMS
    assert facts(plan) == ["Published", "Withdrawn"]


def test_a_withdrawn_plan_returns_with_the_same_terms():
    plan = published()
    plan.withdraw(now=NOW)
    plan.publish_version(TERMS, now=NOW)
    assert not plan.withdrawn and plan.current_version == 1
    assert facts(plan) == ["Published", "Withdrawn", "Returned"]


def test_a_withdrawn_plan_returns_with_other_terms_as_the_next_version():
    plan = published()
    plan.withdraw(now=NOW)
    plan.publish_version(DEARER, now=NOW)
    assert not plan.withdrawn and plan.current_version == 2


def test_a_price_means_the_newest_version_that_has_it():
    plan = published()
    plan.publish_version(DEARER, now=NOW)
    plan.publish_version(replace(DEARER, prices=(replace(MONTHLY, code="pro-new", stripe_price="price_new"),)), now=NOW)

    old, new = plan.priced("price_pro"), plan.priced("pro-new")
    assert old is not None and new is not None
    assert (old.version, old.price.money, old.on_sale) == (2, Money(12900, "usd"), False)
    assert (new.version, new.on_sale) == (3, True)
    assert plan.priced("price_unknown") is None


def test_a_withdrawn_plan_has_no_price_on_sale():
    plan = published()
    plan.withdraw(now=NOW)
    found = plan.priced("pro-monthly")
    assert found is not None and not found.on_sale


ONE_TIME = replace(MONTHLY, interval=Interval.ONE_TIME)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(TERMS, name=""), "name"),
        (replace(TERMS, name="Pro\x1b[31m"), "name"),
        (replace(TERMS, trial_days=-1), "trial_days"),
        (replace(TERMS, entitlements=Entitlements(seats=0)), "entitlements.seats"),
        (replace(TERMS, prices=(replace(MONTHLY, money=Money(-1, "usd")),)), "prices[0].amount"),
        (replace(TERMS, prices=(replace(MONTHLY, money=Money(1, "usx")),)), "prices[0].currency"),
        (replace(TERMS, prices=(replace(MONTHLY, interval_count=37),)), "prices[0].interval_count"),
        (replace(TERMS, prices=(replace(MONTHLY, code="Pro Monthly"),)), "prices[0].code"),
        (replace(TERMS, prices=(replace(MONTHLY, stripe_price="price 1"),)), "prices[0].stripe_price"),
        (replace(TERMS, prices=(MONTHLY, replace(MONTHLY, code="other"))), "prices"),
        (replace(TERMS, prices=(ONE_TIME,)), "prices[0].interval"),
    ],
)
def test_absurd_terms_are_never_published(terms, field):
    with pytest.raises(InvalidRequest) as refused:
        published(terms)
    assert [each["field"] for each in refused.value.details["fields"]] == [field]
    plan = published()
    with pytest.raises(InvalidRequest):
        plan.publish_version(terms, now=NOW)
    assert plan.current_version == 1


def test_a_one_time_price_is_sold_with_a_term():
    granted = Entitlements(seats=1, license_term=CalendarTerm(months=12))
    assert published(replace(TERMS, entitlements=granted, prices=(ONE_TIME,))).current.prices == (ONE_TIME,)


class PlanLife(RuleBasedStateMachine):
    """Whatever is done to a plan: versions only grow, and what was published reads the same for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = published()
        self.seen = [TERMS]
        self.codec = EventCodec()

    @rule(
        amount=some.integers(0, 3), trial=some.integers(0, 2), reference=some.sampled_from(["price_a", "price_b", None])
    )
    def publish(self, amount: int, trial: int, reference: str | None) -> None:
        price = replace(MONTHLY, money=Money(amount, "usd"), stripe_price=reference)
        terms = replace(TERMS, trial_days=trial, prices=(price,))
        self.plan.publish_version(terms, now=NOW)
        if terms != self.seen[-1]:
            self.seen.append(terms)
        assert not self.plan.withdrawn

    @rule()
    def publish_nonsense(self) -> None:
        with pytest.raises(InvalidRequest):
            self.plan.publish_version(replace(TERMS, trial_days=-1), now=NOW)

    @rule()
    def withdraw(self) -> None:
        self.plan.withdraw(now=NOW)
        assert self.plan.withdrawn

    @precondition(lambda self: self.plan.pending_events)
    @rule()
    def store_and_load(self) -> None:
        stored = [self.codec.to_stored_event(event) for event in self.plan.pending_events]
        loaded = None
        for event in stored:
            loaded = self.codec.to_domain_event(event).mutate(loaded)
        assert isinstance(loaded, Plan)
        assert loaded.versions == self.plan.versions and loaded.withdrawn == self.plan.withdrawn

    @invariant()
    def every_version_reads_as_published(self) -> None:
        assert self.plan.current_version == len(self.seen)
        assert [self.plan.terms(number) for number in range(1, len(self.seen) + 1)] == self.seen

    @invariant()
    def a_price_means_the_newest_version_that_has_it(self) -> None:
        for reference in ("price_a", "price_b", "pro-monthly"):
            having = [number for number, terms in enumerate(self.seen, 1) if terms.price(reference)]
            found = self.plan.priced(reference)
            assert (found.version if found else None) == (having[-1] if having else None)


TestPlanLife = PlanLife.TestCase
TestPlanLife.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
