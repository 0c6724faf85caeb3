"""Who listens for his seat keeps his place, and is told at once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from adapters.postgres_line import PostgresLine
from adapters.postgres_seats import PostgresSeats
from adapters.queue_tickets import QueueTickets
from domain.errors import (
    LicenseSuspended,
    Unavailable,
)
from domain.seat_policy import QueueRules
from tests.application.seats.queueing import RULES, Process, play, until
from tests.seat_world import World

PATIENT = QueueRules(patience=timedelta(hours=1), collect=timedelta(hours=1))


def test_a_place_is_kept_as_long_as_its_holder_listens(world):
    sold = world.sell(seats=1, queue=RULES, lease=timedelta(hours=1))
    tickets = QueueTickets(world.database)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        ticket_id = engine.tickets[1].ticket_id
        listening = asyncio.create_task(engine.ask(1, wait=60))
        for _ in range(4):
            world.clock.ahead += 0.6 * RULES.patience
            await until(lambda: tickets.find(ticket_id).ends_at > world.clock.now() + RULES.patience / 2)
        await engine.release(sat)
        assert (await listening).is_ready

    play(world, sold, story)


def test_a_seat_that_is_freed_here_wakes_who_waits_here_at_once(world):
    sold = world.sell(seats=2, queue=PATIENT)

    async def story(engine: Process) -> None:
        sat, second = await engine.acquire(0), await engine.acquire(9)
        await engine.take(1)
        await engine.take(2)
        waiting = [asyncio.create_task(engine.ask(machine, wait=60)) for machine in (1, 2)]
        await _are_listening(engine, 2)
        await engine.release(sat)
        await until(waiting[0].done)
        assert waiting[0].result().is_ready and not waiting[1].done()
        await engine.release(second)
        assert (await waiting[1]).is_ready

    play(world, sold, story, every=3600)


def test_who_goes_away_is_not_waited_for_and_a_process_that_ends_answers_who_stays(world):
    sold = world.sell(seats=1, queue=PATIENT)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        await engine.take(1)
        await engine.take(2)
        gone, stays = (asyncio.create_task(engine.ask(machine, wait=60)) for machine in (1, 2))
        await _are_listening(engine, 2)
        gone.cancel()
        await until(lambda: len(engine.queue._rounds._watchers[sold.id]) == 1)
        engine.queue.stop()
        assert (await stays)[:2] == (2, False)
        assert (await engine.ask(1, wait=60)).place == 1

    play(world, sold, story, every=3600)


def test_who_waits_is_told_that_the_licence_was_suspended(world):
    sold = world.sell(seats=1, queue=PATIENT)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        await engine.take(1)
        waiting = asyncio.create_task(engine.ask(1, wait=60))
        await _are_listening(engine, 1)
        world.change(sold, lambda license, now: license.suspend(reason="abuse", now=now))
        await engine.seats.loading.publish(sold.id)
        with pytest.raises(LicenseSuspended):
            await waiting
        with pytest.raises(LicenseSuspended):
            await engine.take(2)

    play(world, sold, story)


def test_an_outage_is_waited_out_and_told_only_to_who_cannot_wait(world):
    sold = world.sell(seats=1, queue=PATIENT)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        look, asked = engine.queue._rounds._pool.look, asyncio.Event()

        async def away(_):
            asked.set()
            raise Unavailable(retry_after=1)

        engine.queue._rounds._pool.look = away
        waiting = asyncio.create_task(engine.ask(1, wait=60))
        await asked.wait()
        with pytest.raises(Unavailable):
            await engine.ask(1)
        engine.queue._rounds._pool.look = look
        await engine.release(sat)
        assert (await waiting).is_ready

    play(world, sold, story)


class WithoutRedis(World):
    """Seats are kept in Postgres."""

    @asynccontextmanager
    async def open_pool(self):
        line = PostgresLine(self.database_url)
        await line.fetch("select move_seat_pool(0, 'postgres')", ())
        yield PostgresSeats(line, lambda: self.clock.offset, generation=1)
        await line.close()


def test_the_queue_goes_on_in_postgres_while_redis_is_away(database_url):
    world = WithoutRedis(database_url, "redis://127.0.0.1:1")
    sold = world.sell(seats=1, queue=PATIENT)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        assert [(await engine.take(machine)).place for machine in (1, 2)] == [1, 2]
        waiting = asyncio.create_task(engine.ask(1, wait=60))
        await _are_listening(engine, 1)
        await engine.release(sat)
        assert (await waiting).is_ready
        assert await engine.axis_refused(2) == "queue"
        await engine.acquire(1)

    play(world, sold, story)
    assert world.check_log(1) == 1
    world.close()


async def _are_listening(engine: Process, count: int) -> None:
    """So many polls wait, and have been looked at."""
    rounds = engine.queue._rounds
    await until(lambda: len(rounds._watchers.get(engine.sold.id, [])) == count)
    rounds.nudge(engine.sold.id)
    await until(lambda: not rounds._nudged)
