"""What is particular to the pool in Redis: where things lie, and that nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis

from adapters.redis_seats import RedisSeats
from adapters.seat_keys import LETTERS, REASONS, keys_of
from application.seats import Seats
from domain.seat import CloseReason
from tests.seat_world import LEASE, World, acquire, outcome

LUA = Path(__file__).parents[2] / "adapters" / "lua"


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


def test_all_keys_of_a_licence_share_a_slot_and_neighbours_do_not():
    made_together = [UUID(f"01934a6e-1c00-7000-8000-0000000000{n:02x}") for n in range(256)]
    tags = set()
    for license_id in made_together:
        keys = keys_of(license_id)
        (tag,) = {key[key.index("{") : key.index("}") + 1] for key in (*keys[1:], keys.rate("acquires", "x"))}
        tags.add(tag)
    assert len(tags) == 256


def test_every_reason_has_a_letter_that_means_nothing_else():
    assert set(LETTERS) == set(CloseReason)
    assert set(REASONS.values()) == set(CloseReason)
    assert not {"f", "p", "P", "r"} & set(LETTERS.values())


@pytest.mark.parametrize("script", sorted(LUA.glob("*.lua")), ids=lambda path: path.name)
def test_every_script_opens_with_what_it_does_and_loops_over_nothing_it_was_not_given(script):
    text = script.read_text()
    assert text.startswith("-- ")
    assert "KEYS[1]" not in text or "--   KEYS[1]" in text
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    for costly in ("KEYS(", "'KEYS'", "'SCAN'", "'HGETALL'", "'HSCAN'", "'SMEMBERS'", "'HKEYS'", "while "):
        assert costly not in code


def test_nothing_is_left_of_sessions_that_ended(world, redis: Redis):
    sold = world.sell(seats=3)
    keys = keys_of(sold.id)

    async def story(seats: Seats) -> None:
        for wave in range(5):
            answers = await asyncio.gather(*(outcome(acquire(seats, sold, 10 * wave + n)) for n in range(6)))
            assert len([each for each in answers if hasattr(each, "lease")]) == 3
            world.clock.ahead += LEASE + timedelta(seconds=1)
            if wave % 2:
                await seats.endings.expire_lapsed()
        assert redis.hlen(keys.holders) == redis.zcard(keys.leases) == redis.zcard(keys.due) == 3
        await seats.endings.expire_lapsed()
        assert redis.hlen(keys.holders) == redis.zcard(keys.leases) == redis.zcard(keys.due) == 0
        assert (redis.hlen(keys.seats), redis.zcard(keys.free)) == (3, 3)

    world.with_seats(story)


def test_what_another_server_wrote_is_read_from_the_log_again(world, redis: Redis):
    """A replica that took over, or a server that read an old file, may lack the last renewals, ends and suspensions."""
    sold = world.sell(seats=1)
    keys = keys_of(sold.id)

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        redis.zadd(keys.leases, {"1": 0})
        redis.hset(keys.license, "reign", "of another")
        assert await seats._pool.is_loaded([sold.id]) == [False]
        assert await seats._pool.look(sold.id) is None
        await seats.endings.expire_lapsed()
        assert (await outcome(acquire(seats, sold, 2))).details["used"] == 1
        assert await seats._pool.is_loaded([sold.id]) == [True]
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)


def test_an_entry_stays_small_enough_to_be_packed(world, redis: Redis):
    sold = world.sell(seats=100)

    async def story(seats: Seats) -> None:
        await asyncio.gather(*(acquire(seats, sold, n) for n in range(100)))

    world.with_seats(story)
    assert redis.object("encoding", keys_of(sold.id).seats) == b"listpack"


def test_a_shard_tells_what_is_due_at_the_cost_of_what_it_tells(world, redis: Redis):
    sold = world.sell(seats=300)

    async def story(seats: Seats) -> None:
        await asyncio.gather(*(acquire(seats, sold, n) for n in range(300)))
        assert isinstance(seats._pool, RedisSeats)
        redis.config_resetstat()
        assert await seats._pool.lapsed(500) == []
        calls = redis.info("commandstats")
        assert calls["cmdstat_zrangebyscore"]["calls"] == 256
        assert "cmdstat_hget" not in calls

    world.with_seats(story)
