"""Processes that die and commits that go wrong in the middle leak nothing and grant nothing twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from adapters.redis_seats import ASIDE
from adapters.seat_keys import keys_of
from application.seats import Seats
from domain.errors import (
    SeatsExhausted,
    Unavailable,
)
from domain.lease import fingerprint_digest
from domain.license_key import parse
from domain.seat import CloseReason, Seat
from domain.seat_pool import Bid, Sitting
from tests.application.seats.moments import MOMENT, reason_of
from tests.seat_world import LEASE, acquire


class Dies(Exception):
    """The process is gone here."""


def test_a_process_that_dies_between_proposal_and_commit_leaks_nothing_beyond_one_lease(world):
    sold = world.sell(seats=1)

    async def dying(seats: Seats) -> None:
        seats._recording._log.append = _never  # type: ignore[method-assign]
        doomed = asyncio.create_task(acquire(seats, sold, 1))
        while not await seats._pool.is_loaded([sold.id]) or not await _used(seats, sold):
            await asyncio.sleep(0.001)
        doomed.cancel()
        with suppress(asyncio.CancelledError):
            await doomed

    world.with_seats(dying)

    async def meanwhile(seats: Seats) -> None:
        with pytest.raises(SeatsExhausted):
            await acquire(seats, sold, 2)
        world.clock.ahead += LEASE + MOMENT
        assert (await acquire(seats, sold, 2)).seat == 1

    world.with_seats(meanwhile)
    assert world.history() == [(1, 1, "opened", "")]


def test_a_reaper_frees_what_a_dead_process_proposed_without_an_event(world):
    sold = world.sell(seats=1)

    async def dying(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT
        await _propose_only(seats, sold, 2)

    world.with_seats(dying)
    world.clock.ahead += LEASE + MOMENT
    assert world.work.expire_lapsed() == 1  # the first machine's session; the second never was one
    assert world.history() == [(1, 1, "opened", ""), (1, 2, "closed", "expired")]
    world.with_seats(lambda seats: acquire(seats, sold, 3))
    assert world.check_log(1) == 1


def test_the_machine_itself_finishes_what_a_dead_process_proposed_for_it(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        world.clock.ahead += LEASE + MOMENT
        proposal = await _propose_only(seats, sold, 2)
        sat = await acquire(seats, sold, 2)
        assert sat.session_id == proposal.session_id
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_a_commit_that_was_only_slow_is_not_granted_twice(world):
    """Its proposal lapsed, was freed and given to another while the event was still on its way."""
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        append, may_go = seats._recording._log.append, asyncio.Event()

        async def slow(*args, **kwargs):
            await may_go.wait()
            return await append(*args, **kwargs)

        seats._recording._log.append = slow  # type: ignore[method-assign]
        first = asyncio.create_task(acquire(seats, sold, 1))
        while not await seats._pool.is_loaded([sold.id]):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        seats._recording._log.append = append  # type: ignore[method-assign]
        world.clock.ahead += LEASE + MOMENT
        second = await acquire(seats, sold, 2)
        may_go.set()
        with pytest.raises(SeatsExhausted):
            await first
        await seats.heartbeat(second.session_id, second.lease)

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_when_the_log_is_away_nothing_is_granted_and_the_seat_is_given_back(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        append = seats._recording._log.append
        seats._recording._log.append = _away  # type: ignore[method-assign]
        for _ in range(3):
            with pytest.raises(Unavailable):
                await acquire(seats, sold, 1)
        seats._recording._log.append = append  # type: ignore[method-assign]
        assert (await acquire(seats, sold, 2)).seat == 1

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_a_commit_whose_answer_was_lost_is_found_when_the_machine_asks_again(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        append = seats._recording._log.append

        async def mute(*args, **kwargs):
            await append(*args, **kwargs)
            raise Unavailable()

        seats._recording._log.append = mute  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await acquire(seats, sold, 1)
        seats._recording._log.append = append  # type: ignore[method-assign]
        sat = await acquire(seats, sold, 1)
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", "")]


def test_an_ending_that_was_cut_off_is_finished_with_its_own_reason(world):
    sold = world.sell(seats=1)

    async def dying(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        seats._recording._log.append = _away  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await seats.endings.evict(sat.session_id)
        assert await reason_of(seats.heartbeat(sat.session_id, sat.lease)) == "evicted"

    world.with_seats(dying)
    world.clock.ahead += ASIDE + MOMENT
    assert world.work.expire_lapsed() == 1
    assert world.history()[-1] == (1, 2, "closed", "evicted")


def test_a_reaper_that_died_before_freeing_is_finished_without_another_event(world):
    sold = world.sell(seats=1)
    world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.clock.ahead += LEASE + MOMENT

    async def dying(seats: Seats) -> None:
        seats._pool.free = _dies  # type: ignore[method-assign]
        with pytest.raises(Dies):
            await seats.endings.expire_lapsed()

    world.with_seats(dying)
    world.clock.ahead += ASIDE + MOMENT
    assert world.work.expire_lapsed() == 0
    world.with_seats(lambda seats: acquire(seats, sold, 2))
    assert world.check_log(1) == 1


def test_one_session_that_ended_meanwhile_does_not_keep_the_others_open(world):
    sold = world.sell(seats=3)

    async def story(seats: Seats) -> None:
        sat = [await acquire(seats, sold, machine) for machine in range(3)]
        append = seats._recording._log.append

        async def overtaken(events, **by):
            seats._recording._log.append = append  # type: ignore[method-assign]
            await seats.release(sat[1].session_id, sat[1].lease)
            return await append(events, **by)

        seats._recording._log.append = overtaken  # type: ignore[method-assign]
        assert await seats.endings.end_sessions(sold.id, CloseReason.REVOKED) == 2

    world.with_seats(story)
    assert [each[3] for each in world.history() if each[2] == "closed"] == ["revoked"] * 3  # the first reason stays
    assert world.check_log(3) == 0


def test_a_seat_far_above_the_others_is_found_by_its_own_heartbeat(world):
    """Hundreds of openings failed while one with a high number succeeded: a search from below does not get there."""
    sold = world.sell(seats=1000)
    session_id = uuid4()

    async def story(seats: Seats) -> None:
        facts = seats.loading.facts_of(sold.id)
        event = Seat.SessionOpened.at(
            1,
            license_id=sold.id,
            seat=700,
            now=world.clock.now(),
            organization_id=facts.terms.organization_id,
            session_id=session_id,
            fingerprint_digest=fingerprint_digest("far away"),
            lease_seconds=360,
        )
        await seats._recording._log.append([event], actor="", cause="")
        now = world.clock.now()
        sitting = Sitting(sold.id, 700, session_id)
        lease = seats._leases.sign(sitting, event.fingerprint_digest, 1, facts.terms, now=now, ends=now + LEASE)
        await acquire(seats, sold, 1)
        await seats.heartbeat(session_id, lease)
        assert (await acquire(seats, sold, 2)).used == 3

    world.with_seats(story)


def test_the_log_refuses_a_session_that_opens_while_another_is_open(world):
    """Whatever a pool proposes: the fence is in the database."""
    sold = world.sell()
    common = {"license_id": sold.id, "seat": 1, "now": world.clock.now(), "organization_id": uuid4()}
    opening = {"fingerprint_digest": "d" * 43, "lease_seconds": 360}

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        for event in (
            Seat.SessionOpened.at(2, session_id=uuid4(), **opening, **common),
            Seat.SessionClosed.at(3, session_id=uuid4(), reason=CloseReason.EXPIRED, **common),
            Seat.SessionOpened.at(1, session_id=uuid4(), **opening, **common),
            Seat.SessionOpened.at(5, session_id=uuid4(), **opening, **common),
        ):
            with pytest.raises(IntegrityError):
                await seats._recording._log.append([event], actor="", cause="")

    world.with_seats(story)
    assert world.check_log(10) == 1


def test_a_database_that_was_set_back_heals(world):
    """Redis knows of commits that a failover of the database lost: what it says is dropped and read again."""
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        await acquire(seats, sold, 1)
        world.database.execute("delete from stored_events where topic like 'seat.%%'")
        world.clock.ahead += LEASE + MOMENT
        assert (await acquire(seats, sold, 2)).seat == 1

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", "")]


async def _used(seats: Seats, sold) -> int:
    return int(await seats._pool._line.call("ZCARD", keys_of(sold.id).leases))


async def _never(*_, **__) -> int:
    await asyncio.Event().wait()
    raise AssertionError


async def _away(*_, **__) -> int:
    raise Unavailable()


async def _dies(*_, **__) -> None:
    raise Dies


async def _propose_only(seats: Seats, sold, machine: int):
    """What a process does that dies before it stores anything."""
    holder = fingerprint_digest(f"fingerprint-of-machine-{machine}")
    return await seats._pool.propose(Bid(sold.id, parse(sold.key).digest, holder, uuid4()), None)
