"""How often something may be asked, and what is left of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import NamedTuple


class Rate(NamedTuple):
    """So many calls in so much time."""

    limit: int
    per: timedelta


class Allowance(NamedTuple):
    """What is left of a rate; times in seconds, rounded up. `retry_after` is 0 unless the call was refused."""

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0


class LocalRates:
    """As adapters/lua/rate.lua counts, in the memory of one process: `limit` calls at once, then one each
    `per / limit`. Of `most` callers at most: then those who have all calls back are forgotten, and if that is
    nobody, all."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._paid_off: dict[str, float] = {}

    def take(self, key: str, rate: Rate, now: float) -> Allowance:
        """Takes one call at `now`, in seconds of any clock that never goes back."""
        period = rate.per.total_seconds()
        interval = period / rate.limit
        paid_off = max(self._paid_off.get(key, 0.0), now)
        ahead = paid_off + interval - now
        if ahead > period + 0.0005:
            return Allowance(rate.limit, 0, ceil(paid_off - now), max(1, ceil(ahead - period)))
        if key not in self._paid_off and len(self._paid_off) >= self._most:
            self._make_room(now)
        self._paid_off[key] = now + ahead
        return Allowance(rate.limit, int((period - ahead) / interval + 0.001), ceil(ahead))

    def _make_room(self, now: float) -> None:
        kept = {key: paid_off for key, paid_off in self._paid_off.items() if paid_off > now}
        self._paid_off = kept if len(kept) < self._most else {}


class RateClass(StrEnum):
    """What a route's calls are counted as; a plan's rate limit of this name decides how often. API: whatever is no
    other. PAPERS: what is printed. INTAKE: what programs call all the time."""

    API = "api"
    PAPERS = "papers"
    INTAKE = "intake"


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
DEFAULT_RATES: Mapping[RateClass, Rate] = {
    RateClass.API: Rate(500, _SECOND),
    RateClass.PAPERS: Rate(60, _MINUTE),
    RateClass.INTAKE: Rate(5_000, _SECOND),
}
"""Where no plan says otherwise."""
VENDOR_RATES: Mapping[RateClass, Rate] = {
    RateClass.API: Rate(5_000, _SECOND),
    RateClass.PAPERS: Rate(600, _MINUTE),
    RateClass.INTAKE: Rate(50_000, _SECOND),
}
"""Of the vendor's own keys: no plan takes anything from them, so that nobody is locked out of the own engine."""
STRANGER_RATE = Rate(300, _MINUTE)
"""Of one network address: calls with a credential, a licence key or a token that opens nothing."""
LICENSE_RATE = Rate(6_000, _MINUTE)
"""Validations of one licence: a large office that starts its programs at nine is far below it."""
GRANT_RATE = Rate(60, _MINUTE)
"""Refreshing and revoking the tokens of one grant."""
