"""When a limit begins anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.counting import Counting, Period, check_zone, continues
from domain.limit import LimitPeriod

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "America/Havana",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/New_York",
]
moments = some.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=some.just(UTC))
countings = some.builds(
    Counting,
    some.sampled_from(LimitPeriod),
    some.sampled_from(ZONES),
    some.lists(moments, max_size=3).map(lambda found: tuple(sorted(found))),
    some.lists(moments, max_size=3).map(lambda found: tuple(sorted(found))),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@given(counting=countings, at=moments)
def test_every_moment_lies_in_one_period_and_the_next_one_begins_where_it_ends(counting, at):
    period = counting.period(at)
    assert at in period
    if period.start is not None:
        assert counting.period(period.start) == period
    if period.end is not None:
        following = counting.period(period.end)
        assert following.start == period.end
        assert counting.period(period.end - timedelta(microseconds=1)) == period


@pytest.mark.parametrize(
    ("day", "hours"), [(utc(2026, 3, 29, 12), 23), (utc(2026, 10, 25, 12), 25), (utc(2026, 7, 1, 12), 24)]
)
def test_a_day_is_as_long_as_the_clocks_of_the_zone_make_it(day, hours):
    period = Counting(LimitPeriod.DAY, "Europe/Berlin").period(day)
    assert period.end - period.start == timedelta(hours=hours)
    assert period.start.astimezone(UTC).hour in (22, 23)


def test_where_the_clocks_skip_midnight_the_day_begins_when_they_do():
    """In Havana the clocks went from midnight to one o'clock on 8 March 2026."""
    period = Counting(LimitPeriod.DAY, "America/Havana").period(utc(2026, 3, 8, 12))
    assert period == Period(utc(2026, 3, 8, 5), utc(2026, 3, 9, 4))


def test_a_week_begins_on_monday_and_a_year_in_january_of_the_zone():
    kolkata = Counting(LimitPeriod.WEEK, "Asia/Kolkata").period(utc(2026, 11, 26))
    assert kolkata.start == utc(2026, 11, 22, 18, 30)
    assert Counting(LimitPeriod.YEAR, "Asia/Kolkata").period(utc(2026, 12, 31, 20)).start == utc(2026, 12, 31, 18, 30)


def test_a_month_of_a_subscription_from_the_31st_ends_on_the_last_day_and_comes_back_to_the_31st():
    counting = Counting(LimitPeriod.MONTH, anchors=(utc(2026, 1, 31, 9, 17, 33),))
    starts = [counting.period(utc(2026, month, 15)).end for month in (2, 3, 4, 5)]
    assert starts == [utc(2026, month, day, 9, 17, 33) for month, day in ((2, 28), (3, 31), (4, 30), (5, 31))]


def test_before_the_subscription_the_calendar_counts():
    counting = Counting(LimitPeriod.MONTH, anchors=(utc(2026, 3, 10),))
    assert counting.period(utc(2026, 3, 9)) == Period(utc(2026, 3, 1), utc(2026, 3, 10))
    assert counting.period(utc(2026, 2, 9)) == Period(utc(2026, 2, 1), utc(2026, 3, 1))


def test_a_cut_begins_the_count_anew_inside_its_period():
    counting = Counting(LimitPeriod.MONTH, cuts=(utc(2026, 3, 10),))
    assert counting.period(utc(2026, 3, 9)) == Period(utc(2026, 3, 1), utc(2026, 3, 10))
    assert counting.period(utc(2026, 3, 10)) == Period(utc(2026, 3, 10), utc(2026, 4, 1))


def test_a_total_has_neither_beginning_nor_end_but_for_cuts():
    assert Counting(LimitPeriod.TOTAL).period(utc(2026, 1, 1)) == Period(None, None)
    assert Counting(LimitPeriod.TOTAL, cuts=(utc(2026, 3, 10),)).period(utc(2026, 4, 1)) == Period(
        utc(2026, 3, 10), None
    )


@pytest.mark.parametrize(
    ("anchor", "start", "end", "goes_on"),
    [
        (utc(2026, 1, 31), utc(2026, 2, 28), utc(2026, 3, 31), True),  # months, as they are billed
        (utc(2026, 1, 31), utc(2026, 5, 31), utc(2026, 6, 30), True),  # reports in between were lost
        (utc(2026, 1, 1), utc(2027, 1, 1), utc(2028, 1, 1), True),
        (utc(2026, 1, 1), utc(2026, 1, 15), utc(2026, 2, 15), False),  # the first month after a trial
        (utc(2026, 1, 1), utc(2026, 1, 31), utc(2026, 2, 28), False),  # a trial of thirty days
        (utc(2026, 1, 1), utc(2026, 1, 8), utc(2026, 1, 15), True),  # weeks
        (utc(2026, 1, 1), utc(2026, 2, 11), utc(2026, 3, 11), False),  # the billing day was moved
        (utc(2026, 1, 1), utc(2025, 12, 1), utc(2026, 1, 1), True),  # older than what is known
    ],
)
def test_a_paid_period_goes_on_with_the_run_before_it_or_begins_another(anchor, start, end, goes_on):
    assert continues(anchor, start, end) is goes_on


@pytest.mark.parametrize(
    "zone", ["", "Europe/Atlantis", "../etc/passwd", "europe/berlin", "Europe/", "localtime", "A" * 99]
)
def test_what_is_no_zone_is_refused(zone):
    assert [problem.path for problem in check_zone("time_zone", zone)] == ["time_zone"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_zone_is_known(zone):
    assert list(check_zone("time_zone", zone)) == []
