"""Every seat pool: tightened licences, rates, and many at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from adapters.redis_seats import HOLD
from domain.lease import fingerprint_digest
from domain.license import Status
from domain.rate import Rate
from domain.seat import CloseReason
from domain.seat_pool import Bid, Outcome
from tests.contracts.told import KEY, LEASE, MOMENT, Told


def test_a_tightened_licence_refuses_until_the_facts_come(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        assert (await told.bid(2)).outcome is Outcome.SUSPENDED
        assert (await told.beat(sitting)).outcome is Outcome.SUSPENDED
        await told.pool.learn(told.facts(version=2))
        assert (await told.bid(2)).outcome is Outcome.GRANTED

    tell(story)


def test_a_tightened_limit_counts_at_once_and_never_loosens(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        await told.seat(1)
        await told.pool.tighten(told.license_id, limit=1)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        await told.pool.tighten(told.license_id, limit=100)
        await told.seat(2), await told.seat(3)
        assert (await told.bid(4)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_hold_whose_event_never_came_makes_the_licence_stale(tell):
    """The process that tightened died before it stored anything: the licence must not stay shut."""

    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        told.pass_time(HOLD + MOMENT)
        assert (await told.bid(2)).outcome is Outcome.STALE
        assert (await told.beat(sitting)).outcome is Outcome.STALE
        await told.know()
        assert (await told.bid(2)).outcome is Outcome.GRANTED
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


def test_a_hold_on_a_licence_that_is_just_being_loaded_counts(tell):
    async def story(told: Told) -> None:
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        await told.know(version=1)
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED
        await told.pool.learn(told.facts(version=2))
        assert (await told.bid(1)).outcome is Outcome.GRANTED

    tell(story)


def test_after_a_resize_down_nothing_above_the_limit_is_proposed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=5)
        sittings = [await told.seat(machine) for machine in range(5)]
        await told.pool.learn(told.facts(version=2, limit=2))
        for sitting in sittings[:4]:
            await told.pool.set_aside([sitting], CloseReason.RESIZED)
            await told.pool.free([(sitting, 2)])
        assert (await told.bid(11)).seat == 1
        full = await told.bid(12)
        assert (full.outcome, full.used, full.limit) == (Outcome.EXHAUSTED, 2, 2)

    tell(story)


def test_a_lapsed_seat_above_the_limit_is_not_given_away(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        low, middle, high = [await told.seat(machine) for machine in range(3)]
        await told.pool.learn(told.facts(version=2, limit=2))
        told.pass_time(LEASE - MOMENT)
        await told.beat(low), await told.beat(middle)
        told.pass_time(2 * MOMENT)
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED  # three sit where two may
        await told.pool.set_aside([middle], CloseReason.RESIZED)
        await told.pool.free([(middle, 2)])
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED  # two sit, one of them too high and not closed yet
        (aside,) = await told.pool.lapsed(10)
        assert aside.sitting == high
        await told.pool.free([(high, 2)])
        assert (await told.bid(9)).seat == middle.seat

    tell(story)


def test_a_lapsed_seat_is_not_given_away_while_more_sit_than_may(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        low, middle, high = [await told.seat(machine) for machine in range(3)]
        await told.pool.learn(told.facts(version=2, limit=2))
        told.pass_time(LEASE - MOMENT)
        await told.beat(middle), await told.beat(high)
        told.pass_time(2 * MOMENT)
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED
        assert [each.sitting for each in await told.pool.lapsed(10)] == [low]

    tell(story)


def test_a_rate_refuses_one_call_too_many_and_says_when_to_come_back(tell):
    async def story(told: Told) -> None:
        await told.know()
        rate = Rate(3, timedelta(minutes=1))
        answers = [await told.bid(1, rate) for _ in range(4)]
        assert [each.outcome for each in answers] == [Outcome.GRANTED, *[Outcome.SEATED] * 2, Outcome.LIMITED]
        left = [each.allowance.remaining for each in answers if each.allowance]
        assert left == [2, 1, 0, 0]
        refused = answers[-1].allowance
        assert refused and 0 < refused.retry_after <= 20 and refused.reset <= 60
        assert (await told.bid(2, rate)).outcome is Outcome.GRANTED
        told.pass_time(timedelta(seconds=20))
        assert (await told.bid(1, rate)).outcome is Outcome.SEATED

    tell(story)


def test_heartbeats_have_a_rate_of_their_own(tell):
    async def story(told: Told) -> None:
        await told.know()
        rate = Rate(2, timedelta(minutes=1))
        sitting = await told.seat(1)
        outcomes = [(await told.pool.renew(sitting, "holder", rate)).outcome for _ in range(3)]
        assert outcomes == [Outcome.RENEWED, Outcome.RENEWED, Outcome.LIMITED]
        assert (await told.bid(1, rate)).outcome is Outcome.SEATED

    tell(story)


def test_a_hundred_bidders_for_ten_seats_get_ten_different_ones(tell):
    async def story(told: Told) -> None:
        await told.know(limit=10)
        answers = await asyncio.gather(*(told.bid(machine) for machine in range(100)))
        granted = [each.seat for each in answers if each.outcome is Outcome.GRANTED]
        assert sorted(granted) == list(range(1, 11))
        assert {each.used for each in answers if each.outcome is Outcome.EXHAUSTED} == {10}

    tell(story)


def test_each_machine_of_a_person_has_a_rate_of_its_own(tell):
    async def story(told: Told) -> None:
        await told.know()
        once, person = Rate(1, timedelta(minutes=1)), fingerprint_digest("a person")

        async def ask(machine: str) -> Outcome:
            bid = Bid(told.license_id, KEY, person, uuid4(), machine=fingerprint_digest(machine))
            return (await told.pool.propose(bid, once)).outcome

        assert await ask("desk") is Outcome.GRANTED
        assert await ask("desk") is Outcome.LIMITED
        assert await ask("laptop") is Outcome.SEATED

    tell(story)
