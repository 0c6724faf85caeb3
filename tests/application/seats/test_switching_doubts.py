"""Processes that know different things of where seats are kept: no word of a pool that is not used any more counts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.redis_line import RedisLine
from adapters.seat_periods import POSTGRES, REDIS, TRUST
from application.seats import Seats
from domain.errors import LicenseSuspended, SeatsExhausted, SessionClosed, Unavailable
from domain.license import License, Status
from tests.application.seats.moments import MOMENT, reason_of
from tests.seat_world import LEASE, acquire
from tests.switching_world import NEVER, SwitchingWorld, until


@pytest.fixture
def world(switching_world: SwitchingWorld) -> SwitchingWorld:
    return switching_world


async def suspend(world: SwitchingWorld, sold: Any, seats: Seats) -> None:
    await seats.tighten(sold.id, status=Status.SUSPENDED)
    world.change(sold, lambda license, now: license.suspend(reason="test", now=now))
    await seats.loading.publish(sold.id)


def test_sessions_of_the_redis_time_are_held_for_a_lease_and_what_a_late_process_may_have_promised(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with world.process() as one:
            await acquire(one.seats, sold, 1)
            world.valkey.kill()
            await one.seats.loading.revive([sold.id])
            world.clock.ahead += LEASE + TRUST - 5 * MOMENT
            assert await one.seats.endings.expire_lapsed() == 0
            with pytest.raises(SeatsExhausted):
                await acquire(one.seats, sold, 2)
            world.clock.ahead += 5 * MOMENT
            assert (await acquire(one.seats, sold, 2)).new

    asyncio.run(story())


def test_what_redis_knew_before_it_was_away_is_not_believed(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with world.process() as one:
            former = await acquire(one.seats, sold, 1)
            world.valkey.stop()
            await one.seats.release(former.session_id, former.lease)
            latter = await acquire(one.seats, sold, 2)
            world.valkey.go_on()
            await one.until_kept_in(REDIS)
            assert await reason_of(one.seats.heartbeat(former.session_id, former.lease)) == "released"
            with pytest.raises(SeatsExhausted):
                await acquire(one.seats, sold, 1)
            await one.seats.heartbeat(latter.session_id, latter.lease)

    asyncio.run(story())
    assert world.check_log(limit=1) == 1


@pytest.mark.parametrize(
    ("harm", "repair"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["out of memory", "read only"],
)
def test_a_redis_that_answers_and_takes_no_writes_is_away_too(world, harm, repair):
    sold = world.sell(seats=2)

    async def story() -> None:
        line = RedisLine(world.redis_url)
        async with world.process() as one:
            first = await acquire(one.seats, sold, 1)
            await line.call(*harm)
            await acquire(one.seats, sold, 2)
            await one.seats.heartbeat(first.session_id, first.lease)
            assert world.mode == (POSTGRES, 1)
            await line.call(*repair)
            await one.until_kept_in(REDIS)
            await one.seats.heartbeat(first.session_id, first.lease)
        await line.close()

    asyncio.run(story())


def test_nobody_uses_redis_again_while_one_process_cannot_see_it(world):
    sold = world.sell(seats=2)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process() as one,
            world.process(redis_url=url) as other,
        ):
            session = await acquire(one.seats, sold, 1)
            world.come_back_after("30 s")  # longer than a loaded machine lets `other` wait for its next look
            link.refuse()
            await other.seats.heartbeat(session.session_id, session.lease)
            for _ in range(5):
                missed_at = world.missed_at
                await until(lambda before=missed_at: world.missed_at > before)
            await one.seats.heartbeat(session.session_id, session.lease)
            assert world.mode == (POSTGRES, 1)
            world.come_back_after("0.1 s")
            await link.open()
            await one.until_kept_in(REDIS)
            await other.until_kept_in(REDIS)

    asyncio.run(story())


def test_a_process_that_does_not_know_yet_grants_nothing_on_old_terms(world):
    sold = world.sell(seats=5)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER) as late,
        ):
            session = await acquire(late.seats, sold, 1)
            link.refuse()
            await one.seats.heartbeat(session.session_id, session.lease)
            await suspend(world, sold, one.seats)
            assert late.periods.known == (REDIS, 0)
            with pytest.raises(LicenseSuspended):
                await acquire(late.seats, sold, 2)

    asyncio.run(story())
    assert world.check_log(limit=1) == 1


def test_a_reaper_that_stood_still_closes_no_session_that_was_renewed_elsewhere(world, monkeypatch):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER) as late,
        ):
            session = await acquire(late.seats, sold, 1)
            world.clock.ahead += LEASE + MOMENT
            is_reached, may_go_on, append = asyncio.Event(), asyncio.Event(), late.log.append

            async def stand_still(*args: Any, **kwargs: Any) -> int:
                is_reached.set()
                await may_go_on.wait()
                return await append(*args, **kwargs)

            monkeypatch.setattr(late.log, "append", stand_still)
            reaping = asyncio.create_task(late.seats.endings.expire_lapsed())
            await is_reached.wait()
            link.refuse()
            renewed = await one.seats.heartbeat(session.session_id, session.lease)
            may_go_on.set()
            assert await reaping == 0
            await one.seats.heartbeat(session.session_id, renewed.lease)

    asyncio.run(story())
    assert [what for _, _, what, _ in world.history()] == ["opened"]


def test_what_redis_answered_before_a_process_stood_still_is_asked_again(world):
    sold = world.sell(seats=1)
    is_answered, may_go_on = asyncio.Event(), asyncio.Event()
    may_go_on.set()

    class Stopped(RedisLine):
        async def run(self, *args: Any) -> Any:
            answer = await super().run(*args)
            is_answered.set()
            await may_go_on.wait()
            return answer

    async def story() -> None:
        trust = timedelta(seconds=0.2)
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER, trust=trust, open_line=Stopped) as late,
        ):
            session = await acquire(late.seats, sold, 1)
            may_go_on.clear()
            is_answered.clear()
            beat = asyncio.create_task(late.seats.heartbeat(session.session_id, session.lease))
            await is_answered.wait()
            link.refuse()
            await one.seats.release(session.session_id, session.lease)
            await until(lambda: late.periods.known is None)
            may_go_on.set()
            with pytest.raises(SessionClosed):
                await beat

    asyncio.run(story())


def test_a_process_that_cannot_learn_where_seats_are_kept_renews_for_a_while_and_then_no_more(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with (
            world.link_to_postgres() as (link, url),
            world.process(database_url=url, trust=timedelta(seconds=1)) as one,
        ):
            session = await acquire(one.seats, sold, 1)
            link.refuse()
            await one.seats.heartbeat(session.session_id, session.lease)
            await until(lambda: one.periods.known is None)
            with pytest.raises(Unavailable):
                await one.seats.heartbeat(session.session_id, session.lease)
            await link.open()
            await one.seats.heartbeat(session.session_id, session.lease)

    asyncio.run(story())


def test_with_both_away_nothing_is_granted(world):
    sold = world.sell(seats=1)

    async def story() -> None:
        async with (
            world.link_to_postgres() as (postgres, database_url),
            world.link_to_redis() as (redis, redis_url),
            world.process(redis_url=redis_url, database_url=database_url) as one,
        ):
            await one.seats.loading.revive([sold.id])
            postgres.refuse(), redis.refuse()
            with pytest.raises(Unavailable):
                await acquire(one.seats, sold, 1)
            assert world.history() == []
            await postgres.open(), await redis.open()
            assert (await acquire(one.seats, sold, 1)).new

    asyncio.run(story())


def test_a_licence_that_is_held_tighter_is_so_in_the_pool_that_comes_next(world):
    sold = world.sell(seats=2)

    async def story() -> None:
        async with world.process() as one:
            await acquire(one.seats, sold, 1)
            await one.seats.tighten(sold.id, status=Status.SUSPENDED)
            world.valkey.kill()
            with pytest.raises(LicenseSuspended):
                await acquire(one.seats, sold, 2)
            assert world.store.fetch(License, sold.id).status(world.clock.now()) is Status.ACTIVE

    asyncio.run(story())


def test_news_told_by_a_process_that_does_not_know_yet_reach_the_pool_that_is_used(world):
    sold = world.sell(seats=2)

    async def story() -> None:
        async with (
            world.link_to_redis() as (link, url),
            world.process(redis_url=url) as one,
            world.process(every=NEVER) as late,
        ):
            await acquire(late.seats, sold, 1)
            link.refuse()
            await one.seats.loading.revive([sold.id])
            world.change(sold, lambda license, now: license.suspend(reason="test", now=now))
            assert late.periods.known == (REDIS, 0)
            await late.seats.loading.publish(sold.id)
            with pytest.raises(LicenseSuspended):
                await acquire(one.seats, sold, 2)

    asyncio.run(story())
