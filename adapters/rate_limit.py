"""Rate limits for endpoints that are not on the seat path (which counts inside its own scripts)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import redis

from adapters.lua_script import Script
from adapters.redis_client import AWAY
from domain.errors import Unavailable
from domain.rate import Allowance

_ALLOW = Script("clock", "rate", "allow")


class RateLimit:
    """Generic cell rate: `limit` calls at once, then one each `per / limit`. For sync callers; one round trip."""

    def __init__(self, client: redis.Redis | redis.RedisCluster) -> None:
        self._client = client

    def allow(self, key: str, limit: int, per: timedelta) -> Allowance:
        """Takes one call; refused when `retry_after` is not 0. `Unavailable` when Redis is away.

        `key` names who is limited in what, e.g. `login:198.51.100.7`; it is kept for at most `per`.
        """
        arguments = (1, f"rate:{{{key}}}", limit, per // timedelta(milliseconds=1))
        try:
            allowed, left, back, wait = self._run(arguments)
        except AWAY as error:
            raise Unavailable(retry_after=1) from error
        return Allowance(limit, left, -(-back // 1000), 0 if allowed else max(1, -(-wait // 1000)))

    def _run(self, arguments: tuple[str | int, ...]) -> Any:
        try:
            return self._client.execute_command("EVALSHA", _ALLOW.sha, *arguments)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError:
            return self._client.execute_command("EVAL", _ALLOW.source, *arguments)  # type: ignore[no-untyped-call]
