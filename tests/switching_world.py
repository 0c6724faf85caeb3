"""A world whose processes keep seats in Redis or in Postgres: a Valkey to be killed and stopped, links to be cut."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.embedded_valkey import EmbeddedValkey
from adapters.group_commit import GroupCommit
from adapters.postgres_line import PostgresLine
from adapters.queue_tickets import QueueTickets
from adapters.redis_line import RedisLine
from adapters.redis_probe import LONGEST, redis_answers
from adapters.seat_periods import TRUST, SeatPeriods
from adapters.switching_seats import SwitchingSeats
from application.seat_admission import SeatAdmission
from application.seats import Seats
from domain.rate import Rate
from tests.faults.links import Link
from tests.seat_world import PLENTY, World

NEVER = 1e6
"""Seconds between the looks of a process that does not look by itself."""


class Valkey(EmbeddedValkey):
    """A server that can be hurt."""

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self.process.stop()  # there is nothing left to end, but somebody has to collect it

    def stop(self) -> None:
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)


@dataclass
class Process:
    """What one process has: its seats, what it knows of the periods, its writer of the log."""

    seats: Seats
    periods: SeatPeriods
    log: GroupCommit

    async def until_kept_in(self, pool: str) -> None:
        """Until this process knows that seats are kept there."""
        await until(lambda: (known := self.periods.known) is not None and known.pool == pool)


class SwitchingWorld(World):
    def __init__(self, database_url: str, valkey: Valkey) -> None:
        super().__init__(database_url, valkey.url)
        self.valkey = valkey
        self.come_back_after("0.1 s")

    def come_back_after(self, steady: str) -> None:
        """How long nobody may miss Redis before it is used again, the first time twice that."""
        self.database.execute("update seat_pool_mode set steady = %s::interval, since = clock_timestamp()", [steady])

    @property
    def mode(self) -> tuple[str, int]:
        row = self.database.fetch_one("select pool, generation from seat_pool_mode")
        assert row
        return row["pool"], row["generation"]

    @property
    def missed_at(self) -> datetime:
        """When a process last found Redis away."""
        row = self.database.fetch_one("select missed_at from seat_pool_mode")
        assert row
        return row["missed_at"]

    @asynccontextmanager
    async def process(
        self,
        *,
        redis_url: str | None = None,
        database_url: str | None = None,
        trust: timedelta = TRUST,
        every: float = 0.05,
        rate: Rate = PLENTY,
        open_line: Callable[[str], RedisLine] = RedisLine,
    ) -> AsyncIterator[Process]:
        redis_url, database_url = redis_url or self.redis_url, database_url or self.database_url

        async def answers() -> bool:
            return await redis_answers(lambda: RedisLine(redis_url, timeout=LONGEST))

        periods = SeatPeriods(database_url, answers, trust=trust, every=every)
        redis, postgres = open_line(redis_url), PostgresLine(database_url)
        pool = SwitchingSeats(periods, redis, postgres, lambda: self.clock.offset)
        log = GroupCommit(self.database_url, self.codec)
        admission = SeatAdmission(self.claims, self.users, QueueTickets(self.database), self.clock)
        seats = Seats(
            pool=pool,
            log=log,
            store=self.store,
            seat_log=self.seat_log,
            epochs=self.epochs,
            callers=self.callers,
            claims=self.claims,
            admission=admission,
            license_index=self.license_index,
            signing=self.signing,
            clock=self.clock,
            acquires=rate,
            heartbeats=rate,
        )
        try:
            yield Process(seats, periods, log)
        finally:
            await log.close()
            await redis.close()
            await postgres.close()
            await asyncio.to_thread(periods.close)

    @asynccontextmanager
    async def link_to_redis(self) -> AsyncIterator[tuple[Link, str]]:
        """A link to Valkey, and the URL of it."""
        async with _open(Link("redis", self.valkey.socket)) as link:
            yield link, f"redis://127.0.0.1:{link.port}/0"

    @asynccontextmanager
    async def link_to_postgres(self) -> AsyncIterator[tuple[Link, str]]:
        at = conninfo_to_dict(self.database_url)
        socket = Path(str(at["host"])) / f".s.PGSQL.{at.get('port', 5432)}"
        async with _open(Link("postgres", socket)) as link:
            yield link, make_conninfo(self.database_url, host="127.0.0.1", port=link.port)


@asynccontextmanager
async def _open(link: Link) -> AsyncIterator[Link]:
    await link.open()
    try:
        yield link
    finally:
        link.refuse()
        await asyncio.sleep(0)


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)
