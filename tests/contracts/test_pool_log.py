"""Every seat pool believes the log."""

from __future__ import annotations

from uuid import uuid4

from domain.license import Status
from domain.seat_pool import Outcome, SeatState, Sitting
from tests.contracts.told import LEASE, Told


def test_loading_seats_the_sessions_of_the_log_for_a_full_lease(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(2, version=5)
        assert state.session_id
        await told.know(SeatState(told.license_id, 1, 4), state)
        renewal = await told.beat(Sitting(told.license_id, 2, state.session_id))
        assert (renewal.outcome, renewal.lease_ends - renewal.now) == (Outcome.RENEWED, LEASE)
        again = await told.bid(2)
        assert (again.outcome, again.session_id, again.recorded) == (Outcome.SEATED, state.session_id, True)
        assert [(each.seat, each.version) for each in (await told.bid(8), await told.bid(9))] == [(1, 5), (3, 1)]

    tell(story)


def test_loading_again_does_not_disturb_a_proposal_under_way(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        proposal = await told.bid(1)
        await told.know(SeatState(told.license_id, 1, 0), limit=1)
        assert (await told.bid(1)).session_id == proposal.session_id
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_the_log_wins_where_it_knows_more(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        await told.bid(1)
        state = told.open_in_log(1, version=1, machine=2)
        await told.know(state, limit=1)
        assert (await told.bid(2)).session_id == state.session_id
        assert (await told.bid(1)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_slow_reader_of_the_log_does_not_bring_a_closed_session_back(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1)
        assert state.session_id
        sitting = Sitting(told.license_id, 1, state.session_id)
        await told.pool.free([(sitting, 2)])
        await told.know(state)
        assert (await told.beat(sitting)).outcome is Outcome.GONE
        assert (await told.bid(5)).version == 3

    tell(story)


def test_more_seats_than_one_call_takes_can_be_loaded(tell):
    async def story(told: Told) -> None:
        seats = [told.open_in_log(number) for number in range(1, 1203)]
        await told.know(*seats, limit=1203)
        last = await told.bid(5000)
        assert (last.seat, last.used) == (1203, 1203)

    tell(story)


def test_what_was_read_before_the_pool_lost_the_licence_is_not_taken(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1)
        epoch = await told.pool.epoch(told.license_id)
        assert await told.pool.epoch(told.license_id) == epoch
        await told.pool.forget(told.license_id)
        assert not await told.pool.load(told.facts(), [state], epoch)
        assert not await told.pool.load(told.facts(), [], epoch)
        assert (await told.bid(1)).outcome is Outcome.STALE
        await told.know(SeatState(told.license_id, 1, 2))
        assert (await told.bid(1)).version == 3

    tell(story)


def test_a_seat_freed_before_the_others_were_loaded_is_given_out_once(tell):
    async def story(told: Told) -> None:
        session_id = uuid4()
        await told.pool.free([(Sitting(told.license_id, 3, session_id), 2)])
        await told.know(SeatState(told.license_id, 1, 0))
        taken = [await told.bid(machine) for machine in range(4)]
        assert [(each.outcome, each.seat, each.version) for each in taken[:3]] == [
            (Outcome.GRANTED, 1, 1),
            (Outcome.GRANTED, 2, 1),
            (Outcome.GRANTED, 3, 3),
        ]
        assert taken[3].outcome is Outcome.EXHAUSTED

    tell(story)


def test_older_facts_do_not_replace_newer_ones(tell):
    async def story(told: Told) -> None:
        await told.know(version=2, status=Status.SUSPENDED)
        await told.pool.learn(told.facts(version=1))
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED

    tell(story)


def test_facts_that_came_before_the_seats_survive_a_slower_reader_of_the_log(tell):
    async def story(told: Told) -> None:
        await told.pool.learn(told.facts(version=2, status=Status.SUSPENDED))
        await told.know(version=1)
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED

    tell(story)


def test_a_licence_that_is_forgotten_is_stale(tell):
    async def story(told: Told) -> None:
        await told.know()
        assert await told.pool.is_loaded([told.license_id, uuid4()]) == [True, False]
        await told.pool.forget(told.license_id)
        assert (await told.bid(1)).outcome is Outcome.STALE

    tell(story)
