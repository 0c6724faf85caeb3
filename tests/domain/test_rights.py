"""What several licences grant together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.entitlements import Entitlements, Feature, RateLimit, RatePeriod
from domain.limit import Anchor, Each, Limit, LimitPeriod, OnUpgrade
from domain.meter import implied
from domain.rate import Rate
from domain.rights import LATE_USAGE, Rights, Source

ACME = UUID(int=0xAC)
MARCH, JULY = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 7, 9, tzinfo=UTC)
METERS = {code: implied(code) for code in ("calls", "calls.slow", "bytes")}


def source(since: datetime | None = MARCH, **entitlements: Any) -> Source:
    anchors = (since,) if since else ()
    return Source("cloud", "pro", 1, Entitlements(seats=1, **entitlements), UUID(int=1), since, anchors)


def rights(*sources: Source) -> Rights:
    return Rights.of(ACME, sources, METERS)


def month(amount: Any, **more: Any) -> Limit:
    return Limit("calls", amount, LimitPeriod.MONTH, **more)


def test_nothing_grants_nothing():
    none = rights()
    assert none.limits == () and none.late_usage == LATE_USAGE and none.accounts == (ACME,)
    assert not none.allows("api") and none.rate("api") is None


def test_limits_of_one_name_add_up_and_follow_the_oldest_licence():
    both = rights(
        source(JULY, limits=(month(500, hard=False, warn_at=Decimal("0.5")),)),
        source(MARCH, limits=(month(1000, warn_at=Decimal("0.8")),)),
    )
    (limit,) = both.limits
    assert (limit.amount, limit.hard, limit.warn_at) == (1500, False, Decimal("0.5"))
    assert limit.counting.anchors == (MARCH,)


def test_no_end_absorbs_every_amount():
    (limit,) = rights(source(limits=(month(1000),)), source(limits=(month("unlimited"),))).limits
    assert limit.amount is None


def test_limits_of_other_periods_and_axes_hold_beside_each_other():
    limits = (
        month(1000),
        Limit("calls", 50, LimitPeriod.DAY, each=Each.SUBJECT),
        Limit("calls.slow", 1, LimitPeriod.DAY),
    )
    found = rights(source(limits=limits))
    assert [limit.name for limit in found.limits_on("calls")] == ["calls/day/subject", "calls/month/organization"]
    assert [limit.name for limit in found.limits_on("calls.slow")] == ["calls.slow/day/organization"]
    assert found.limits_on("bytes") == ()


def test_the_most_generous_feature_and_the_fastest_rate_hold():
    found = rights(
        source(
            features=(Feature.of("api", False), Feature.of("projects", 10), Feature.of("sso", True)),
            rate_limits=(RateLimit("calls", 10, RatePeriod.SECOND),),
        ),
        source(
            features=(Feature.of("api", True), Feature.of("projects", 50), Feature.of("sso", 3)),
            rate_limits=(RateLimit("calls", 100, RatePeriod.MINUTE),),
        ),
    )
    assert {name: feature.value for name, feature in found.features.items()} == {
        "api": True,
        "projects": 50,
        "sso": True,
    }
    assert found.allows("projects", 50) and not found.allows("projects", 51) and not found.allows("other")
    assert found.rate("calls") == Rate(10, timedelta(seconds=1))


def test_the_longest_time_for_late_usage_holds():
    found = rights(source(late_usage=timedelta(hours=2)), source(late_usage=timedelta(days=60)))
    assert found.late_usage == timedelta(days=60)


def test_months_follow_the_subscription_and_days_the_calendar_unless_told_otherwise():
    limits = (
        month(1),
        Limit("bytes", 1, LimitPeriod.DAY),
        Limit("calls.slow", 1, LimitPeriod.MONTH, anchor=Anchor.CALENDAR),
    )
    anchored = {limit.name: limit.counting.anchors for limit in rights(source(limits=limits)).limits}
    assert anchored == {
        "calls/month/organization": (MARCH,),
        "bytes/day/organization": (),
        "calls.slow/month/organization": (),
    }


def test_a_limit_of_each_subject_counts_only_whom_somebody_names():
    (limit,) = rights(source(limits=(Limit("calls", 5, LimitPeriod.DAY, each=Each.SUBJECT),))).limits
    ann, bob = UUID(int=1), UUID(int=2)
    assert limit.standing(JULY, None, None) is None
    one, other = limit.standing(JULY, ann, None), limit.standing(JULY, bob, None)
    assert one and other and one.counter != other.counter
    assert limit.standing(JULY, ann, None) is one
    assert limit.standing(JULY + timedelta(days=1), ann, None) != one


def test_equal_rights_have_equal_digests_in_every_process():
    limits = (month(1000, on_upgrade=OnUpgrade.RESET),)
    one, same, other = (rights(source(limits=(*limits[: n < 2],))) for n in (0, 1, 2))
    one.limits[0].standing(JULY, None, None)
    assert one.digest == same.digest != other.digest
