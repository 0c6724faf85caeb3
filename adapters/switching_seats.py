"""The seat pool of a process: Redis while it answers, else Postgres. Who asks does not notice which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from adapters.postgres_line import PostgresLine
from adapters.postgres_seats import PostgresSeats
from adapters.redis_line import RedisLine
from adapters.redis_seats import RedisSeats
from adapters.seat_periods import POSTGRES, REDIS, Period, SeatPeriods
from domain.errors import Unavailable
from domain.license import Status
from domain.rate import Rate
from domain.seat import CloseReason
from domain.seat_pool import (
    Aside,
    Bid,
    LicenseFacts,
    Outcome,
    PeriodOver,
    Proposal,
    Renewal,
    SeatState,
    Sitting,
    View,
)

_ATTEMPTS = 4
_OVER = (Outcome.CLOSING, Outcome.SUSPENDED, Outcome.EXPIRED, Outcome.REVOKED)
_NEVER = Period(REDIS, -1)

T = TypeVar("T")
Pool = RedisSeats | PostgresSeats


class SwitchingSeats:
    """A `SeatPool` (application/seat_pool.py) over the two, for one event loop.

    A call that fails in Redis is made again: there, if Redis answers after all, or in Postgres, where seats are kept
    from then on. `offset` says how far the engine's clock is ahead of the servers'.
    """

    def __init__(
        self,
        periods: SeatPeriods,
        redis_line: RedisLine,
        postgres_line: PostgresLine,
        offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._periods = periods
        self._redis_line = redis_line
        self._postgres_line = postgres_line
        self._offset = offset
        self._made: tuple[Period, Pool] = _NEVER, self._make(_NEVER)

    async def period(self, *, afresh: bool = False) -> int:
        known = None if afresh else self._periods.known
        return (known or await self._periods.confirm()).generation

    async def propose(self, bid: Bid, rate: Rate | None) -> Proposal:
        return await self._ask(lambda pool: pool.propose(bid, rate))

    async def record(self, sitting: Sitting) -> bool:
        return await self._ask(lambda pool: pool.record(sitting))

    async def place(self, sitting: Sitting, holder: str, version: int, borrowed_until: datetime | None) -> None:
        await self._ask(lambda pool: pool.place(sitting, holder, version, borrowed_until))

    async def withdraw(self, sitting: Sitting) -> None:
        await self._ask(lambda pool: pool.withdraw(sitting))

    async def renew(self, sitting: Sitting, holder: str, rate: Rate | None) -> Renewal:
        """That a session is over is said by the pool of that moment only: elsewhere it may have been renewed."""
        return await self._ask(
            lambda pool: pool.renew(sitting, holder, rate), surely=lambda renewal: renewal.outcome in _OVER
        )

    async def set_aside(self, sittings: Sequence[Sitting], reason: CloseReason) -> list[Aside]:
        return await self._ask(lambda pool: pool.set_aside(sittings, reason))

    async def set_aside_lapsed(self, license_id: UUID, seat: int) -> list[Aside]:
        return await self._ask(lambda pool: pool.set_aside_lapsed(license_id, seat))

    async def lapsed(self, most: int) -> list[Aside]:
        return await self._ask(lambda pool: pool.lapsed(most))

    async def lapsed_of(self, license_id: UUID) -> Sequence[int]:
        return await self._ask(lambda pool: pool.lapsed_of(license_id))

    async def free(self, closed: Sequence[tuple[Sitting, int]]) -> None:
        await self._ask(lambda pool: pool.free(closed))

    async def look(self, license_id: UUID) -> View | None:
        return await self._ask(lambda pool: pool.look(license_id))

    async def learn(self, facts: LicenseFacts) -> None:
        """In the pool of a moment after it was told: one that begins later reads the facts from the log."""
        await self._ask(lambda pool: pool.learn(facts), surely=lambda _: True)

    async def epoch(self, license_id: UUID) -> str:
        return await self._ask(lambda pool: pool.epoch(license_id))

    async def load(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        return await self._ask(lambda pool: pool.load(facts, seats, epoch))

    async def forget(self, license_id: UUID) -> None:
        await self._ask(lambda pool: pool.forget(license_id))

    async def is_loaded(self, license_ids: Sequence[UUID]) -> list[bool]:
        return await self._ask(lambda pool: pool.is_loaded(license_ids))

    async def tighten(self, license_id: UUID, status: Status | None = None, limit: int | None = None) -> None:
        """In both, so that it counts in a pool that begins to be used before the event is stored, too."""
        period = self._periods.known or await self._periods.confirm()
        if period.pool == POSTGRES:
            with suppress(Unavailable):
                await self._redis(period).tighten(license_id, status, limit)
        else:
            await self._postgres(period).tighten(license_id, status, limit)
        await self._ask(lambda pool: pool.tighten(license_id, status, limit))

    async def _ask(self, act: Callable[[Pool], Awaitable[T]], *, surely: Callable[[T], bool] = lambda _: False) -> T:
        """The answer of the pool that is used at that moment.

        That of Redis counts only while this process knows that it is: also a moment after, since we may have stood
        still in between. Postgres looks itself. An answer that is to be given `surely` counts only if no other process
        has moved on.
        """
        for _ in range(_ATTEMPTS):
            period = self._periods.known or await self._periods.confirm()
            try:
                answer = await act(self._pool_of(period))
            except PeriodOver:
                await self._periods.confirm()
                continue
            except Unavailable:
                if period.pool == POSTGRES:
                    raise
                await self._periods.doubt(period)
                continue
            if period.pool == POSTGRES or (not surely(answer) and self._periods.known == period):
                return answer
            if await self._periods.confirm() == period:
                return answer
        raise Unavailable(retry_after=1)

    def _pool_of(self, period: Period) -> Pool:
        if self._made[0] != period:
            self._made = period, self._make(period)
        return self._made[1]

    def _make(self, period: Period) -> Pool:
        return self._redis(period) if period.pool == REDIS else self._postgres(period)

    def _redis(self, period: Period) -> RedisSeats:
        return RedisSeats(self._redis_line, self._offset, lambda: period.generation)

    def _postgres(self, period: Period) -> PostgresSeats:
        return PostgresSeats(self._postgres_line, self._offset, period.generation, self._periods.trust)
