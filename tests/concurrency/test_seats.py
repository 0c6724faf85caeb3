"""Many machines, several processes, one log: whatever happens to Redis, nobody sits on another's seat."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from redis import Redis

from application.seats import Acquired, Seats
from domain.errors import SeatsExhausted, SessionClosed, Unavailable
from tests.seat_world import LEASE, World, acquire, outcome

PROCESSES = 3
ROUNDS = 6
T = TypeVar("T")


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


def in_processes(world: World, story) -> None:
    """Runs `story(processes)` with several `Seats`, each with connections of its own."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            await story([await stack.enter_async_context(world.open_seats()) for _ in range(PROCESSES)])

    asyncio.run(run())


def sitting(answers: list) -> list[Acquired]:
    return [each for each in answers if isinstance(each, Acquired)]


def refused(answers: list) -> list[SeatsExhausted]:
    return [each for each in answers if isinstance(each, SeatsExhausted)]


def test_of_a_hundred_machines_ten_sit_and_ninety_are_told_why(world):
    async def story(processes: list[Seats]) -> None:
        sold = world.sell(seats=10)
        asked = (outcome(acquire(processes[n % PROCESSES], sold, n)) for n in range(100))
        answers = await asyncio.gather(*asked)
        assert sorted(each.seat for each in sitting(answers)) == list(range(1, 11))
        assert len({each.session_id for each in sitting(answers)}) == 10
        assert [each.details for each in refused(answers)] == [{"limit": 10, "used": 10}] * 90

    in_processes(world, story)
    assert world.check_log(10) == 10


@pytest.mark.parametrize("round", range(ROUNDS))
def test_of_a_hundred_machines_ten_sit_though_redis_is_flushed_in_the_middle(world, redis: Redis, round):
    dice = random.Random(round)

    async def flush() -> None:
        for _ in range(3):
            await asyncio.sleep(dice.uniform(0.002, 0.03))
            await asyncio.to_thread(redis.flushall)

    async def story(processes: list[Seats]) -> None:
        sold = world.sell(seats=10)
        asked = [outcome(acquire(processes[n % PROCESSES], sold, n)) for n in range(100)]
        answers = (await asyncio.gather(flush(), *asked))[1:]
        assert len(refused(answers)) == 90
        assert {each.details["limit"] for each in refused(answers)} == {10}
        assert sorted(each.seat for each in sitting(answers)) == list(range(1, 11))
        for each in sitting(answers):
            await processes[0].heartbeat(each.session_id, each.lease)

    in_processes(world, story)
    assert world.check_log(10) == 10


def test_one_machine_that_asks_fifty_times_at_once_has_one_session(world):
    async def story(processes: list[Seats]) -> None:
        sold = world.sell(seats=10)
        answers = await asyncio.gather(*(acquire(processes[n % PROCESSES], sold, 1) for n in range(50)))
        assert len({(each.session_id, each.seat) for each in answers}) == 1
        assert sum(each.new for each in answers) == 1

    in_processes(world, story)
    assert world.history() == [(1, 1, "opened", "")]


def test_sixty_machines_ask_twice_each_and_no_seat_is_given_twice(world, redis: Redis):
    async def flush() -> None:
        for _ in range(3):
            await asyncio.sleep(0.01)
            await asyncio.to_thread(redis.flushall)

    async def story(processes: list[Seats]) -> None:
        sold = world.sell(seats=10)
        asked = [outcome(acquire(processes[n % PROCESSES], sold, n % 60)) for n in range(120)]
        answers = (await asyncio.gather(flush(), *asked))[1:]
        assert len({each.session_id for each in sitting(answers)}) == 10

    in_processes(world, story)
    assert world.check_log(10) == 10


def test_a_burst_on_lapsed_seats_closes_each_session_once(world):
    async def story(processes: list[Seats]) -> None:
        sold = world.sell(seats=10)
        first = await asyncio.gather(*(acquire(processes[0], sold, n) for n in range(10)))
        world.clock.ahead += LEASE + timedelta(seconds=1)
        asked = [outcome(acquire(processes[n % PROCESSES], sold, 100 + n)) for n in range(50)]
        reapers = [seats.endings.expire_lapsed() for seats in processes]
        answers = (await asyncio.gather(*reapers, *asked))[PROCESSES:]
        assert len(sitting(answers)) <= 10
        for each in first:
            with pytest.raises(SessionClosed):
                await processes[0].heartbeat(each.session_id, each.lease)

    in_processes(world, story)
    world.check_log(10)
    closed = [each for each in world.history() if each[2] == "closed"]
    assert len(closed) == 10 and {each[3] for each in closed} == {"expired"}


async def insist(ask: Callable[..., Awaitable[T]], *what: Any) -> T:
    """As a client does: what is unavailable for a moment is asked again."""
    while True:
        try:
            return await ask(*what)
        except Unavailable:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(6))
def test_a_client_that_renews_in_time_never_loses_its_seat(world, redis: Redis, seed):
    """Forty clients come and go on ten seats, Redis is flushed every few milliseconds, reapers run."""
    sold = world.sell(seats=10)
    counted = {"sat": 0, "beats": 0}

    async def client(number: int, processes: list[Seats]) -> None:
        dice = random.Random(seed * 1000 + number)
        for _ in range(4):
            try:
                sat = await insist(acquire, dice.choice(processes), sold, number)
            except SeatsExhausted:
                await asyncio.sleep(dice.uniform(0.01, 0.05))
                continue
            counted["sat"] += 1
            await sit(sat, dice, processes)

    async def sit(sat: Acquired, dice: random.Random, processes: list[Seats]) -> None:
        lease = sat.lease
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(dice.uniform(0, 0.02))
            lease = (await insist(dice.choice(processes).heartbeat, sat.session_id, lease)).lease
            counted["beats"] += 1
        if dice.random() < 0.8:
            await insist(dice.choice(processes).release, sat.session_id, lease)

    async def trouble(processes: list[Seats]) -> None:
        dice = random.Random(seed)
        for n in range(20):
            await asyncio.sleep(dice.uniform(0.003, 0.03))
            await asyncio.to_thread(redis.flushall)
            await processes[n % PROCESSES].endings.expire_lapsed()

    async def story(processes: list[Seats]) -> None:
        await asyncio.gather(trouble(processes), *(client(number, processes) for number in range(40)))

    in_processes(world, story)
    world.check_log(10)
    assert counted["sat"] > 20 and counted["beats"] > 20
