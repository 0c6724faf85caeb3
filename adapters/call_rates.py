"""How often each caller may call: counted in Redis, over the connection of the event loop; here while that is away."""

from __future__ import annotations

import time

from adapters.lua_script import Script
from adapters.redis_line import RedisLine
from domain.errors import Unavailable
from domain.rate import Allowance, LocalRates, Rate

_ALLOW = Script("clock", "rate", "allow")


class CallRates:
    """Generic cell rate, as `RateLimit` (adapters/rate_limit.py), for the event loop. Never an outage: while Redis is
    away each process counts for itself, by the `processes`th part of the rate, so that all of them together give no
    more than one would if calls come evenly."""

    def __init__(self, line: RedisLine, *, processes: int = 1) -> None:
        self._line = line
        self._processes = processes
        self._local = LocalRates()

    async def take(self, key: str, rate: Rate) -> Allowance:
        """Takes one call; refused when `retry_after` is not 0. `key` names who calls what, e.g. `key:<id>:api`."""
        milliseconds = round(rate.per.total_seconds() * 1000)
        try:
            allowed, left, back, wait = await self._line.run(_ALLOW, (f"rate:{{{key}}}",), rate.limit, milliseconds)
        except Unavailable:
            share = Rate(max(1, rate.limit // self._processes), rate.per)
            return self._local.take(key, share, time.monotonic())
        return Allowance(rate.limit, left, -(-back // 1000), 0 if allowed else max(1, -(-wait // 1000)))
