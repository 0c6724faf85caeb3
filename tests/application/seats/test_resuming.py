"""Machines that sleep: a seat waits for its holder as long as the plan says, unless somebody needs it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis import Redis

from application.seats import Acquired, Seats
from domain.caller import Caller
from domain.errors import SeatNotAllowed, SeatsExhausted
from domain.lease import fingerprint_digest
from domain.seat_access import SeatRules
from domain.seat_policy import SeatGroup
from tests.application.seats.moments import MOMENT, reason_of
from tests.seat_world import LEASE, Sold, World, acquire

RESUME = timedelta(hours=8)
HOUR = timedelta(hours=1)


async def sit(seats: Seats, sold: Sold, machine: int, user: str | None = None) -> Acquired:
    return await seats.acquire(sold.key, f"fingerprint-of-machine-{machine}", Caller(user=user))


def in_groups(world: World, sold: Sold, **machines: list[int]) -> None:
    """These machines are the members of the licence's groups."""
    members = {
        group: tuple(f"machine:{fingerprint_digest(f'fingerprint-of-machine-{number}')}" for number in numbers)
        for group, numbers in machines.items()
    }
    world.change(sold, lambda license, now: license.set_seat_rules(SeatRules(members), reason="team", now=now))


def test_an_hour_of_sleep_is_not_noticed(world):
    sold = world.sell(seats=2, resume=RESUME)

    async def story(seats: Seats) -> None:
        sat = await sit(seats, sold, 1)
        world.clock.ahead += HOUR
        assert await seats.endings.expire_lapsed() == 0
        kept = await seats.heartbeat(sat.session_id, sat.lease)
        assert kept.expires_at > world.clock.now()
        world.clock.ahead += HOUR
        again = await sit(seats, sold, 1)
        assert (again.new, again.session_id) == (False, sat.session_id)

    world.with_seats(story)
    assert world.history() == [(1, 1, "opened", "")]


def test_the_seat_falls_free_when_the_window_is_over_and_not_before(world):
    sold = world.sell(seats=2, resume=RESUME)
    sat = world.with_seats(lambda seats: sit(seats, sold, 1))
    world.clock.ahead += LEASE + RESUME - MOMENT
    assert world.work.expire_lapsed() == 0
    world.clock.ahead += 2 * MOMENT
    assert world.work.expire_lapsed() == 1
    assert world.with_seats(lambda seats: reason_of(seats.heartbeat(sat.session_id, sat.lease))) == "expired"
    assert world.history() == [(1, 1, "opened", ""), (1, 2, "closed", "expired")]


def test_a_heartbeat_begins_the_window_anew(world):
    sold = world.sell(seats=1, resume=RESUME)

    async def story(seats: Seats) -> None:
        sat = await sit(seats, sold, 1)
        for _ in range(5):
            world.clock.ahead += RESUME
            assert await seats.endings.expire_lapsed() == 0
            sat = sat._replace(lease=(await seats.heartbeat(sat.session_id, sat.lease)).lease)

    world.with_seats(story)
    assert len(world.history()) == 1


def test_who_needs_the_seat_of_a_sleeper_gets_it_and_the_sleeper_another(world):
    sold = world.sell(seats=2, resume=RESUME)

    async def story(seats: Seats) -> None:
        sleeper, awake = await sit(seats, sold, 1), await sit(seats, sold, 2)
        world.clock.ahead += HOUR
        awake = awake._replace(lease=(await seats.heartbeat(awake.session_id, awake.lease)).lease)
        taken = await sit(seats, sold, 3)
        assert taken.seat == sleeper.seat
        assert await reason_of(seats.heartbeat(sleeper.session_id, sleeper.lease)) == "expired"
        with pytest.raises(SeatsExhausted):
            await sit(seats, sold, 1)
        await seats.release(taken.session_id, taken.lease)
        assert (await sit(seats, sold, 1)).new
        await seats.heartbeat(awake.session_id, awake.lease)

    world.with_seats(story)
    assert world.check_log(2) == 2


def test_nobody_is_woken_while_there_is_a_free_seat(world):
    sold = world.sell(seats=3, resume=RESUME)

    async def story(seats: Seats) -> None:
        sleepers = [await sit(seats, sold, number) for number in (1, 2)]
        world.clock.ahead += HOUR
        assert (await sit(seats, sold, 3)).seat == 3
        for each in sleepers:
            await seats.heartbeat(each.session_id, each.lease)

    world.with_seats(story)


def test_of_many_sleepers_each_goes_only_for_somebody_else(world):
    sold = world.sell(seats=10, resume=RESUME)

    async def story(seats: Seats) -> None:
        sleepers = [await sit(seats, sold, number) for number in range(10)]
        world.clock.ahead += HOUR
        await asyncio.gather(*(sit(seats, sold, 100 + number) for number in range(4)))
        beats = [seats.heartbeat(each.session_id, each.lease) for each in sleepers]
        found = await asyncio.gather(*beats, return_exceptions=True)
        assert sum(isinstance(each, Exception) for each in found) == 4

    world.with_seats(story)
    assert world.check_log(10) == 10


def test_a_redis_that_forgot_gives_no_sleeper_away(world, redis: Redis):
    sold = world.sell(seats=1, resume=RESUME)

    async def story(seats: Seats) -> None:
        sat = await sit(seats, sold, 1)
        world.clock.ahead += HOUR
        redis.flushall()
        with pytest.raises(SeatsExhausted):  # nobody can tell whether the holder sleeps: a lease long
            await sit(seats, sold, 2)
        assert await seats.endings.expire_lapsed() == 0
        await seats.heartbeat(sat.session_id, sat.lease)

    world.with_seats(story)
    assert len(world.history()) == 1


def test_a_user_who_needs_another_seat_gives_up_one_that_sleeps(world):
    sold = world.sell(seats=10, seats_per_user=2, resume=RESUME)

    async def story(seats: Seats) -> None:
        laptop, desk = await sit(seats, sold, 1, "ada"), await sit(seats, sold, 2, "ada")
        with pytest.raises(SeatsExhausted):
            await sit(seats, sold, 3, "ada")
        world.clock.ahead += HOUR
        desk = desk._replace(lease=(await seats.heartbeat(desk.session_id, desk.lease)).lease)
        assert (await sit(seats, sold, 3, "ada")).new
        assert await reason_of(seats.heartbeat(laptop.session_id, laptop.lease)) == "expired"
        await seats.heartbeat(desk.session_id, desk.lease)

    world.with_seats(story)


def test_a_group_at_its_limit_wakes_its_own_and_nobody_else(world):
    sold = world.sell(seats=4, groups=(SeatGroup("design", limit=2),), resume=RESUME)
    in_groups(world, sold, design=[1, 2, 3])

    async def story(seats: Seats) -> None:
        guest, one, two = [await sit(seats, sold, number) for number in (9, 1, 2)]
        world.clock.ahead += HOUR
        await seats.heartbeat(two.session_id, two.lease)
        await sit(seats, sold, 3)
        assert await reason_of(seats.heartbeat(one.session_id, one.lease)) == "expired"
        for each in (guest, two):
            await seats.heartbeat(each.session_id, each.lease)

    world.with_seats(story)


def test_a_refused_bidder_wakes_nobody(world):
    """The seats that sleep are not for him: no limit of his own may cost somebody else the seat."""
    sold = world.sell(seats=3, seats_per_user=1, resume=RESUME)

    async def story(seats: Seats) -> None:
        sleepers = [await sit(seats, sold, number, f"sleeper-{number}") for number in (1, 2)]
        world.clock.ahead += HOUR
        await sit(seats, sold, 3, "ada")
        for _ in range(3):
            with pytest.raises(SeatsExhausted) as refused:
                await sit(seats, sold, 4, "ada")
            assert refused.value.details["axis"] == "user"
        for each in sleepers:
            await seats.heartbeat(each.session_id, each.lease)

    world.with_seats(story)
    assert [each[2] for each in world.history()] == ["opened"] * 3


def test_a_seat_reserved_for_a_group_stays_so_while_its_member_sleeps(world):
    sold = world.sell(seats=2, groups=(SeatGroup("design", reserved=1),), resume=RESUME)
    in_groups(world, sold, design=[1, 2])

    async def story(seats: Seats) -> None:
        designer, guest = await sit(seats, sold, 1), await sit(seats, sold, 9)
        world.clock.ahead += HOUR
        await seats.heartbeat(guest.session_id, guest.lease)
        with pytest.raises(SeatsExhausted) as refused:
            await sit(seats, sold, 8)
        assert refused.value.details["axis"] == "reserved"
        assert (await sit(seats, sold, 2)).seat == designer.seat

    world.with_seats(story)


def test_who_was_excluded_while_asleep_keeps_the_seat_and_gets_no_other(world):
    sold = world.sell(seats=2, resume=RESUME)

    async def story(seats: Seats) -> None:
        sat = await sit(seats, sold, 1, "bob")
        rules = SeatRules(exclude=(f"user:{world.users.digest(sold.id, 'bob')}",))
        await asyncio.to_thread(world.change, sold, lambda one, now: one.set_seat_rules(rules, reason="left", now=now))
        await seats.loading.publish(sold.id)
        world.clock.ahead += HOUR
        await seats.heartbeat(sat.session_id, sat.lease)
        with pytest.raises(SeatNotAllowed):
            await sit(seats, sold, 1, "bob")

    world.with_seats(story)
    assert len(world.history()) == 1


def test_without_a_window_a_lapsed_seat_falls_free_with_the_next_look(world):
    sold = world.sell(seats=1)
    world.with_seats(lambda seats: acquire(seats, sold, 1))
    world.clock.ahead += LEASE + MOMENT
    assert world.work.expire_lapsed() == 1


def test_of_two_that_sleep_the_one_that_slept_longer_makes_room(world):
    sold = world.sell(seats=10, seats_per_user=2, resume=RESUME)

    async def story(seats: Seats) -> None:
        first, second = await sit(seats, sold, 1, "ada"), await sit(seats, sold, 2, "ada")
        world.clock.ahead += HOUR
        first = first._replace(lease=(await seats.heartbeat(first.session_id, first.lease)).lease)
        world.clock.ahead += HOUR
        await sit(seats, sold, 3, "ada")
        await seats.heartbeat(first.session_id, first.lease)
        assert await reason_of(seats.heartbeat(second.session_id, second.lease)) == "expired"

    world.with_seats(story)
