"""Billing periods: months counted from an anchor, so that the 31st comes back after a February."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}


def period_at(anchor: int, interval: str, count: int, moment: int) -> tuple[int, int]:
    """The (start, end) of the period that `moment` lies in; all in epoch seconds.

    The anchor may lie ahead: then the period is the part of the one before it.
    """
    n = 0
    while later(anchor, interval, count * (n + 1)) <= moment:
        n += 1
    while later(anchor, interval, count * n) > moment:
        n -= 1
    return later(anchor, interval, count * n), later(anchor, interval, count * (n + 1))


def later(anchor: int, interval: str, n: int) -> int:
    """`n` intervals after the anchor; a day that the month does not have is its last day."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * n)).timestamp())
    year, month = divmod(start.year * 12 + start.month - 1 + MONTHS[interval] * n, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())
