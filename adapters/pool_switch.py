"""Which of two pools is asked: the one in Redis while it answers, else the one in Postgres."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from adapters.seat_periods import POSTGRES, REDIS, Period, SeatPeriods
from domain.errors import Unavailable
from domain.seat_pool import PeriodOver

_ATTEMPTS = 4
_NEVER = Period(REDIS, -1)

P = TypeVar("P")
T = TypeVar("T")


class PoolSwitch(Generic[P]):
    """For one event loop. A call that fails in Redis is made again: there, if Redis answers after all, or in Postgres,
    where everything is kept from then on. `make` gives the pool of a period."""

    def __init__(self, periods: SeatPeriods, make: Callable[[Period], P]) -> None:
        self._periods = periods
        self._make = make
        self._made: tuple[Period, P] = _NEVER, make(_NEVER)

    async def period(self, *, afresh: bool = False) -> Period:
        known = None if afresh else self._periods.known
        return known or await self._periods.confirm()

    async def ask(self, act: Callable[[P], Awaitable[T]], *, surely: Callable[[T], bool] = lambda _: False) -> T:
        """The answer of the pool that is used at that moment.

        That of Redis counts only while this process knows that it is: also a moment after, since we may have stood
        still in between. Postgres looks itself. An answer that is to be given `surely` counts only if no other process
        has moved on.
        """
        for _ in range(_ATTEMPTS):
            period = await self.period()
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

    def _pool_of(self, period: Period) -> P:
        if self._made[0] != period:
            self._made = period, self._make(period)
        return self._made[1]
