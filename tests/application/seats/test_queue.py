"""Who waits for a seat gets it in his turn."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.queue_tickets import QueueTickets
from domain.entitlements import Overage
from domain.errors import Conflict, QueueNotOffered, TicketClosed
from domain.license import License
from domain.seat_access import SeatRules
from domain.seat_policy import Leasing, QueueRules, SeatGroup
from tests.application.seats.moments import MOMENT
from tests.application.seats.queueing import RULES, Process, play, topics, until


def closed_reason(refusal: pytest.ExceptionInfo[TicketClosed]) -> str:
    return str(refusal.value.details["reason"])


def test_three_who_wait_are_served_in_the_order_they_came(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        assert [(await engine.take(machine))[:2] for machine in (1, 2, 3)] == [(1, False), (2, False), (3, False)]
        for machine in (1, 2, 3):
            await engine.release(sat)
            assert (await engine.ask(machine))[:2] == (1, True)
            for later in range(machine + 1, 5):
                assert await engine.axis_refused(later) == "queue"
            sat = await engine.acquire(machine)
            with pytest.raises(TicketClosed) as refusal:
                await engine.ask(machine)
            assert closed_reason(refusal) == "collected"

    play(world, sold, story)
    assert world.check_log(1) == 1
    assert world.database.fetch_all("select * from queue_tickets") == []


def test_the_ticket_ends_in_the_transaction_that_opens_the_session(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.take(1)
        await engine.acquire(1)

    play(world, sold, story)
    assert topics(world) == ["queue_ticket.taken", "seat.session_opened", "queue_ticket.collected"]
    written = world.database.fetch_all("select xmin::text from stored_events order by notification_id desc limit 2")
    assert written[0] == written[1]


def test_a_newcomer_does_not_overtake_although_a_seat_is_free(world):
    sold = world.sell(seats=2, queue=RULES)

    async def story(engine: Process) -> None:
        first, second = await engine.acquire(1), await engine.acquire(2)
        assert await engine.axis_refused(3) == "license"
        await engine.take(3)
        await engine.release(first)
        assert await engine.axis_refused(4) == "queue"
        await engine.release(second)
        await engine.acquire(4)  # the second seat is nobody's
        await engine.acquire(3)

    play(world, sold, story)


def test_who_has_priority_waits_before_who_has_less_but_not_before_a_seat_that_is_kept(world):
    groups = (SeatGroup("design", priority=5), SeatGroup("ops", priority=2))
    sold = world.sell(seats=1, queue=RULES, groups=groups)
    names = {name: world.users.digest(sold.id, name) for name in ("ann", "bob", "cid", "dee")}
    members = {"design": (f"user:{names['dee']}",), "ops": (f"user:{names['cid']}",)}
    world.change(sold, lambda license, now: license.set_seat_rules(SeatRules(members), reason="", now=now))

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        assert (await engine.take(1, "ann")).place == 1
        await engine.take(2, "bob")
        assert (await engine.take(3, "cid")).place == 1
        assert (await engine.ask(1)).place == 2
        await engine.release(sat)
        assert (await engine.ask(3))[:2] == (1, True)
        assert (await engine.take(4, "dee"))[:2] == (2, False)  # before ann and bob, and cid has his seat
        assert await engine.axis_refused(4, "dee") == "queue"
        sat = await engine.acquire(3, "cid")
        assert [(await engine.ask(machine)).place for machine in (4, 1, 2)] == [1, 2, 3]
        await engine.release(sat)
        assert (await engine.ask(4)).is_ready

    play(world, sold, story)
    query = "select state from stored_events where topic = 'queue_ticket.taken' order by notification_id"
    states = [row["state"] for row in world.database.fetch_all(query)]
    assert [state["priority"] for state in states] == [0, 0, 2, 5]
    assert [state["groups"] for state in states] == [[], [], ["ops"], ["design"]]


def test_a_ticket_that_nobody_asks_about_lets_the_next_one_in(world):
    sold = world.sell(seats=1, queue=RULES, lease=timedelta(hours=1))

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        await engine.take(2)
        world.clock.ahead += RULES.patience / 2
        await engine.ask(2)
        world.clock.ahead += RULES.patience / 2 + MOMENT
        assert (await engine.ask(2)).place == 1
        await engine.release(sat)
        await engine.acquire(2)
        with pytest.raises(TicketClosed) as refusal:
            await engine.ask(1)
        assert closed_reason(refusal) == "lapsed"

    play(world, sold, story)
    assert topics(world)[-1] == "queue_ticket.lapsed"


def test_a_seat_that_is_ready_and_not_taken_goes_to_the_next_one(world):
    sold = world.sell(seats=1, queue=QueueRules(patience=timedelta(hours=1)), lease=timedelta(hours=1))

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        await engine.take(2)
        await engine.release(sat)
        ready = await engine.ask(1)
        world.clock.ahead += RULES.collect / 2
        assert await engine.ask(1) == ready  # asking again keeps the seat no longer
        assert not (await engine.ask(2)).is_ready
        world.clock.ahead += RULES.collect / 2 + MOMENT
        assert (await engine.ask(2))[:2] == (1, True)
        assert await engine.axis_refused(1) == "queue"
        with pytest.raises(TicketClosed) as refusal:
            await engine.ask(1)
        assert closed_reason(refusal) == "lapsed"
        await engine.acquire(2)

    play(world, sold, story)
    lapsed = world.database.fetch_one("select state from stored_events where topic = 'queue_ticket.lapsed'")
    assert lapsed["state"]["was_ready"] is True


def test_more_seats_are_ready_for_several_who_collect_in_any_order(world):
    sold = world.sell(seats=1, queue=RULES)

    async def story(engine: Process) -> None:
        await engine.acquire(0)
        for machine in (1, 2, 3, 4):
            await engine.take(machine)
        world.change(sold, lambda license, now: License.resize(license, 4, reason="grown", now=now))
        await engine.seats.loading.publish(sold.id)
        assert [(await engine.ask(machine)).is_ready for machine in (1, 2, 3, 4)] == [True, True, True, False]
        for machine in (3, 1, 2):
            await engine.acquire(machine)
        assert (await engine.ask(4))[:2] == (1, False)

    play(world, sold, story)
    assert world.check_log(4) == 4


def test_a_lapsed_seat_is_ready_for_the_next_and_is_not_when_its_machine_comes_back_first(world):
    sold = world.sell(seats=1, queue=QueueRules(patience=timedelta(hours=1), collect=timedelta(hours=1)))

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0)
        await engine.take(1)
        world.clock.ahead += timedelta(minutes=6) + MOMENT
        assert (await engine.ask(1)).is_ready
        await engine.seats.heartbeat(sat.session_id, sat.lease)
        assert await engine.axis_refused(1) == "license"
        waiting = asyncio.create_task(engine.ask(1, wait=60))
        tickets = QueueTickets(world.database)
        await until(lambda: not tickets.find(engine.tickets[1].ticket_id).is_ready)
        assert not waiting.done()
        world.clock.ahead += timedelta(minutes=6) + MOMENT
        assert (await waiting)[:2] == (1, True)
        await engine.acquire(1)

    play(world, sold, story)
    assert world.history()[-1] == (1, 3, "opened", "")


def test_a_person_waits_once_whatever_machine_she_asks_from(world):
    sold = world.sell(seats=1, queue=RULES, leasing=Leasing.USER)

    async def story(engine: Process) -> None:
        sat = await engine.acquire(0, "ann")
        await engine.take(1, "bob")
        first = engine.tickets[1]
        await engine.take(2, "bob")
        assert engine.tickets[2].ticket_id == first.ticket_id and not engine.tickets[2].new
        await engine.release(sat)
        await engine.acquire(3, "bob")
        with pytest.raises(TicketClosed):
            await engine.ask(1)

    play(world, sold, story)
    taken = world.database.fetch_one("select state from stored_events where topic = 'queue_ticket.taken'")["state"]
    assert taken["holder"] == world.users.digest(sold.id, "bob") and "bob" not in str(taken)


def test_nobody_waits_for_a_seat_that_he_has_or_where_nobody_waits(world):
    queued, plain = world.sell(seats=2, queue=RULES), world.sell(seats=1)

    async def story(engine: Process) -> None:
        await engine.acquire(1)
        with pytest.raises(Conflict):
            await engine.take(1)
        assert (await engine.take(2))[:2] == (1, True)

    play(world, queued, story)

    async def elsewhere(engine: Process) -> None:
        with pytest.raises(QueueNotOffered):
            await engine.take(1)

    play(world, plain, elsewhere)


def test_seats_without_end_are_ready_for_everybody(world):
    sold = world.sell(seats=1, overage=Overage.UNLIMITED, queue=RULES)

    async def story(engine: Process) -> None:
        assert [(await engine.take(machine)).is_ready for machine in range(3)] == [True] * 3

    play(world, sold, story)
