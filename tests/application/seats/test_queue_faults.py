"""Whatever fails while people wait, nobody is overtaken, and nobody has two places."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Thread

import pytest
import redis
from eventsourcing.persistence import IntegrityError

from adapters.queue_tickets import QueueTickets
from application.ticket_endings import TicketEndings
from domain.errors import (
    TicketInvalid,
)
from domain.seat_policy import QueueRules
from tests.application.seats.moments import MOMENT
from tests.application.seats.queueing import RULES, Process, play, topics, until

PATIENT = QueueRules(patience=timedelta(hours=1), collect=timedelta(hours=1))


def test_the_order_survives_a_flush_of_redis(world):
    sold = world.sell(seats=2, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        sat = await engine.acquire(9)
        for machine in (1, 2):
            await engine.take(machine)
        redis.Redis.from_url(world.redis_url).flushall()
        assert await engine.axis_refused(3) == "queue"
        assert [(await engine.ask(machine))[:2] for machine in (1, 2)] == [(1, False), (2, False)]
        await engine.release(sat)
        redis.Redis.from_url(world.redis_url).flushall()
        assert await engine.axis_refused(2) == "queue"
        assert (await engine.ask(1)).is_ready
        await engine.acquire(1)

    play(world, sold, story)
    assert world.check_log(2) == 2


def test_a_process_that_dies_while_somebody_collects_loses_neither_his_seat_nor_his_turn(world):
    sold = world.sell(seats=1, queue=RULES)

    async def dying(engine: Process) -> None:
        await engine.take(1)
        await engine.take(2)
        append = engine.seats._recording._log.append
        engine.seats._recording._log.append = _never
        doomed = asyncio.create_task(engine.acquire(1))
        while not (view := await engine.seats._pool.look(sold.id)) or not view.used:
            await asyncio.sleep(0.01)
        doomed.cancel()
        engine.seats._recording._log.append = append

    play(world, sold, dying)

    async def story(engine: Process) -> None:
        assert await engine.axis_refused(2) == "queue"
        await engine.acquire(1)

    play(world, sold, story)
    assert topics(world)[2:] == ["seat.session_opened", "queue_ticket.collected"]


def test_a_ticket_that_ends_while_its_seat_is_stored_costs_its_holder_nothing(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.take(1)
        propose, proposed = engine.seats._pool.propose, []

        async def slow(*asked):
            proposal = await propose(*asked)
            if proposal.session_id:
                proposed.append(proposal.session_id)
                await engine.leave(1)
            return proposal

        engine.seats._pool.propose = slow
        sat = await engine.acquire(1)
        assert proposed == [sat.session_id]  # and was not asked for again: somebody might have come in between
        await engine.seats.heartbeat(sat.session_id, sat.lease)

    play(world, sold, story)
    assert topics(world) == ["queue_ticket.taken", "queue_ticket.left", "seat.session_opened"]


def test_who_has_a_seat_kept_is_not_held_up_by_another_who_sits_down_this_moment(world):
    sold = world.sell(seats=2, queue=RULES)

    async def story(engine: Process) -> None:
        for machine in (1, 2):
            assert (await engine.take(machine)).is_ready
        append, may_go = engine.seats._recording._log.append, asyncio.Event()

        async def slow(*args, **kwargs):
            engine.seats._recording._log.append = append
            await may_go.wait()
            return await append(*args, **kwargs)

        engine.seats._recording._log.append = slow
        slowly = asyncio.create_task(engine.acquire(1))
        await until(lambda: engine.seats._recording._log.append is append)
        assert (await engine.ask(2)).is_ready
        await engine.acquire(2)
        may_go.set()
        await slowly

    play(world, sold, story)
    assert world.check_log(2) == 2


def test_a_seat_that_is_collected_while_the_line_is_looked_at_is_not_promised_to_the_next(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.take(1)
        look = engine.queue._rounds._pool.look

        async def look_long(license_id):
            engine.queue._rounds._pool.look = look
            view = await look(license_id)
            await engine.acquire(1)
            return view

        engine.queue._rounds._pool.look = look_long
        assert not (await engine.take(2)).is_ready

    play(world, sold, story)


def test_the_same_holder_asking_twice_at_once_from_two_processes_has_one_place(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(one: Process, other: Process) -> None:
        await one.acquire(0)
        await asyncio.gather(*(engine.take(1) for engine in (one, other) for _ in range(5)))
        assert one.tickets[1].ticket_id == other.tickets[1].ticket_id

    play(world, sold, story, processes=2)
    assert topics(world).count("queue_ticket.taken") == 1


def test_any_number_of_schedulers_end_what_is_over_once(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        for machine in range(1, 31):
            await engine.take(machine)

    play(world, sold, story)
    world.clock.ahead += RULES.patience + MOMENT
    endings, ended = TicketEndings(world.store, QueueTickets(world.database), world.clock), list[int]()
    sweeps = [Thread(target=lambda: ended.append(endings.lapse_overdue())) for _ in range(4)]
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join()
    while endings.lapse_overdue():
        pass
    assert topics(world).count("queue_ticket.lapsed") == 30
    assert world.database.fetch_all("select * from queue_tickets") == []


def test_who_asked_in_time_keeps_his_place_although_a_sweep_was_about_to_end_it(world):
    sold = world.sell(seats=1, queue=RULES)
    tickets = QueueTickets(world.database)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        await engine.take(1)
        found = tickets.find(engine.tickets[1].ticket_id)
        world.clock.ahead += RULES.patience / 2
        await engine.ask(1)
        world.clock.ahead += RULES.patience / 2 + MOMENT
        assert TicketEndings(world.store, tickets, world.clock)._lapse([found]) == 0
        assert (await engine.ask(1)).place == 1
        row = tickets.ending(found.ticket_id, due=world.clock.now())
        with pytest.raises(IntegrityError):
            world.store.put(rows=[row])

    play(world, sold, story)


def test_a_ticket_is_good_for_itself_alone(world):
    sold, other = world.sell(seats=1, queue=RULES), world.sell(seats=1, queue=RULES)

    async def take_elsewhere(engine: Process) -> str:
        await engine.take(1)
        return engine.tickets[1].ticket

    foreign = play(world, other, take_elsewhere)

    async def story(engine: Process) -> None:
        await engine.take(1)
        await engine.take(2)
        own, neighbour = engine.tickets[1], engine.tickets[2].ticket
        altered = ("B" if own.ticket[0] == "A" else "A") + own.ticket[1:]
        for shown in (foreign, neighbour, altered, own.ticket[:-1], own.ticket + "A", own.ticket + "\n", "", "é" * 64):
            with pytest.raises(TicketInvalid):
                await engine.queue.poll(own.ticket_id, shown, 0)
            with pytest.raises(TicketInvalid):
                await engine.queue.leave(own.ticket_id, shown)
        assert (await engine.ask(1)).place == 1

    play(world, sold, story)


async def _never(*_, **__):
    await asyncio.Event().wait()
