"""The smallest stories of what the fault runs have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from adapters.embedded import EmbeddedServers
from application.seats import Acquired, Seats
from domain.errors import SeatsExhausted
from tests.seat_world import LEASE, World, acquire

MOMENT = timedelta(seconds=1)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """One that this test may kill."""
    with EmbeddedServers(tmp_path / "valkey", postgres=False, durable=False) as servers:
        yield servers


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


def test_a_redis_that_comes_back_with_what_it_knew_a_while_ago_takes_no_seat_away(database_url, own_valkey):
    """Its leases are those of its last save: whoever renewed since looks as if he had lapsed."""
    world = World(database_url, str(own_valkey.redis_url))
    sold = world.sell(seats=1)

    async def before(seats: Seats) -> Acquired:
        ada = await acquire(seats, sold, 1)
        with Redis.from_url(world.redis_url) as valkey:
            valkey.save()
        world.clock.ahead += LEASE - MOMENT
        await seats.heartbeat(ada.session_id, ada.lease)
        return ada

    ada = world.with_seats(before)
    own_valkey.restart_valkey()
    world.clock.ahead += 2 * MOMENT

    async def afterwards(seats: Seats) -> None:
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(afterwards)
    world.close()


def test_a_lapsed_session_that_was_renewed_after_a_flush_is_not_closed_by_who_set_it_aside_before(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        ada = await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT

        async def ada_comes_back() -> None:
            flush(world)
            async with world.open_seats() as others:
                await others.heartbeat(ada.session_id, ada.lease)

        before_the_next_commit_of(seats, ada_comes_back)
        await seats.endings.expire_lapsed()
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(story)


def test_a_lapsed_seat_that_was_renewed_after_a_flush_is_not_given_to_who_was_proposed_for_it_before(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        ada = await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT

        async def ada_comes_back() -> None:
            flush(world)
            async with world.open_seats() as others:
                await others.heartbeat(ada.session_id, ada.lease)

        before_the_next_commit_of(seats, ada_comes_back)
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)
        await seats.heartbeat(ada.session_id, ada.lease)

    world.with_seats(story)


def flush(world: World) -> None:
    with Redis.from_url(world.redis_url) as valkey:
        valkey.flushall()


def test_a_commit_over_a_connection_that_was_lost_while_it_was_idle_is_made_over_another(world):
    """Postgres was restarted: the first who wants a seat an hour later must not be told that it is away."""
    sold = world.sell(seats=2)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        others = "pid <> pg_backend_pid() and datname = current_database()"
        world.database.execute(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {others}")
        assert (await acquire(seats, sold, 2)).new

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
