"""The seat pool of a process: Redis while it answers, else Postgres. Who asks does not notice which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from adapters.pool_switch import PoolSwitch
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
    Proposal,
    Renewal,
    SeatState,
    Sitting,
    View,
)

_OVER = (Outcome.CLOSING, Outcome.SUSPENDED, Outcome.EXPIRED, Outcome.REVOKED)

Pool = RedisSeats | PostgresSeats


class SwitchingSeats:
    """A `SeatPool` (application/seat_pool.py) over the two, for one event loop.

    `offset` says how far the engine's clock is ahead of the servers'.
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
        self._switch = PoolSwitch[Pool](periods, self._make)

    async def period(self, *, afresh: bool = False) -> int:
        return (await self._switch.period(afresh=afresh)).generation

    async def propose(self, bid: Bid, rate: Rate | None) -> Proposal:
        return await self._switch.ask(lambda pool: pool.propose(bid, rate))

    async def record(self, sitting: Sitting) -> bool:
        return await self._switch.ask(lambda pool: pool.record(sitting))

    async def place(self, sitting: Sitting, holder: str, version: int, borrowed_until: datetime | None) -> None:
        await self._switch.ask(lambda pool: pool.place(sitting, holder, version, borrowed_until))

    async def withdraw(self, sitting: Sitting) -> None:
        await self._switch.ask(lambda pool: pool.withdraw(sitting))

    async def renew(self, sitting: Sitting, holder: str, rate: Rate | None) -> Renewal:
        """That a session is over is said by the pool of that moment only: elsewhere it may have been renewed."""
        return await self._switch.ask(
            lambda pool: pool.renew(sitting, holder, rate), surely=lambda renewal: renewal.outcome in _OVER
        )

    async def set_aside(self, sittings: Sequence[Sitting], reason: CloseReason) -> list[Aside]:
        return await self._switch.ask(lambda pool: pool.set_aside(sittings, reason))

    async def set_aside_lapsed(self, license_id: UUID, seat: int) -> list[Aside]:
        return await self._switch.ask(lambda pool: pool.set_aside_lapsed(license_id, seat))

    async def lapsed(self, most: int) -> list[Aside]:
        return await self._switch.ask(lambda pool: pool.lapsed(most))

    async def lapsed_of(self, license_id: UUID) -> Sequence[int]:
        return await self._switch.ask(lambda pool: pool.lapsed_of(license_id))

    async def free(self, closed: Sequence[tuple[Sitting, int]]) -> None:
        await self._switch.ask(lambda pool: pool.free(closed))

    async def look(self, license_id: UUID) -> View | None:
        return await self._switch.ask(lambda pool: pool.look(license_id))

    async def learn(self, facts: LicenseFacts) -> None:
        """In the pool of a moment after it was told: one that begins later reads the facts from the log."""
        await self._switch.ask(lambda pool: pool.learn(facts), surely=lambda _: True)

    async def epoch(self, license_id: UUID) -> str:
        return await self._switch.ask(lambda pool: pool.epoch(license_id))

    async def load(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        return await self._switch.ask(lambda pool: pool.load(facts, seats, epoch))

    async def forget(self, license_id: UUID) -> None:
        await self._switch.ask(lambda pool: pool.forget(license_id))

    async def is_loaded(self, license_ids: Sequence[UUID]) -> list[bool]:
        return await self._switch.ask(lambda pool: pool.is_loaded(license_ids))

    async def tighten(self, license_id: UUID, status: Status | None = None, limit: int | None = None) -> None:
        """In both, so that it counts in a pool that begins to be used before the event is stored, too."""
        period = await self._switch.period()
        if period.pool == POSTGRES:
            with suppress(Unavailable):
                await self._redis(period).tighten(license_id, status, limit)
        else:
            await self._postgres(period).tighten(license_id, status, limit)
        await self._switch.ask(lambda pool: pool.tighten(license_id, status, limit))

    def _make(self, period: Period) -> Pool:
        return self._redis(period) if period.pool == REDIS else self._postgres(period)

    def _redis(self, period: Period) -> RedisSeats:
        return RedisSeats(self._redis_line, self._offset, lambda: period.generation)

    def _postgres(self, period: Period) -> PostgresSeats:
        return PostgresSeats(self._postgres_line, self._offset, period.generation, self._periods.trust)
