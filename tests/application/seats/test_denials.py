"""Who was refused a seat is noted behind the answer: once a minute, whatever happens to Postgres or to the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from adapters.clock import Clock
from adapters.group_commit import GroupCommit
from application.attribution import acting
from application.seat_denials import SeatDenials
from application.seats import Seats
from domain.caller import Caller
from domain.errors import LicenseKeyInvalid, RateLimited, SeatNotAllowed, SeatsExhausted, Unavailable, UsherError
from domain.lease import fingerprint_digest
from domain.rate import Rate
from domain.seat_access import Bidder, SeatRules
from domain.seat_policy import Leasing
from tests.seat_world import PLENTY, SOMEBODY, Sold, World, acquire

PATIENCE = 30.0


class StoppedClock(Clock):
    """It goes on when a test says so: no minute ends in the middle of a story."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC).replace(second=5)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@asynccontextmanager
async def process(
    world: World, clock: Clock, most_waiting: int = 100, acquires: Rate = PLENTY
) -> AsyncIterator[tuple[Seats, SeatDenials]]:
    """Seats as one process has them, with their denials. In the end all notes are stored."""
    commit = GroupCommit(world.database_url, world.codec)
    denials = SeatDenials(commit, world.store, world.seat_log, clock, most_waiting=most_waiting)
    async with world.open_seats(acquires) as seats:
        seats.denied = denials.note
        yield seats, denials
        await denials.close(PATIENCE)
    await commit.close()


async def refused(seats: Seats, sold: Sold, machine: int, user: str | None = None) -> UsherError:
    with pytest.raises(UsherError) as refusal:
        await seats.acquire(sold.key, f"fingerprint-of-machine-{machine}", Caller(user=user))
    return refusal.value


def noted(world: World) -> list[dict[str, Any]]:
    return world.database.fetch_all(
        "select state, actor, cause, originator_version as version from stored_events"
        " where topic = 'seat_denial.denied' order by notification_id"
    )


def reasons(world: World) -> list[str]:
    return [each["state"]["reason"] for each in noted(world)]


def test_twenty_refusals_of_a_machine_in_a_minute_are_one_event(world, clock):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with process(world, clock) as (seats, _):
            await acquire(seats, sold, 1)
            with acting("anonymous", "request:the-first"):
                await refused(seats, sold, 2)
            for _ in range(19):
                assert isinstance(await refused(seats, sold, 2), SeatsExhausted)

    asyncio.run(story())
    (event,) = noted(world)
    assert (event["actor"], event["cause"]) == (f"license:{sold.id}", "request:the-first")
    state = event["state"]
    assert (state["license_id"], state["reason"], state["limit"], state["used"]) == (str(sold.id), "exhausted", 1, 1)
    assert state["fingerprint_digest"] == fingerprint_digest("fingerprint-of-machine-2") and state["holder"] == ""
    owner = world.database.fetch_one("select state from stored_events where topic = 'license.issued'")
    assert state["organization_id"] == owner["state"]["organization_id"]


def test_each_minute_each_machine_and_each_reason_is_noted(world, clock):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with process(world, clock) as (seats, _):
            await acquire(seats, sold, 1)
            for _ in range(3):
                for machine in (2, 3):
                    await refused(seats, sold, machine)
                clock.moment += timedelta(seconds=30)
            await asyncio.to_thread(world.change, sold, lambda one, now: one.suspend(reason="abuse", now=now))
            await seats.loading.publish(sold.id)
            await refused(seats, sold, 2)

    asyncio.run(story())
    assert sorted(reasons(world)) == ["exhausted"] * 4 + ["suspended"]


def test_two_processes_that_refuse_the_same_machine_note_it_once(world, clock):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with process(world, clock) as (here, _), process(world, clock) as (there, _):
            await acquire(here, sold, 1)
            asked = [
                refused(seats, sold, machine) for seats in (here, there) for machine in range(2, 7) for _ in "1234"
            ]
            assert all(isinstance(each, SeatsExhausted) for each in await asyncio.gather(*asked))

    asyncio.run(story())
    assert reasons(world) == ["exhausted"] * 5


def test_a_race_for_one_note_is_lost_in_silence(world, clock):
    """Both have looked and found nothing before either has stored it."""
    sold = world.sell(seats=1)
    given_up: list[int] = []

    async def story() -> None:
        async with process(world, clock) as (here, first), process(world, clock) as (_, second):
            await acquire(here, sold, 1)
            refusal = await refused(here, sold, 2)
            bidder = Bidder(fingerprint_digest("fingerprint-of-machine-2"))
            for denials in (first, second):
                denials.on_drop = given_up.append
                denials._seat_log = _Blind(world.database, world.codec)
            second.note(sold.id, bidder, bidder.machine, refusal)

    asyncio.run(story())
    assert (reasons(world), given_up) == (["exhausted"], [])


def test_whose_seat_it_would_have_been_is_noted_as_a_digest(world, clock):
    sold = world.sell(seats=1, leasing=Leasing.USER)
    bob = world.users.digest(sold.id, "bob")

    async def story() -> None:
        async with process(world, clock) as (seats, _):
            await seats.acquire(sold.key, "fingerprint-of-machine-1", Caller(user="ada"))
            for machine in (2, 3):
                await refused(seats, sold, machine, "bob")

    asyncio.run(story())
    (event,) = noted(world)
    assert event["state"]["holder"] == bob and "bob" not in str(event)


def test_who_is_left_out_is_noted(world, clock):
    sold = world.sell()
    rules = SeatRules(exclude=(f"machine:{fingerprint_digest('fingerprint-of-machine-2')}",))
    world.change(sold, lambda one, now: one.set_seat_rules(rules, reason="stolen", now=now))

    async def story() -> None:
        async with process(world, clock) as (seats, _):
            assert isinstance(await refused(seats, sold, 2), SeatNotAllowed)

    asyncio.run(story())
    assert reasons(world) == ["not_allowed"]


def test_what_is_no_denial_is_not_noted(world, clock):
    sold, people = world.sell(seats=5), world.sell(leasing=Leasing.USER)

    async def story() -> None:
        async with process(world, clock, acquires=Rate(1, timedelta(minutes=1))) as (seats, denials):
            told: list[str] = []
            denials.on_denial = told.append
            with pytest.raises(LicenseKeyInvalid):
                await seats.acquire("CODI-00000-00000-00000-00000-00000", "fingerprint-of-machine-1", SOMEBODY)
            await acquire(seats, sold, 1)
            assert isinstance(await refused(seats, sold, 1), RateLimited)
            await refused(seats, people, 1)
            assert told == []

    asyncio.run(story())
    assert reasons(world) == []


def test_a_flood_is_cut_off_and_counted(world, clock):
    sold = world.sell(seats=1)
    given_up: list[int] = []

    async def story() -> None:
        async with process(world, clock, most_waiting=10) as (seats, denials):
            denials.on_drop = given_up.append
            await acquire(seats, sold, 1)
            refusal = SeatsExhausted(limit=1, used=1)
            for machine in range(50):
                denials.note(sold.id, Bidder(f"machine-{machine}"), f"machine-{machine}", refusal)
            await denials.close(PATIENCE)
            assert (len(noted(world)), sum(given_up)) == (10, 40)
            for machine in range(45, 50):  # what was given up is noted at the next try
                denials.note(sold.id, Bidder(f"machine-{machine}"), f"machine-{machine}", refusal)

    asyncio.run(story())
    assert len(noted(world)) == 15


def test_without_postgres_the_answer_comes_and_the_note_is_given_up(world, clock, postgres_url):
    sold = world.sell(seats=1)
    given_up: list[int] = []

    async def story() -> None:
        async with process(world, clock) as (seats, denials):
            denials.on_drop = given_up.append
            await acquire(seats, sold, 1)
            await asyncio.to_thread(_shut, postgres_url, world)
            assert isinstance(await refused(seats, sold, 2), SeatsExhausted)
            await denials.close(PATIENCE)
            assert given_up == [1]
            await asyncio.to_thread(_open, postgres_url, world)
            assert isinstance(await refused(seats, sold, 2), SeatsExhausted)

    asyncio.run(story())
    assert reasons(world) == ["exhausted"]


def test_a_process_that_stops_stores_what_it_has_noted(world, clock):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with process(world, clock) as (seats, denials):
            await acquire(seats, sold, 1)
            await asyncio.gather(*(refused(seats, sold, machine) for machine in range(2, 30)))
            await denials.close(PATIENCE)
            assert len(noted(world)) == 28

    asyncio.run(story())


def test_a_part_that_is_away_is_no_denial(world, clock):
    async def story() -> None:
        async with process(world, clock) as (_, denials):
            denials.note(world.clock.new_id(), Bidder("machine"), "machine", Unavailable())

    asyncio.run(story())
    assert noted(world) == []


class _Blind:
    """Looks before anybody has stored anything."""

    def __init__(self, *_: Any) -> None: ...

    def begun(self, _: Any) -> set[Any]:
        return set()


def _shut(postgres_url: str, world: World) -> None:
    """Nobody reaches this world's database any more."""
    name = psycopg.conninfo.conninfo_to_dict(world.database_url)["dbname"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])


def _open(postgres_url: str, world: World) -> None:
    name = psycopg.conninfo.conninfo_to_dict(world.database_url)["dbname"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections true")
