"""The quota pool of a process: where seats are kept, quotas are. Who asks does not notice which."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from adapters.pool_switch import PoolSwitch
from adapters.postgres_line import PostgresLine
from adapters.postgres_quotas import PostgresQuotas
from adapters.quota_totals import QuotaTotals
from adapters.redis_line import RedisLine
from adapters.redis_quotas import RedisQuotas
from adapters.seat_periods import REDIS, Period, SeatPeriods
from domain.quota_pool import Answer, Batch, Question
from domain.rights import Rights

Pool = RedisQuotas | PostgresQuotas


class SwitchingQuotas:
    """A `QuotaPool` (application/quota_pool.py) over the two, for one event loop. What was promised in one of them is
    not known in the other: it is forgotten when quotas move."""

    def __init__(
        self,
        periods: SeatPeriods,
        redis_line: RedisLine,
        postgres_line: PostgresLine,
        totals: QuotaTotals,
        offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._redis_line = redis_line
        self._postgres_line = postgres_line
        self._totals = totals
        self._offset = offset
        self._switch = PoolSwitch[Pool](periods, self._make)

    async def begin(self, account_id: UUID) -> str:
        return await self._switch.ask(lambda pool: pool.begin(account_id))

    async def ask(self, question: Question) -> Answer | None:
        return await self._switch.ask(lambda pool: pool.ask(question))

    async def count(self, batch: Batch, rights: Rights | None) -> bool:
        return await self._switch.ask(lambda pool: pool.count(batch, rights))

    async def release(self, account_id: UUID, reservation: UUID) -> bool:
        return await self._switch.ask(lambda pool: pool.release(account_id, reservation))

    async def forget(self, account_id: UUID) -> None:
        await self._switch.ask(lambda pool: pool.forget(account_id))

    async def behind(self, account_id: UUID, position: int) -> None:
        await self._switch.ask(lambda pool: pool.behind(account_id, position))

    def _make(self, period: Period) -> Pool:
        if period.pool == REDIS:
            return RedisQuotas(self._redis_line, self._totals, self._offset, lambda: period.generation)
        return PostgresQuotas(self._postgres_line, self._offset, period.generation)
