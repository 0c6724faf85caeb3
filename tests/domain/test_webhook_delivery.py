"""When a webhook is sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.webhook_delivery import (
    FEWEST_FAILURES,
    RESTS_FROM,
    TRY_FOR,
    has_failed_for_good,
    next_attempt,
    rests_until,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
chances = some.floats(0, 1)


def pause(failed: int, chance: float = 1.0, wish: timedelta | None = None) -> float:
    """Seconds."""
    again = next_attempt(failed, first_tried_at=NOW, now=NOW, chance=chance, wish=wish)
    assert again is not None
    return (again - NOW).total_seconds()


def test_the_ceilings_grow_fourfold_up_to_eight_hours():
    assert [pause(failed) for failed in range(1, 10)] == [5, 20, 80, 320, 1280, 5120, 20480, 28800, 28800]


def test_a_pause_is_any_share_of_its_ceiling():
    assert [pause(4, chance) for chance in (0, 0.25, 1)] == [0, 80, 320]


@given(failed=some.integers(1, 10_000), passed=some.timedeltas(timedelta(0), TRY_FOR * 2), chance=chances)
def test_it_is_tried_for_three_days_and_once_more_at_their_end(failed, passed, chance):
    now = NOW + passed
    again = next_attempt(failed, first_tried_at=NOW, now=now, chance=chance)
    if passed >= TRY_FOR:
        assert again is None
    else:
        assert again is not None and now <= again <= NOW + TRY_FOR


@given(chance=chances)
def test_three_days_take_at_least_thirteen_attempts(chance):
    now, attempts = NOW, 1
    while (again := next_attempt(attempts, first_tried_at=NOW, now=now, chance=max(chance, 0.001))) is not None:
        now, attempts = again, attempts + 1
        if attempts > 13:
            return
    assert now == NOW + TRY_FOR and attempts >= 13


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [(timedelta(seconds=90), 90), (timedelta(seconds=1), 5), (timedelta(days=9), 86_400), (timedelta(days=-1), 5)],
)
def test_what_the_endpoint_asks_for_is_granted_up_to_a_day(wish, seconds):
    assert pause(1, wish=wish) == seconds


def test_an_endpoint_rests_from_its_third_failure_in_a_row_for_up_to_an_hour():
    def rest(failures: int, **more) -> float:
        return (rests_until(failures, now=NOW, chance=1, **more) - NOW).total_seconds()

    assert [rest(failures) for failures in (1, RESTS_FROM - 1, RESTS_FROM, RESTS_FROM + 1)] == [0, 0, 5, 10]
    assert rest(10_000) == 3600
    assert rest(1, wish=timedelta(seconds=30)) == 30


def test_it_is_disabled_after_three_days_of_nothing_but_failures_and_not_after_a_few():
    def is_over(failures: int, **since: float) -> bool:
        return has_failed_for_good(failures, failing_since=NOW - timedelta(**since), now=NOW)

    assert is_over(FEWEST_FAILURES, days=3)
    assert not is_over(FEWEST_FAILURES - 1, days=30)
    assert not is_over(1_000, days=2, hours=23)
