"""Every seat pool: sessions that lapse and sessions that are ended."""

from __future__ import annotations

from uuid import uuid4

from adapters.redis_seats import ASIDE
from domain.seat import CloseReason
from domain.seat_pool import Outcome, Sitting
from tests.contracts.told import LEASE, MOMENT, Told


def test_a_lapsed_seat_goes_to_the_next_with_its_former_session_to_be_closed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(2)
        assert (proposal.outcome, proposal.seat, proposal.version) == (Outcome.GRANTED, 1, 3)
        assert (proposal.former, proposal.used) == (sitting.session_id, 1)
        repeated = await told.bid(2)
        assert (repeated.outcome, repeated.former, repeated.version) == (Outcome.SEATED, sitting.session_id, 3)

    tell(story)


def test_a_lapsed_proposal_is_not_built_upon(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        await told.bid(1)
        told.pass_time(LEASE + MOMENT)
        unsure = await told.bid(2)
        assert (unsure.outcome, unsure.seat) == (Outcome.UNSURE, 1)
        (aside,) = await told.pool.set_aside_lapsed(told.license_id, 1)
        await told.pool.free([(aside.sitting, 0)])
        assert (await told.bid(2)).version == 1

    tell(story)


def test_withdrawing_from_a_lapsed_seat_leaves_its_former_session_to_be_closed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        former = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(2)
        assert proposal.session_id
        await told.pool.withdraw(Sitting(told.license_id, 1, proposal.session_id))
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.version, aside.reason) == (former, 1, CloseReason.EXPIRED)

    tell(story)


def test_whoever_is_taken_for_lapsed_is_told_with_the_epoch_in_which_it_is_believed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=2)
        one, other = await told.seat(1), await told.seat(2)
        epoch = await told.pool.epoch(told.license_id)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(3)
        (aside,) = await told.pool.set_aside_lapsed(told.license_id, other.seat)
        assert (proposal.former, proposal.epoch, aside.epoch) == (one.session_id, epoch, epoch)
        await told.pool.forget(told.license_id)
        assert await told.pool.epoch(told.license_id) != epoch

    tell(story)


def test_lapsed_sessions_are_set_aside_once(tell):
    async def story(told: Told) -> None:
        await told.know()
        gone, stays = await told.seat(1), await told.seat(2)
        told.pass_time(LEASE / 2)
        await told.beat(stays)
        told.pass_time(LEASE / 2 + MOMENT)
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.version, aside.reason) == (gone, 1, CloseReason.EXPIRED)
        assert await told.pool.lapsed(10) == []
        ended = await told.beat(gone)
        assert (ended.outcome, ended.reason) == (Outcome.CLOSING, CloseReason.EXPIRED)

    tell(story)


def test_what_a_dead_closer_set_aside_is_due_again_with_its_reason(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.set_aside([sitting], CloseReason.EVICTED)
        assert await told.pool.lapsed(10) == []
        told.pass_time(ASIDE + MOMENT)
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.reason) == (sitting, CloseReason.EVICTED)

    tell(story)


def test_a_seat_set_aside_stays_taken_until_it_is_freed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        (aside,) = await told.pool.set_aside([sitting], CloseReason.RELEASED)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        await told.pool.free([(aside.sitting, 2)])
        await told.pool.free([(aside.sitting, 2)])
        following = await told.bid(2)
        assert (following.outcome, following.version, following.used) == (Outcome.GRANTED, 3, 1)

    tell(story)


def test_a_machine_whose_session_is_being_ended_does_not_get_it_again(tell):
    async def story(told: Told) -> None:
        await told.know(limit=2)
        sitting = await told.seat(1)
        await told.pool.set_aside([sitting], CloseReason.EVICTED)
        again = await told.bid(1)
        assert (again.outcome, again.seat) == (Outcome.GRANTED, 2)
        assert again.session_id != sitting.session_id

    tell(story)


def test_setting_aside_finds_only_the_session_that_was_meant(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        assert await told.pool.set_aside([sitting._replace(session_id=uuid4())], CloseReason.EVICTED) == []
        assert await told.pool.set_aside_lapsed(told.license_id, 1) == []
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


def test_freeing_does_not_touch_the_next_session(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        first = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        await told.bid(2)
        await told.pool.free([(first, 2)])
        assert (await told.bid(3)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_no_more_lapsed_sessions_than_asked_for(tell):
    async def story(told: Told) -> None:
        await told.know(limit=30)
        for machine in range(30):
            await told.seat(machine)
        told.pass_time(LEASE + MOMENT)
        found = [len(await told.pool.lapsed(20)) for _ in range(3)]
        assert found == [20, 10, 0]

    tell(story)


def test_who_has_lapsed_is_told_and_nothing_changes(tell):
    async def story(told: Told) -> None:
        await told.know(limit=5)
        sleeping = await told.seat(1)
        told.pass_time(LEASE / 2)
        later = await told.seat(2)
        assert await told.pool.lapsed_of(told.license_id) == []
        told.pass_time(LEASE / 2 + MOMENT)
        assert await told.pool.lapsed_of(told.license_id) == [sleeping.seat]
        told.pass_time(LEASE)
        assert await told.pool.lapsed_of(told.license_id) == [sleeping.seat, later.seat]
        assert (await told.beat(sleeping)).outcome is Outcome.RENEWED
        assert await told.pool.lapsed_of(told.license_id) == [later.seat]
        assert await told.pool.lapsed_of(uuid4()) == []

    tell(story)
