"""The smallest stories of what the fault runs have found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import gettempdir
from typing import Any

import pytest
from redis import Redis

from adapters.seat_periods import POSTGRES, REDIS, TRUST
from adapters.server_process import own_folder
from application.seats import Acquired, Seats
from domain.errors import SeatsExhausted
from tests.application.seats.moments import MOMENT
from tests.seat_world import LEASE, World, acquire
from tests.switching_world import NEVER, SwitchingWorld, Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """One that the story may hurt."""
    home = own_folder(Path(gettempdir()) / f"usher-{token_hex(4)}")  # a short path: it holds a socket
    valkey = Valkey(home / "valkey", home, home / "log")
    valkey.start()
    yield valkey
    valkey.process.stop()
    rmtree(home)


@pytest.fixture
def world(database_url: str, valkey: Valkey) -> Iterator[SwitchingWorld]:
    world = SwitchingWorld(database_url, valkey)
    yield world
    world.close()


def test_a_redis_that_comes_back_with_what_it_knew_a_while_ago_takes_no_seat_away(world, valkey):
    """Its leases are those of its last save: whoever renewed since looks as if he had lapsed."""
    sold = world.sell(seats=1)

    async def before(seats: Seats) -> Acquired:
        ada = await acquire(seats, sold, 1)
        with Redis.from_url(world.redis_url) as client:
            client.save()
        world.clock.ahead += LEASE - MOMENT
        await seats.heartbeat(ada.session_id, ada.lease)
        return ada

    ada = world.with_seats(before)
    valkey.kill()
    valkey.start()
    world.clock.ahead += 2 * MOMENT

    async def afterwards(seats: Seats) -> None:
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(afterwards)


def test_a_commit_over_a_connection_that_was_lost_while_it_was_idle_is_made_over_another(world):
    """Postgres was restarted: the first who wants a seat an hour later must not be told that it is away."""
    sold = world.sell(seats=2)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        others = "pid <> pg_backend_pid() and datname = current_database()"
        world.database.execute(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {others}")
        assert (await acquire(seats, sold, 2)).new

    world.with_seats(story)


def test_nobody_is_told_that_his_session_is_over_by_who_does_not_know_that_it_was_renewed_elsewhere(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER) as late,
        ):
            session = await acquire(late.seats, sold, 1)
            world.clock.ahead += LEASE + MOMENT
            assert await late.seats._pool.lapsed(1)  # set aside in Redis, and the reaper dies
            link.refuse()
            await one.seats.heartbeat(session.session_id, session.lease)
            assert (late.periods.known, world.mode) == ((REDIS, 0), (POSTGRES, 1))
            await late.seats.heartbeat(session.session_id, session.lease)

    asyncio.run(story())


def test_a_renewal_in_postgres_takes_nothing_from_what_a_late_process_has_promised_in_redis(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER) as late,
        ):
            session = await acquire(late.seats, sold, 1)
            link.refuse()
            await one.seats.heartbeat(session.session_id, session.lease)
            world.clock.ahead += TRUST / 2
            assert (late.periods.known, world.mode) == ((REDIS, 0), (POSTGRES, 1))
            promised = await late.seats.heartbeat(session.session_id, session.lease)
            world.clock.ahead += LEASE - TRUST / 2 + 5 * MOMENT
            assert promised.expires_at > world.clock.now()
            with pytest.raises(SeatsExhausted):
                await acquire(one.seats, sold, 2)

    asyncio.run(story())


async def renewed_after_a_flush(world: World, session: Any) -> None:
    with Redis.from_url(world.redis_url) as client:
        client.flushall()
    async with world.open_seats() as others:
        await others.heartbeat(session.session_id, session.lease)


def test_a_lapsed_session_that_was_renewed_after_a_flush_is_not_closed_by_who_set_it_aside_before(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        ada = await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT
        before_the_next_commit_of(seats, lambda: renewed_after_a_flush(world, ada))
        await seats.endings.expire_lapsed()
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(story)


def test_a_lapsed_seat_that_was_renewed_after_a_flush_is_not_given_to_who_was_proposed_for_it_before(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        ada = await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT
        before_the_next_commit_of(seats, lambda: renewed_after_a_flush(world, ada))
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(story)


def before_the_next_commit_of(seats: Seats, happens: Callable[[], Any]) -> None:
    """Somebody is faster than the commit that `seats` is about to make."""
    log = seats.endings._log
    append = log.append

    async def slow(*events: Any, **how: Any) -> int:
        log.append = append  # type: ignore[method-assign]
        await happens()
        return await append(*events, **how)

    log.append = slow  # type: ignore[method-assign]
