"""A seat from the client's side: taken, kept, lost, given back, with a real log and a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError
from redis import Redis

from adapters.redis_seats import ASIDE, HOLD
from adapters.seat_keys import keys_of
from application.attribution import acting
from application.seats import Seats
from domain.errors import (
    LeaseInvalid,
    LicenseExpired,
    LicenseKeyInvalid,
    LicenseRevoked,
    LicenseSuspended,
    NotFound,
    RateLimited,
    SeatsExhausted,
    SessionClosed,
    Unavailable,
)
from domain.lease import fingerprint_digest
from domain.license import Status
from domain.license_key import parse
from domain.rate import Rate
from domain.seat import CloseReason, Seat
from domain.seat_pool import Bid, Sitting
from tests.seat_world import LEASE, SOMEBODY, World, acquire

MOMENT = timedelta(seconds=1)


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


async def reason_of(asked) -> str:
    with pytest.raises(SessionClosed) as closed:
        await asked
    return str(closed.value.details["reason"])


# --- a session's life ---


def test_a_machine_sits_beats_and_leaves(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        assert (sat.new, sat.seat, sat.limit, sat.used) == (True, 1, 10, 1)
        kept = await seats.heartbeat(sat.session_id, sat.lease)
        assert kept.heartbeat_interval == LEASE / 2
        await seats.release(sat.session_id, kept.lease)
        await seats.release(sat.session_id, kept.lease)
        assert await reason_of(seats.heartbeat(sat.session_id, kept.lease)) == "released"

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", ""), (1, 2, "closed", "released")]


def test_the_lease_says_who_sits_where_with_what(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        claims = world.signing.read_lease(sat.lease, world.clock.now())
        assert (claims.sid, claims.lic, claims.seat, claims.ver) == (sat.session_id, sold.id, 1, 1)
        assert (claims.product, claims.features, claims.grace) == ("coditect", {"api": True}, 1800)
        assert claims.exp - claims.iat == 360 and claims.expires_at == sat.expires_at.replace(microsecond=0)

    world.with_seats(story)


def test_the_same_machine_gets_its_session_again_also_when_all_seats_are_taken(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        first, again = await acquire(seats, sold, 1), await acquire(seats, sold, 1)
        assert (again.new, again.session_id, again.seat) == (False, first.session_id, 1)
        with pytest.raises(SeatsExhausted) as full:
            await acquire(seats, sold, 2)
        assert full.value.details == {"limit": 1, "used": 1}

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_a_seat_that_was_released_is_free_for_the_next_at_once(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        for machine in range(5):
            sat = await acquire(seats, sold, machine)
            await seats.release(sat.session_id, sat.lease)

    world.with_seats(story)
    assert world.check_log(1) == 0
    assert len(world.history()) == 10


def test_events_carry_no_personal_data_and_the_caller_is_kept_beside_them(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        (row,) = world.callers.of([sat.session_id])
        assert (row["address"], row["hostname"], row["user_name"]) == ("198.51.100.7", "host-of-ada", "ada.lovelace")
        assert (row["user_agent"], row["platform"], row["app_version"]) == ("desktop/1.0", "linux", "4.2")
        world.database.execute(*world.callers.erase(row["organization_id"]))
        (erased,) = world.callers.of([sat.session_id])
        assert not {"198.51.100.7", "host-of-ada", "ada.lovelace", "desktop/1.0"} & set(map(str, erased.values()))

    with acting("nobody", "request:17"):
        world.with_seats(story)
    row = world.database.fetch_one(
        "select state::text as state, actor, cause from stored_events where topic = 'seat.session_opened'"
    )
    assert (row["actor"], row["cause"]) == (f"license:{sold.id}", "request:17")
    assert not any(word in row["state"] for word in ("198.51", "host-of-ada", "ada.lovelace", "fingerprint-of-machine"))


# --- who may not ---


def test_a_key_that_nobody_was_given_is_invalid(world):
    sold = world.sell()
    last = "X" if sold.key[-1] != "X" else "Y"

    async def story(seats: Seats) -> None:
        for key in ("", "CODI-AAAAA", sold.key[:-1] + last, "CODI-00000-00000-00000-00000-00000"):
            with pytest.raises(LicenseKeyInvalid):
                await seats.acquire(key, "a-fingerprint", SOMEBODY)

    world.with_seats(story)


def test_a_rotated_key_is_refused_at_once_and_the_new_one_works_at_once(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        new_key = world.rotate_key(sold)  # and Redis has not heard of it
        assert (await seats.acquire(new_key, "fingerprint-of-machine-1", SOMEBODY)).session_id == sat.session_id
        with pytest.raises(LicenseKeyInvalid):
            await acquire(seats, sold, 1)
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)


def test_a_lease_of_another_session_or_none_at_all_is_refused(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        mine, other = await acquire(seats, sold, 1), await acquire(seats, sold, 2)
        for session_id, lease in (
            (mine.session_id, other.lease),
            (uuid4(), mine.lease),
            (mine.session_id, mine.lease[:-2] + "xx"),
            (mine.session_id, ""),
        ):
            with pytest.raises(LeaseInvalid):
                await seats.heartbeat(session_id, lease)
            with pytest.raises(LeaseInvalid):
                await seats.release(session_id, lease)

    world.with_seats(story)
    assert world.check_log(10) == 2


def test_a_machine_that_asks_too_often_is_told_when_to_come_back(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        assert sat.allowance and (sat.allowance.limit, sat.allowance.remaining) == (2, 1)
        await acquire(seats, sold, 1)
        with pytest.raises(RateLimited) as refused:
            await acquire(seats, sold, 1)
        assert refused.value.retry_after and refused.value.allowance and refused.value.allowance.remaining == 0
        await acquire(seats, sold, 2)
        await seats.heartbeat(sat.session_id, sat.lease)
        with pytest.raises(RateLimited):
            await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story, acquires=Rate(2, timedelta(minutes=1)), heartbeats=Rate(1, timedelta(minutes=1)))


def test_being_sent_through_a_reload_counts_as_one_call(world):
    sold = world.sell()

    async def story(seats: Seats) -> None:
        assert (await acquire(seats, sold, 1)).allowance.remaining == 1

    world.with_seats(story, acquires=Rate(2, timedelta(minutes=1)))


# --- lapsing ---


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


# --- Redis forgets ---


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


# --- crashes and refusals in the middle ---


class Dies(Exception):
    """The process is gone here."""


def test_a_process_that_dies_between_proposal_and_commit_leaks_nothing_beyond_one_lease(world):
    sold = world.sell(seats=1)

    async def dying(seats: Seats) -> None:
        seats._log.append = _never  # type: ignore[method-assign]
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
        append, may_go = seats._log.append, asyncio.Event()

        async def slow(*args, **kwargs):
            await may_go.wait()
            return await append(*args, **kwargs)

        seats._log.append = slow  # type: ignore[method-assign]
        first = asyncio.create_task(acquire(seats, sold, 1))
        while not await seats._pool.is_loaded([sold.id]):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        seats._log.append = append  # type: ignore[method-assign]
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
        append = seats._log.append
        seats._log.append = _away  # type: ignore[method-assign]
        for _ in range(3):
            with pytest.raises(Unavailable):
                await acquire(seats, sold, 1)
        seats._log.append = append  # type: ignore[method-assign]
        assert (await acquire(seats, sold, 2)).seat == 1

    world.with_seats(story)
    assert world.check_log(1) == 1


def test_a_commit_whose_answer_was_lost_is_found_when_the_machine_asks_again(world):
    sold = world.sell(seats=1)

    async def story(seats: Seats) -> None:
        append = seats._log.append

        async def mute(*args, **kwargs):
            await append(*args, **kwargs)
            raise Unavailable()

        seats._log.append = mute  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await acquire(seats, sold, 1)
        seats._log.append = append  # type: ignore[method-assign]
        sat = await acquire(seats, sold, 1)
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", "")]


def test_an_ending_that_was_cut_off_is_finished_with_its_own_reason(world):
    sold = world.sell(seats=1)

    async def dying(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        seats._log.append = _away  # type: ignore[method-assign]
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
        append = seats._log.append

        async def overtaken(events, **by):
            seats._log.append = append  # type: ignore[method-assign]
            await seats.release(sat[1].session_id, sat[1].lease)
            return await append(events, **by)

        seats._log.append = overtaken  # type: ignore[method-assign]
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
        await seats._log.append([event], actor="", cause="")
        now = world.clock.now()
        sitting = Sitting(sold.id, 700, session_id)
        lease = seats._lease(sitting, event.fingerprint_digest, 1, now, now + LEASE, facts.terms)
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
                await seats._log.append([event], actor="", cause="")

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


# --- the licence changes ---


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
