"""Clients that fall silent, and a Redis that forgets: no seat is lost, none is held for ever."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from application.seats import Seats
from domain.errors import (
    SeatsExhausted,
)
from tests.application.seats.moments import MOMENT, reason_of
from tests.seat_world import LEASE, acquire


def test_lapsed_seats_come_back(world):
    sold = world.sell(seats=2)

    async def sit(seats: Seats):
        return await acquire(seats, sold, 1), await acquire(seats, sold, 2)

    gone, stays = world.with_seats(sit)
    world.clock.ahead += LEASE / 2
    world.with_seats(lambda seats: seats.heartbeat(stays.session_id, stays.lease))
    world.clock.ahead += LEASE / 2 + MOMENT
    assert world.work.expire_lapsed() == 1
    assert world.work.expire_lapsed() == 0

    async def later(seats: Seats) -> None:
        assert await reason_of(seats.heartbeat(gone.session_id, gone.lease)) == "expired"
        await seats.heartbeat(stays.session_id, stays.lease)
        assert (await acquire(seats, sold, 3)).seat == gone.seat

    world.with_seats(later)
    assert world.check_log(2) == 2


def test_a_lapsed_seat_is_taken_over_before_any_worker_saw_it(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        first = await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT
        second = await acquire(seats, sold, 2)
        assert second.used == 1
        assert await reason_of(seats.heartbeat(first.session_id, first.lease)) == "expired"
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 1)

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", ""), (1, 2, "closed", "expired"), (1, 3, "opened", "")]


def test_a_late_heartbeat_keeps_a_seat_that_nobody_wanted(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        world.clock.ahead += 10 * LEASE
        kept = await seats.heartbeat(sat.session_id, sat.lease)
        assert kept.expires_at > world.clock.now()
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_a_late_heartbeat_after_the_reaper_is_refused_with_the_reason(world):
    sold = world.sell(seats=1)
    sat = world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.clock.ahead += LEASE + MOMENT
    world.work.expire_lapsed()
    assert world.with_seats(lambda seats: reason_of(seats.heartbeat(sat.session_id, sat.lease))) == "expired"


def test_many_lapsed_sessions_are_closed_in_batches(world):
    sold = world.sell(seats=1100)

    async def sit(seats: Seats) -> None:
        await asyncio.gather(*(acquire(seats, sold, machine) for machine in range(1100)))

    world.with_seats(sit)
    world.clock.ahead += LEASE + MOMENT
    assert world.work.expire_lapsed() == 1100
    assert world.check_log(1100) == 0


def test_a_client_does_not_notice_that_redis_lost_everything(world, redis: Redis):
    sold = world.sell(seats=2)

    async def story(seats: Seats) -> None:
        sat, _ = await acquire(seats, sold, 1), await acquire(seats, sold, 2)
        redis.flushall()
        kept = await seats.heartbeat(sat.session_id, sat.lease)
        redis.flushall()
        again = await acquire(seats, sold, 1)
        assert (again.new, again.session_id) == (False, sat.session_id)
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 3)
        redis.flushall()
        await seats.release(sat.session_id, kept.lease)
        assert (await acquire(seats, sold, 3)).seat == sat.seat

    world.with_seats(story)
    assert world.check_log(2) == 2


def test_a_session_that_ended_is_still_known_when_redis_is_not(world, redis: Redis):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        await seats.release(sat.session_id, sat.lease)
        redis.flushall()
        assert await reason_of(seats.heartbeat(sat.session_id, sat.lease)) == "released"
        await seats.release(sat.session_id, sat.lease)

    world.with_seats(story)
    assert len(world.history()) == 2


def test_one_lost_seat_is_found_again(world, redis: Redis):
    """Not all of Redis is lost but a part: a replica that was promoted lacks the last writes."""
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        for key in redis.scan_iter("seats:*"):
            if not key.decode().endswith(sold.id.hex):
                redis.delete(key)
        await seats.heartbeat(sat.session_id, sat.lease)
        other = await acquire(seats, sold, 2)
        assert other.seat != sat.seat

    world.with_seats(story)
    assert world.check_log(10) == 2


def test_sessions_whose_clients_died_with_redis_still_lapse(world, redis: Redis):
    sold = world.sell()
    world.with_seats(lambda seats: acquire(seats, sold, 1))
    redis.flushall()
    assert world.work.revive([sold.id]) == 1
    assert world.work.revive([sold.id]) == 0
    world.clock.ahead += LEASE + MOMENT
    assert world.work.expire_lapsed() == 1


def test_a_hole_in_the_numbers_hides_nobody(world, redis: Redis):
    sold = world.sell(seats=5)

    async def story(seats: Seats) -> None:
        sat = [await acquire(seats, sold, machine) for machine in range(5)]
        world.database.execute("delete from stored_events where state->>'seat' in ('2', '3')")  # as if never stored
        redis.flushall()
        await seats.heartbeat(sat[4].session_id, sat[4].lease)
        assert sorted([(await acquire(seats, sold, machine)).seat for machine in (11, 12)]) == [2, 3]
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 13)

    world.with_seats(story)
