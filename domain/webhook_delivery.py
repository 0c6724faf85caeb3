"""Deliveries of webhooks: when one is sent again, when it is given up, and when an endpoint rests or is disabled.

A pause is a share, drawn anew each time, of a ceiling that grows (exponential backoff with full jitter): a thousand
deliveries that failed together do not come back together.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class DeliveryState(StrEnum):
    """`canceled`: its endpoint was disabled or removed, or its replay stopped, before it was sent."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    CANCELED = "canceled"


TRY_FOR = timedelta(days=3)
"""A delivery is tried for so long after its first attempt, at the end of it once more, and is then given up."""
DISABLE_AFTER = timedelta(days=3)
"""An endpoint is disabled when nothing but failures came of it for so long."""
FEWEST_FAILURES = 10
"""… and of so many attempts: three days in which we stood still ourselves prove nothing against it."""
RESTS_FROM = 3
"""After so many failures in a row, of any deliveries, an endpoint is left in peace for a pause; then one tries it."""
LONGEST_WISH = timedelta(days=1)
"""The longest `Retry-After` that is granted."""

_FIRST, _GROWS, _LONGEST = 5.0, 4, 8 * 3600.0
_FIRST_REST, _REST_GROWS, _LONGEST_REST = 5.0, 2, 3600.0


def next_attempt(
    failed: int, *, first_tried_at: datetime, now: datetime, chance: float, wish: timedelta | None = None
) -> datetime | None:
    """When to try again after `failed` attempts (from 1); None: given up. `chance` is from 0 to 1, `wish` what the
    endpoint asked for with `Retry-After`."""
    last = first_tried_at + TRY_FOR
    if now >= last:
        return None
    pause = timedelta(seconds=chance * _ceiling(failed - 1, _FIRST, _GROWS, _LONGEST))
    return min(now + max(pause, _granted(wish)), last)


def rests_until(failures: int, *, now: datetime, chance: float, wish: timedelta | None = None) -> datetime:
    """Until when an endpoint is left in peace after so many failures in a row; `now`: not at all."""
    rest = timedelta(0)
    if failures >= RESTS_FROM:
        rest = timedelta(seconds=chance * _ceiling(failures - RESTS_FROM, _FIRST_REST, _REST_GROWS, _LONGEST_REST))
    return now + max(rest, _granted(wish))


def has_failed_for_good(failures: int, *, failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint is to be disabled."""
    return failures >= FEWEST_FAILURES and now - failing_since >= DISABLE_AFTER


def _ceiling(steps: int, first: float, grows: int, longest: float) -> float:
    return min(first * float(grows) ** min(steps, 30), longest)


def _granted(wish: timedelta | None) -> timedelta:
    return min(max(wish or timedelta(0), timedelta(0)), LONGEST_WISH)
