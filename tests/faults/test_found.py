"""The smallest stories of what the fault runs have found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application.seats import Seats
from tests.seat_world import World, acquire


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


def test_a_commit_over_a_connection_that_was_lost_while_it_was_idle_is_made_over_another(world):
    """Postgres was restarted: the first who wants a seat an hour later must not be told that it is away."""
    sold = world.sell(seats=2)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        others = "pid <> pg_backend_pid() and datname = current_database()"
        world.database.execute(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {others}")
        assert (await acquire(seats, sold, 2)).new

    world.with_seats(story)
