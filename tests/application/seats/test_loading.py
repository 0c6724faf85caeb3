"""Licences are read from the log for a pool that lost them: together, each once, and not with what is over."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from redis import Redis

from application.seats import Seats
from domain.errors import NotFound, Unavailable
from domain.license import License
from tests.seat_world import acquire


def test_whatever_is_asked_for_while_licences_are_read_is_read_next_in_one_question(world):
    sold = [world.sell(seats=1) for _ in range(50)]
    asked = []

    async def story(seats: Seats) -> None:
        find_all = world.store.find_all
        world.store.find_all = lambda kind, ids: asked.append(len(ids)) or find_all(kind, ids)
        await asyncio.gather(*(seats.loading.load(each.id) for each in sold for _ in range(3)))
        assert all(await seats._pool.is_loaded([each.id for each in sold]))

    world.with_seats(story)
    assert sum(asked) == 50 and len(asked) <= 5


def test_what_another_process_has_told_the_pool_meanwhile_is_not_read_again(world):
    sold, asked = world.sell(seats=1), []

    async def story(seats: Seats) -> None:
        async with world.open_seats() as others:
            await others.loading.load(sold.id)
            find_all = world.store.find_all
            world.store.find_all = lambda kind, ids: asked.append(len(ids)) or find_all(kind, ids)
            await seats.loading.load(sold.id)
            assert asked == []
            await seats.loading.load(sold.id, afresh=True)
            assert asked == [1]

    world.with_seats(story)


def test_a_licence_that_nobody_ever_sold_fails_its_own_reader_only(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        good, bad = await asyncio.gather(
            seats.loading.load(sold.id), seats.loading.load(uuid4()), return_exceptions=True
        )
        assert good is None and isinstance(bad, NotFound)

    world.with_seats(story)


@pytest.mark.parametrize("losses", [2, 1_000])
def test_a_licence_that_is_lost_while_it_is_read_is_read_again_but_not_for_ever(world, losses):
    sold, seats_of, left = world.sell(seats=1), world.seat_log.seats_of, iter(range(losses))

    def meanwhile(at_least):
        with Redis.from_url(world.redis_url) as client:
            if next(left, None) is not None:
                client.flushall()
        return seats_of(at_least)

    async def story(seats: Seats) -> None:
        world.seat_log.seats_of = meanwhile
        if losses > 2:
            with pytest.raises(Unavailable):
                await seats.loading.load(sold.id)
        else:
            await seats.loading.load(sold.id)
            assert await seats._pool.is_loaded([sold.id]) == [True]
        world.seat_log.seats_of = seats_of
        await acquire(seats, sold, 1)

    world.with_seats(story)


def test_who_asks_afresh_is_told_what_was_stored_meanwhile(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        license = world.store.find_all(License, [sold.id])
        find_all, is_read, goes_on = world.store.find_all, asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(kind, ids):
            world.store.find_all = find_all
            loop.call_soon_threadsafe(is_read.set)
            asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result()
            return license

        world.store.find_all = slow
        first = asyncio.create_task(seats.loading.load(sold.id))
        await is_read.wait()
        world.change(sold, lambda license, now: license.suspend(reason="vendor", now=now))
        again = asyncio.create_task(seats.loading.load(sold.id, afresh=True))
        await asyncio.sleep(0)
        goes_on.set()
        await asyncio.gather(first, again)
        view = await seats._pool.look(sold.id)
        assert view.status == "suspended"

    world.with_seats(story)
