"""Limits of people and groups while everybody asks at once, from several processes, and Redis is flushed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from application.seats import Acquired, Seats
from domain.caller import Caller
from domain.errors import SeatsExhausted
from domain.lease import fingerprint_digest
from domain.seat_access import SeatRules
from domain.seat_policy import Leasing, SeatGroup
from tests.seat_world import Sold, World, outcome

PROCESSES = 2


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


async def sit(seats: Seats, sold: Sold, machine: int, user: str = "ada") -> Acquired | SeatsExhausted:
    return await outcome(seats.acquire(sold.key, f"fingerprint-of-machine-{machine}", Caller(user=user)))


def axes(answers: list[Any]) -> Counter[str]:
    """How many sat, and of the others whose limit they met."""
    return Counter("sat" if isinstance(each, Acquired) else each.details.get("axis", "license") for each in answers)


def most_at_once(world: World, name: str) -> int:
    """The most sessions that ever counted for a limit at the same time, by the log alone."""
    rows = world.database.fetch_all(
        "select topic, state from stored_events where topic like 'seat.%%' order by notification_id"
    )
    sitting: set[str] = set()
    most = 0
    for row in rows:
        if row["topic"] == "seat.session_closed":
            sitting.discard(row["state"]["session_id"])
        elif name in row["state"]["counts_for"]:
            sitting.add(row["state"]["session_id"])
        most = max(most, len(sitting))
    return most


async def flush(redis: Redis) -> None:
    for _ in range(4):
        await asyncio.sleep(0.01)
        await asyncio.to_thread(redis.flushall)


@pytest.mark.parametrize("is_flushed", [False, True])
def test_fifty_machines_of_one_user_get_two_seats(world, redis, is_flushed):
    sold = world.sell(seats=100, seats_per_user=2)
    name = f"user:{world.users.digest(sold.id, 'ada')}"

    async def story(processes: list[Seats]) -> None:
        asked = [sit(processes[n % PROCESSES], sold, n) for n in range(50)]
        answers = await asyncio.gather(*asked, *([flush(redis)] if is_flushed else []))
        assert axes(answers[:50]) == {"sat": 2, "user": 48}

    in_processes(world, story)
    assert world.check_log(100) == 2
    assert most_at_once(world, name) == 2


@pytest.mark.parametrize("is_flushed", [False, True])
def test_fifty_machines_of_one_person_share_a_seat(world, redis, is_flushed):
    sold = world.sell(seats=3, leasing=Leasing.USER)

    async def story(processes: list[Seats]) -> None:
        asked = [sit(processes[n % PROCESSES], sold, n) for n in range(50)]
        answers = (await asyncio.gather(*asked, *([flush(redis)] if is_flushed else [])))[:50]
        assert len({each.session_id for each in answers}) == 1
        assert sum(each.new for each in answers) == 1

    in_processes(world, story)
    assert [each[2] for each in world.history()] == ["opened"]


def test_sixty_members_and_guests_at_once_pass_no_limit_of_their_own(world, redis):
    """Members of two groups, and of both, on seats of which some are reserved."""
    groups = SeatGroup("design", reserved=3, limit=5), SeatGroup("interns", limit=2)
    sold = world.sell(seats=12, seats_per_user=2, groups=groups)
    machines = [f"machine:{fingerprint_digest(f'fingerprint-of-machine-{n}')}" for n in range(60)]
    rules = SeatRules({"design": tuple(machines[:20]), "interns": tuple(machines[15:30])})
    world.change(sold, lambda license, now: license.set_seat_rules(rules, reason="team", now=now))

    async def story(processes: list[Seats]) -> None:
        asked = [sit(processes[n % PROCESSES], sold, n, f"person-{n % 45}") for n in reversed(range(60))]
        answers = (await asyncio.gather(*asked, flush(redis)))[:60]
        assert 2 < axes(answers)["sat"] <= 12
        for n in range(60):  # whoever was refused in the crowd gets what is left
            await sit(processes[0], sold, n, f"person-{n % 45}")

    in_processes(world, story)
    assert world.check_log(12) == 12
    assert most_at_once(world, "group:interns") <= 2
    assert 3 <= most_at_once(world, "group:design") <= 5


def test_a_seat_that_is_given_back_is_free_on_every_axis_at_once(world):
    sold = world.sell(seats=4, seats_per_user=1)

    async def story(processes: list[Seats]) -> None:
        for n in range(20):
            sat = await sit(processes[n % PROCESSES], sold, n)
            assert isinstance(sat, Acquired)
            await processes[(n + 1) % PROCESSES].release(sat.session_id, sat.lease)

    in_processes(world, story)
    assert world.check_log(1) == 0
