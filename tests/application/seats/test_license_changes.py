"""What happens to those who sit when their licence changes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from redis import Redis

from adapters.redis_seats import HOLD
from application.attribution import acting
from application.seats import Seats
from domain.errors import (
    LicenseExpired,
    LicenseRevoked,
    LicenseSuspended,
    NotFound,
    SeatsExhausted,
)
from domain.license import Status
from domain.seat import CloseReason
from tests.application.seats.moments import MOMENT, reason_of
from tests.seat_world import acquire


def test_a_suspension_ends_the_sessions_at_once_and_a_reinstated_licence_starts_anew(world):
    sold = world.sell(seats=3)

    async def sit(seats: Seats):
        return [await acquire(seats, sold, machine) for machine in range(3)]

    sat = world.with_seats(sit)
    world.work.tighten(sold.id, status=Status.SUSPENDED)

    async def held(seats: Seats) -> None:
        assert await reason_of(seats.heartbeat(sat[0].session_id, sat[0].lease)) == "suspended"
        with pytest.raises(LicenseSuspended):
            await acquire(seats, sold, 9)

    world.with_seats(held)
    world.change(sold, lambda license, now: license.suspend(reason="unpaid", now=now))
    world.work.publish(sold.id)
    world.clock.ahead += HOLD + MOMENT
    world.with_seats(held)
    assert world.work.end_sessions(sold.id, CloseReason.SUSPENDED) == 3
    assert world.work.end_sessions(sold.id, CloseReason.SUSPENDED) == 0

    world.change(sold, lambda license, now: license.reinstate(reason="paid", now=now))
    world.work.publish(sold.id)

    async def anew(seats: Seats) -> None:
        assert await reason_of(seats.heartbeat(sat[0].session_id, sat[0].lease)) == "suspended"
        assert (await acquire(seats, sold, 0)).new

    world.with_seats(anew)
    assert world.check_log(3) == 1


def test_a_suspension_that_was_never_stored_is_forgotten_when_its_hold_runs_out(world):
    sold = world.sell()
    sat = world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.work.tighten(sold.id, status=Status.SUSPENDED)  # and the process dies before it stores anything
    world.clock.ahead += HOLD + MOMENT

    async def later(seats: Seats) -> None:
        await seats.heartbeat(sat.session_id, sat.lease)
        await acquire(seats, sold, 2)

    world.with_seats(later)


def test_a_suspension_holds_though_redis_was_flushed(world, redis: Redis):
    sold = world.sell()
    sat = world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.change(sold, lambda license, now: license.suspend(reason="unpaid", now=now))
    redis.flushall()
    assert world.with_seats(lambda seats: reason_of(seats.heartbeat(sat.session_id, sat.lease))) == "suspended"


@pytest.mark.parametrize(
    ("decide", "refusal"),
    [
        (lambda license, now: license.revoke(reason="fraud", now=now), LicenseRevoked),
        (lambda license, now: license.extend(now + timedelta(hours=1), reason="ends", now=now), LicenseExpired),
    ],
)
def test_a_licence_that_ended_seats_nobody(world, decide, refusal):
    sold = world.sell()
    sat = world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.change(sold, decide)
    world.work.publish(sold.id)
    world.clock.ahead += timedelta(hours=2)

    async def later(seats: Seats) -> None:
        with pytest.raises(refusal):
            await acquire(seats, sold, 1)
        assert await reason_of(seats.heartbeat(sat.session_id, sat.lease)) in ("revoked", "expired")

    world.with_seats(later)


def test_a_resize_down_ends_the_newest_sessions_and_nobody_sits_above_the_limit(world, redis: Redis):
    sold = world.sell(seats=5)

    async def sit(seats: Seats):
        sat = []
        for machine in range(5):
            sat.append(await acquire(seats, sold, machine))
            world.clock.ahead += MOMENT
        return sat

    sat = world.with_seats(sit)
    world.work.tighten(sold.id, limit=2)
    world.change(sold, lambda license, now: license.resize(2, reason="fewer", now=now))
    world.work.publish(sold.id)
    assert world.work.end_sessions(sold.id, CloseReason.RESIZED, keep=2) == 3

    async def later(seats: Seats) -> None:
        for kept in sat[:2]:
            await seats.heartbeat(kept.session_id, kept.lease)
        for ended in sat[2:]:
            assert await reason_of(seats.heartbeat(ended.session_id, ended.lease)) == "resized"
        for _ in range(2):
            with pytest.raises(SeatsExhausted) as full:
                await acquire(seats, sold, 9)
            assert full.value.details == {"limit": 2, "used": 2}
            redis.flushall()

    world.with_seats(later)
    assert world.check_log(5) == 2


def test_a_resize_up_opens_seats_at_once(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        world.change(sold, lambda license, now: license.resize(2, reason="more", now=now))
        await seats.loading.publish(sold.id)
        assert (await acquire(seats, sold, 2)).limit == 2

    world.with_seats(story)


def test_sessions_opened_after_the_reason_stay(world):
    sold = world.sell(seats=5)
    world.with_seats(lambda seats: acquire(seats, sold, 1))
    suspended_at = world.clock.now()
    world.clock.ahead += MOMENT
    world.with_seats(lambda seats: acquire(seats, sold, 2))
    assert world.work.end_sessions(sold.id, CloseReason.SUSPENDED, opened_until=suspended_at) == 1
    assert world.check_log(5) == 1


def test_sessions_end_though_redis_does_not_know_them(world, redis: Redis):
    sold = world.sell(seats=700)

    async def sit(seats: Seats) -> None:
        await asyncio.gather(*(acquire(seats, sold, machine) for machine in range(700)))

    world.with_seats(sit)
    redis.flushall()
    assert world.work.end_sessions(sold.id, CloseReason.REVOKED) == 700
    assert world.check_log(700) == 0


def test_an_administrator_evicts_a_session_once(world):
    sold = world.sell(seats=1)
    sat = world.with_seats(lambda seats: acquire(seats, sold, 1))
    with acting("key:7", "request:9"):
        world.work.evict(sat.session_id, note="left the company")
        world.work.evict(sat.session_id, note="again")

    async def later(seats: Seats) -> None:
        assert await reason_of(seats.heartbeat(sat.session_id, sat.lease)) == "evicted"
        assert (await acquire(seats, sold, 2)).seat == 1

    world.with_seats(later)
    row = world.database.fetch_one("select actor, cause, state from stored_events where topic = 'seat.session_closed'")
    assert (row["actor"], row["cause"], row["state"]["note"]) == ("key:7", "request:9", "left the company")
    with pytest.raises(NotFound):
        world.work.evict(uuid4())
