"""A seat from the client's side: taken, kept, given back, and refused."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from application.attribution import acting
from application.seats import Seats
from domain.errors import (
    LeaseInvalid,
    LicenseKeyInvalid,
    RateLimited,
    SeatsExhausted,
)
from domain.rate import Rate
from tests.application.seats.moments import reason_of
from tests.seat_world import LEASE, SOMEBODY, acquire


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
