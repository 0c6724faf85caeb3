"""Where seats are kept now, as all processes agree: in Redis, or in Postgres while Redis is away.

The row of `seat_pool_mode` says it. Each process looks at it once a second, tries Redis while seats are not kept there,
and moves the row when it must; docs/decisions/0016-two-seat-pools.md says who may believe what for how long.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import psycopg
import structlog

from adapters.postgres_line import PostgresLine
from adapters.together import Together
from domain.errors import Unavailable
from domain.seat_pool import PeriodOver

TRUST = timedelta(seconds=60)
"""How long after a look at the row Redis's word still counts: a process that cannot see the row must not renew for ever
leases that others, who keep seats in Postgres by now, take for lapsed."""
REDIS, POSTGRES = "redis", "postgres"
_OVER = "23U01"
_MANY = 100_000

T = TypeVar("T")
log = structlog.get_logger()


class Period(NamedTuple):
    """Seats are kept in `pool`; each time that this changes is another `generation`."""

    pool: str
    generation: int


def period_over(error: Exception) -> PeriodOver | None:
    """What a failed transaction says, if it failed because another period has begun."""
    return PeriodOver() if isinstance(error, psycopg.Error) and error.sqlstate == _OVER else None


class SeatPeriods:
    """One for each process; any thread and any event loop may ask. The watch begins when it is first asked.

    `redis_answers` says whether seats can be kept in Redis now; `every` is the number of seconds between two looks.
    """

    def __init__(
        self,
        database_url: str,
        redis_answers: Callable[[], Awaitable[bool]],
        *,
        trust: timedelta = TRUST,
        every: float = 1.0,
    ) -> None:
        self.trust = trust
        self._seconds = trust.total_seconds()
        self._watch = _Watch(database_url, redis_answers, every)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def known(self) -> Period | None:
        """The period, if a look that began not long ago saw it."""
        seen = self._watch.seen
        return seen[0] if seen and _now() - seen[1] <= self._seconds else None

    @property
    def is_without_redis(self) -> bool:
        """Whether seats are known to be kept in Postgres."""
        return (known := self.known) is not None and known.pool == POSTGRES

    async def confirm(self) -> Period:
        """The period at a moment after this call. Raises `Unavailable` when nobody can say."""
        return await self._ask(self._watch.look)

    async def doubt(self, period: Period) -> Period:
        """Redis has failed: the period that is then, the same if Redis answers after all. `Unavailable` as above."""
        return await self._ask(lambda: self._watch.doubt(period))

    async def do_without_redis(self) -> bool:
        """Whether seats are kept in Postgres; from now on, if Redis does not answer. `Unavailable` as above."""
        return (await self.doubt(await self.confirm())).pool == POSTGRES

    def close(self) -> None:
        with self._lock:
            if self._thread:
                self._watch.stop()
                self._thread.join(5)

    async def _ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch.keep, name="seat-periods", daemon=True)
                self._thread.start()
                self._watch.is_kept.wait()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question(), self._watch.loop))


class _Watch:
    """An event loop in a thread of its own, which goes on whatever the others of the process do."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, database_url: str, redis_answers: Callable[[], Awaitable[bool]], every: float) -> None:
        self.seen: tuple[Period, float] | None = None  # and when the look began
        self.is_kept = threading.Event()
        self._line = PostgresLine(database_url, size=2)
        self._redis_answers = redis_answers
        self._every = every
        self._is_over = asyncio.Event()
        self._looks = Together[None, Period](self._look, most=_MANY)
        self._doubts = Together[Period, Period](self._doubt, most=_MANY)

    def keep(self) -> None:
        asyncio.run(self._keep())

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._is_over.set)

    async def look(self) -> Period:
        return await self._looks.ask(None)

    async def doubt(self, period: Period) -> Period:
        return await self._doubts.ask(period)

    async def _keep(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_kept.set()
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), self._every)
                break
            try:
                await self._go_round()
            except Unavailable:
                continue  # Postgres is away; what was seen last counts for a while
            except Exception as error:
                log.exception("seat_pool.not_watched", error=type(error).__name__)
        await self._line.close()

    async def _go_round(self) -> None:
        period = await self.look()
        if period.pool == REDIS:
            return
        if not await self._redis_answers():
            await self._line.fetch("select miss_redis()", ())
        elif await self._move(period, REDIS, "redis answers"):
            await self._line.fetch("select clear_seat_pool()", ())

    async def _look(self, asked: Sequence[None]) -> list[Period]:
        began = _now()
        ((pool, generation),) = await self._line.fetch("select pool, generation from seat_pool_now()", ())
        period = Period(pool, generation)
        self.seen = period, began
        return [period] * len(asked)

    async def _doubt(self, doubted: Sequence[Period]) -> list[Period]:
        period = await self.look()
        if period.pool == REDIS and period in doubted and not await self._redis_answers():
            await self._move(period, POSTGRES, "redis does not answer")
            period = await self.look()
        return [period] * len(doubted)

    async def _move(self, period: Period, pool: str, reason: str) -> bool:
        sql = "select move_seat_pool(%s, %s::text)"
        ((is_moved,),) = await self._line.fetch(sql, (period.generation, pool))
        if is_moved:
            log.warning("seat_pool.switched", pool=pool, generation=period.generation + 1, reason=reason)
        return bool(is_moved)


def _now() -> float:
    """Seconds of a clock that also runs while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC)
