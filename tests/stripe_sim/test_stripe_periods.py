"""Billing periods count from the anchor."""

from __future__ import annotations

import pytest

from scripts.stripe_sim.periods import period_at
from tests.stripe_sim.expected import epoch

Date = tuple[int, int, int]


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "moment", "period"),
    [
        ((2026, 1, 31), "month", 1, (2026, 2, 27), ((2026, 1, 31), (2026, 2, 28))),
        ((2026, 1, 31), "month", 1, (2026, 2, 28), ((2026, 2, 28), (2026, 3, 31))),
        ((2028, 1, 31), "month", 1, (2028, 2, 29), ((2028, 2, 29), (2028, 3, 31))),
        ((2026, 11, 15), "month", 3, (2027, 3, 1), ((2027, 2, 15), (2027, 5, 15))),
        ((2024, 2, 29), "year", 1, (2025, 3, 1), ((2025, 2, 28), (2026, 2, 28))),
        ((2024, 2, 29), "year", 1, (2028, 2, 29), ((2028, 2, 29), (2029, 2, 28))),
        ((2026, 12, 30), "week", 2, (2027, 1, 13), ((2027, 1, 13), (2027, 1, 27))),
        ((2026, 2, 27), "day", 10, (2026, 3, 8), ((2026, 2, 27), (2026, 3, 9))),
    ],
)
def test_a_period_is_counted_in_whole_intervals_from_the_anchor(
    anchor: Date, interval: str, count: int, moment: Date, period: tuple[Date, Date]
) -> None:
    assert period_at(epoch(*anchor), interval, count, epoch(*moment)) == (epoch(*period[0]), epoch(*period[1]))
