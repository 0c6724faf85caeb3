"""Who may wait, how many, and for which seats."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import (
    QueueFull,
    QueueNotOffered,
    RateLimited,
    TicketClosed,
)
from domain.license import License
from domain.rate import Rate
from domain.seat_access import SeatRules
from domain.seat_policy import QueueRules, SeatGroup, SeatPolicy
from tests.application.seats.queueing import RULES, Process, play, topics

PATIENT = QueueRules(patience=timedelta(hours=1), collect=timedelta(hours=1))


def test_no_more_wait_than_the_plan_allows_however_many_come_at_once(world):
    sold = world.sell(seats=1, queue=QueueRules(length=3))

    async def story(one: Process, other: Process) -> None:
        await one.acquire(0)
        coming = (engine.take(10 * number + 1) for number in range(10) for engine in (one, other))
        came = await asyncio.gather(*coming, return_exceptions=True)
        refused = [each for each in came if isinstance(each, Exception)]
        assert {type(each) for each in refused} == {QueueFull}
        await one.leave(next(iter(one.tickets or other.tickets)))
        await one.take(500)

    play(world, sold, story, processes=2)
    assert world.database.fetch_one("select count(*) as waiting from queue_tickets")["waiting"] == 3
    assert topics(world).count("queue_ticket.taken") == 4


def test_too_many_calls_of_a_machine_and_of_a_ticket_are_refused(world):
    sold = world.sell(seats=1, queue=RULES)
    rate = Rate(2, timedelta(minutes=1))

    async def story(engine: Process) -> None:
        for call in (engine.take, engine.ask):
            await call(1)
            await call(1)
            with pytest.raises(RateLimited) as refusal:
                await call(1)
            assert refusal.value.retry_after == 30
            await engine.take(2)

    play(world, sold, story, takes=rate, polls=rate)


def test_who_may_have_a_reserved_seat_is_not_kept_waiting_by_who_may_not(world):
    sold = world.sell(seats=3, queue=RULES, groups=(SeatGroup("design", reserved=1, limit=1),))
    dee = world.users.digest(sold.id, "dee"), world.users.digest(sold.id, "don")
    rules = SeatRules({"design": tuple(f"user:{each}" for each in dee)})
    world.change(sold, lambda license, now: license.set_seat_rules(rules, reason="", now=now))

    async def story(engine: Process) -> None:
        await engine.acquire(8, "eve")
        sat = await engine.acquire(9, "eve")
        assert await engine.axis_refused(1, "ann") == "reserved"
        assert (await engine.take(1, "ann"))[:2] == (1, False)
        await engine.acquire(2, "dee")  # who waits for other seats does not stand in her way
        assert (await engine.take(3, "don"))[:2] == (2, False)
        assert await engine.axis_refused(3, "don") == "group"
        await engine.leave(1)
        assert (await engine.take(4, "ann"))[:2] == (2, False)
        await engine.release(sat)
        assert not (await engine.ask(3)).is_ready  # his group has all that it may
        assert (await engine.ask(4)).is_ready
        await engine.acquire(4, "ann")

    play(world, sold, story)


def test_a_place_that_is_given_up_is_gone_and_may_be_given_up_again(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        await engine.leave(1)
        with pytest.raises(TicketClosed) as refusal:
            await engine.ask(1)
        assert refusal.value.details == {"reason": "left"}
        await engine.leave(1)
        await engine.release(sat)
        await engine.acquire(2)

    play(world, sold, story)


def test_a_plan_that_has_no_queue_any_more_keeps_nobody_back(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(one: Process, other: Process) -> None:
        await one.take(1)
        license = world.store.fetch(License, sold.id)
        terms = replace(license.terms, entitlements=replace(license.terms.entitlements, seat_policy=SeatPolicy()))
        world.change(sold, lambda license, now: license.follow_purchase(terms, now=now))
        await one.seats.loading.publish(sold.id)
        other.tickets = one.tickets
        with pytest.raises(QueueNotOffered):
            await other.ask(1)
        await other.acquire(2)

    play(world, sold, story, processes=2)
