"""Rate limits for endpoints that are not on the seat path (which counts inside its own scripts)."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

import redis
from psycopg.rows import tuple_row

from adapters.database import Database
from adapters.lua_script import Script
from adapters.redis_client import AWAY, Client
from domain.rate import Allowance

_ALLOW = Script("clock", "rate", "allow")
_TAKE = (
    "select (a).is_allowed, (a).remaining, (a).back_in, (a).next_in"
    " from take_call(row(%s, %s, %s)::pool_rate, clock_timestamp()) a"
)


class RateLimit:
    """Generic cell rate: `limit` calls at once, then one each `per / limit`. For sync callers; one round trip.

    Counts in Redis, and while that is away in Postgres: nobody may try passwords without end because a server is down.
    """

    def __init__(self, client: Client, database: Database) -> None:
        self._client = client
        self._database = database

    def allow(self, key: str, limit: int, per: timedelta) -> Allowance:
        """Takes one call; refused when `retry_after` is not 0. `Unavailable` when Postgres is away as well.

        `key` names who is limited in what, e.g. `login:198.51.100.7`; it is kept for at most `per`.
        """
        try:
            allowed, left, back, wait = self._run((1, f"rate:{{{key}}}", limit, per // timedelta(milliseconds=1)))
        except (redis.RedisError, *AWAY):
            return self._allow_in_postgres(key, limit, per)
        return Allowance(limit, left, -(-back // 1000), 0 if allowed else max(1, -(-wait // 1000)))

    def purge(self) -> None:
        """Forgets in Postgres, as Redis does by itself, whoever has all calls back."""
        self._database.execute("delete from call_rates where paid_off < clock_timestamp()")

    def _allow_in_postgres(self, key: str, limit: int, per: timedelta) -> Allowance:
        with self._database.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            found = cursor.execute(_TAKE, (key, limit, per)).fetchone()
        assert found is not None
        allowed, left, back, wait = found
        return Allowance(limit, left, ceil(back.total_seconds()), 0 if allowed else ceil(wait.total_seconds()))

    def _run(self, arguments: tuple[str | int, ...]) -> Any:
        try:
            return self._client.execute_command("EVALSHA", _ALLOW.sha, *arguments)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError:
            return self._client.execute_command("EVAL", _ALLOW.source, *arguments)  # type: ignore[no-untyped-call]
