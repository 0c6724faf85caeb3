"""Redis goes away and comes back: nobody who asks notices, no seat is held twice, no renewed seat is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from adapters.seat_periods import POSTGRES, REDIS
from application.seats import Acquired, Seats
from domain.errors import SeatsExhausted
from tests.seat_world import Sold, acquire
from tests.switching_world import Process, until


class Crowd:
    """Clients of some processes that sit down and keep their seats; every third gets up again and again. Whatever is
    answered them that they did not ask for ends the story."""

    def __init__(self, sold: Sold, processes: list[Process], size: int) -> None:
        self._sold = sold
        self._seats = [process.seats for process in processes]
        self._size = size
        self._is_over = asyncio.Event()
        self.answers = 0
        self.sitting: dict[int, Acquired] = {}

    async def __aenter__(self) -> Crowd:
        self._living = [asyncio.create_task(self._live(number)) for number in range(self._size)]
        await self.until_answered(3 * self._size)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over.set()
        await asyncio.gather(*self._living)

    async def until_answered(self, more: int) -> None:
        """So many more answers."""
        wanted = self.answers + more
        await until(lambda: self.answers >= wanted or any(each.done() for each in self._living))
        assert not [each.exception() for each in self._living if each.done()]

    async def _live(self, number: int) -> None:
        while not self._is_over.is_set():
            with suppress(SeatsExhausted):
                await self._sit(number)
            self.answers += 1
            await asyncio.sleep(0.01)

    async def _sit(self, number: int) -> None:
        acquired = self.sitting[number] = await acquire(self._any(), self._sold, number)
        lease, beats = acquired.lease, 0
        while not self._is_over.is_set() and (number % 3 or beats < 5):
            lease = (await self._any().heartbeat(acquired.session_id, lease)).lease
            self.answers += 1
            beats += 1
            await asyncio.sleep(0.01)
        if not number % 3:
            del self.sitting[number]
            await self._any().release(acquired.session_id, lease)

    def _any(self) -> Seats:
        self._seats.append(self._seats.pop(0))
        return self._seats[0]


@pytest.mark.parametrize("harm", ["kill", "stop"])
def test_clients_of_two_processes_do_not_notice_that_redis_went_away_and_came_back(switching_world, harm):
    world = switching_world
    sold = world.sell(seats=15)

    async def story() -> None:
        async with world.process() as one, world.process() as other, Crowd(sold, [one, other], 24) as crowd:
            before = dict(crowd.sitting)
            getattr(world.valkey, harm)()
            await one.until_kept_in(POSTGRES)
            await other.until_kept_in(POSTGRES)
            await crowd.until_answered(300)
            world.valkey.start() if harm == "kill" else world.valkey.go_on()
            await one.until_kept_in(REDIS)
            await other.until_kept_in(REDIS)
            await crowd.until_answered(300)
            stayed = {number: each.session_id for number, each in before.items() if number % 3}
            assert stayed and stayed.items() <= {n: each.session_id for n, each in crowd.sitting.items()}.items()

    asyncio.run(story())
    assert world.mode == (REDIS, 2)
    world.check_log(limit=15)
