from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter

from domain.durations import CalendarTerm
from domain.entitlements import (
    UNLIMITED,
    Entitlements,
    Feature,
    Limit,
    LimitPeriod,
    Overage,
    RateLimit,
    RatePeriod,
)
from tests.domain.seat_policies import sane_policies

PRO = Entitlements(seats=10)
NOW = datetime(2027, 3, 31, tzinfo=UTC)
stored = TypeAdapter(Entitlements)


def paths(entitlements: Entitlements) -> list[str]:
    return [problem.path for problem in entitlements.problems()]


def test_seats_are_granted_for_each_unit_of_the_quantity():
    assert PRO.seats_granted(1) == 10
    assert PRO.seats_granted(3) == 30
    assert PRO.seats_granted(0) == 0


def test_the_word_quantity_makes_each_unit_a_seat():
    assert Entitlements(seats="quantity").seats_granted(7) == 7


def test_a_negative_quantity_is_refused():
    with pytest.raises(ValueError):
        PRO.seats_granted(-1)


@pytest.mark.parametrize(
    ("overage", "allowed"),
    [(Overage.NONE, 10), (Overage.QUARTER, 12), (Overage.HALF, 15), (Overage.DOUBLE, 20), (Overage.UNLIMITED, None)],
)
def test_overage_allows_a_share_more_rounded_down(overage, allowed):
    assert replace(PRO, overage=overage).seats_allowed(1) == allowed


def test_overage_of_few_seats_never_rounds_up():
    assert replace(PRO, seats=3, overage=Overage.QUARTER).seats_allowed(1) == 3


def test_grace_shortens_with_each_failed_payment_and_then_ends():
    assert [PRO.grace_after(n) for n in (1, 2, 3, 4)] == [timedelta(days=7), timedelta(days=3), None, None]


def test_without_grace_the_first_failed_payment_suspends():
    assert replace(PRO, payment_grace=()).grace_after(1) is None


def test_failed_payments_are_counted_from_one():
    with pytest.raises(ValueError):
        PRO.grace_after(0)


def test_a_licence_ends_with_the_paid_period_or_after_its_term():
    end = datetime(2027, 4, 30, tzinfo=UTC)
    yearly = replace(PRO, license_term=CalendarTerm(months=12))
    assert PRO.license_end(issued_at=NOW, period_end=end) == end
    assert PRO.license_end(issued_at=NOW, period_end=None) is None
    assert yearly.license_end(issued_at=NOW, period_end=end) == datetime(2028, 3, 31, tzinfo=UTC)


def test_features_are_gates_that_may_count():
    granted = replace(
        PRO,
        features=(Feature.of("api", True), Feature.of("sso", False), Feature.of("projects", 10), Feature.of("off", 0)),
    )
    assert granted.allows("api") and granted.allows("api", 10**6)
    assert not granted.allows("sso")
    assert granted.allows("projects", 10) and not granted.allows("projects", 11)
    assert not granted.allows("off") and not granted.allows("unheard_of")


def test_a_gate_for_one_thing_is_not_an_open_gate():
    assert Feature.of("projects", 1) != Feature.of("projects", True)
    assert Feature.of("projects", 1).value == 1 and Feature.of("projects", True).value is True


def test_a_limit_warns_from_the_first_quantity_that_reaches_the_share():
    def warns_from(amount, share):
        return Limit("calls", amount, LimitPeriod.MONTH, share).warns_from

    assert warns_from(1000, Decimal("0.8")) == 800
    assert warns_from(7, Decimal("0.5")) == 4
    assert warns_from(7, None) is None
    assert warns_from(UNLIMITED, Decimal("0.8")) is None


def test_limits_are_found_by_name():
    calls, api = Limit("calls", 5, LimitPeriod.DAY), RateLimit("api", 10, RatePeriod.SECOND)
    granted = replace(PRO, limits=(calls,), rate_limits=(api,))
    assert granted.limit("calls") == calls and granted.limit("other") is None
    assert granted.rate_limit("api") == api and granted.rate_limit("other") is None
    assert str(api) == "10/second"


def test_the_usual_terms_are_sane():
    assert PRO.problems() == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"seats": 0}, "seats"),
        ({"seats": 1_000_001}, "seats"),
        ({"machines": 0}, "machines"),
        ({"lease": timedelta(seconds=9), "heartbeat": timedelta(seconds=3)}, "lease"),
        ({"lease": timedelta(days=32)}, "lease"),
        ({"heartbeat": timedelta(0)}, "heartbeat"),
        ({"heartbeat": timedelta(minutes=6)}, "heartbeat"),
        ({"offline_grace": timedelta(days=367)}, "offline_grace"),
        ({"offline_grace": timedelta(seconds=-1)}, "offline_grace"),
        ({"payment_grace": (timedelta(days=7), timedelta(days=-3))}, "payment_grace[1]"),
        ({"payment_grace": (timedelta(days=1),) * 13}, "payment_grace"),
        ({"license_term": CalendarTerm()}, "license_term"),
        ({"license_term": CalendarTerm(months=1201)}, "license_term"),
        ({"features": (Feature.of("API", True),)}, "features.API"),
        ({"features": (Feature.of("a", 2 * 10**9),)}, "features.a"),
        ({"features": (Feature.of("a", True), Feature.of("a", False))}, "features"),
        ({"features": tuple(Feature.of(f"f{n}", True) for n in range(201))}, "features"),
        ({"limits": (Limit("calls", -1, LimitPeriod.DAY),)}, "limits.calls.amount"),
        ({"limits": (Limit("calls", 1, LimitPeriod.DAY, Decimal("1.01")),)}, "limits.calls.warn_at"),
        ({"limits": (Limit("calls", 1, LimitPeriod.DAY, Decimal(0)),)}, "limits.calls.warn_at"),
        ({"limits": (Limit("calls", 1, LimitPeriod.DAY, Decimal("0.12345")),)}, "limits.calls.warn_at"),
        ({"rate_limits": (RateLimit("api", 0, RatePeriod.DAY),)}, "rate_limits.api"),
    ],
)
def test_absurd_terms_are_told_where_they_are(change, path):
    assert paths(replace(PRO, **change)) == [path]


def test_every_problem_is_told():
    absurd = replace(PRO, seats=0, lease=timedelta(0), heartbeat=timedelta(0), machines=-1)
    assert set(paths(absurd)) == {"seats", "lease", "heartbeat", "machines"}


spans = some.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds))
names = some.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True)
entitlements = some.builds(
    Entitlements,
    seats=some.one_of(some.just("quantity"), some.integers(1, 10**6)),
    overage=some.sampled_from(Overage),
    lease=spans,
    heartbeat=spans,
    offline_grace=spans,
    payment_grace=some.lists(spans, max_size=3).map(tuple),
    license_term=some.one_of(
        some.just("period"), some.builds(CalendarTerm, some.integers(0, 1200), some.integers(0, 99))
    ),
    machines=some.none() | some.integers(1, 100),
    features=some.lists(some.builds(Feature.of, names, some.booleans() | some.integers(0, 99)), max_size=3).map(tuple),
    limits=some.lists(
        some.builds(
            Limit,
            names,
            some.just(UNLIMITED) | some.integers(0, 10**9),
            some.sampled_from(LimitPeriod),
            some.none() | some.decimals("0.1", 1, places=2),
            some.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    rate_limits=some.lists(
        some.builds(RateLimit, names, some.integers(1, 99), some.sampled_from(RatePeriod)), max_size=2
    ).map(tuple),
    seat_policy=sane_policies,
)


@given(entitlements)
def test_entitlements_come_back_from_the_log_unchanged(granted):
    back = stored.validate_json(stored.dump_json(granted))
    assert back == granted
    assert repr(back) == repr(granted)


@given(entitlements, some.integers(0, 10**6))
def test_never_fewer_seats_are_allowed_than_granted(granted, quantity):
    allowed = granted.seats_allowed(quantity)
    assert allowed is None or granted.seats_granted(quantity) <= allowed <= 2 * granted.seats_granted(quantity)
