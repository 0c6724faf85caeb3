"""Every seat pool: who gets a seat, and who keeps it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.license import Status
from domain.seat import CloseReason
from domain.seat_pool import Outcome, Sitting
from tests.contracts.told import LEASE, MOMENT, Told


def test_a_licence_that_it_was_not_told_of_is_stale(tell):
    async def story(told: Told) -> None:
        assert (await told.bid(1)).outcome is Outcome.STALE
        assert (await told.beat(Sitting(told.license_id, 1, uuid4()))).outcome is Outcome.STALE

    tell(story)


def test_facts_alone_do_not_make_a_licence_usable(tell):
    async def story(told: Told) -> None:
        await told.pool.learn(told.facts())
        assert (await told.bid(1)).outcome is Outcome.STALE

    tell(story)


def test_seats_are_taken_lowest_first_and_counted(tell):
    async def story(told: Told) -> None:
        await told.know()
        taken = [await told.bid(machine) for machine in (1, 2, 3)]
        assert [(each.seat, each.version, each.used, each.limit) for each in taken] == [
            (1, 1, 1, 3),
            (2, 1, 2, 3),
            (3, 1, 3, 3),
        ]
        full = await told.bid(4)
        assert (full.outcome, full.used, full.limit) == (Outcome.EXHAUSTED, 3, 3)

    tell(story)


def test_a_licence_without_limit_always_has_a_seat(tell):
    async def story(told: Told) -> None:
        await told.know(limit=None)
        taken = [await told.bid(machine) for machine in range(20)]
        assert [each.seat for each in taken] == list(range(1, 21))
        assert taken[-1].limit is None

    tell(story)


def test_the_same_holder_has_one_session_also_when_all_seats_are_taken(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        first, again = await told.bid(1), await told.bid(1)
        assert (again.outcome, again.session_id, again.version) == (Outcome.SEATED, first.session_id, 1)
        assert not again.recorded
        assert first.session_id
        await told.pool.record(Sitting(told.license_id, 1, first.session_id))
        assert (await told.bid(1)).recorded

    tell(story)


def test_a_proposal_carries_what_a_lease_says(tell):
    async def story(told: Told) -> None:
        await told.know()
        proposal = await told.bid(1)
        assert proposal.terms == told.facts().terms
        assert proposal.lease_ends - proposal.now == LEASE

    tell(story)


def test_a_proposal_that_is_withdrawn_leaves_no_trace(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        proposal = await told.bid(1)
        assert proposal.session_id
        await told.pool.withdraw(Sitting(told.license_id, 1, proposal.session_id))
        other = await told.bid(2)
        assert (other.outcome, other.seat, other.version, other.used) == (Outcome.GRANTED, 1, 1, 1)

    tell(story)


def test_a_lapsed_seat_of_which_the_proposal_was_withdrawn_is_unsure_for_the_next_who_asks(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        lapsed = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(2)
        assert proposal.session_id and proposal.former == lapsed.session_id
        await told.pool.withdraw(Sitting(told.license_id, 1, proposal.session_id))
        other = await told.bid(3)
        assert (other.outcome, other.seat, other.session_id) == (Outcome.UNSURE, 1, lapsed.session_id)
        assert [each.sitting for each in await told.pool.set_aside_lapsed(told.license_id, 1)] == [lapsed]

    tell(story)


def test_what_is_recorded_cannot_be_withdrawn(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        await told.pool.withdraw(sitting)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"status": Status.SUSPENDED}, Outcome.SUSPENDED),
        ({"status": Status.REVOKED}, Outcome.REVOKED),
        ({"status": Status.EXPIRED}, Outcome.EXPIRED),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, Outcome.EXPIRED),
        ({"status": Status.GRACE, "grace_ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, Outcome.SUSPENDED),
        ({"status": Status.GRACE, "grace_ends_at": datetime(2120, 1, 1, tzinfo=UTC)}, Outcome.GRANTED),
        ({"key_digest": "of another key"}, Outcome.KEY_CHANGED),
    ],
)
def test_a_licence_that_does_not_work_seats_nobody(tell, changed, outcome):
    async def story(told: Told) -> None:
        await told.know(**changed)
        assert (await told.bid(1)).outcome is outcome

    tell(story)


def test_a_heartbeat_moves_the_end_of_the_lease(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        told.pass_time(LEASE - MOMENT)
        renewal = await told.beat(sitting)
        assert (renewal.outcome, renewal.lease_ends - renewal.now) == (Outcome.RENEWED, LEASE)
        told.pass_time(LEASE - MOMENT)
        assert await told.pool.lapsed(10) == []

    tell(story)


def test_a_late_heartbeat_keeps_a_seat_that_nobody_was_given(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_late_heartbeat_does_not_get_back_a_seat_that_was_given_to_another(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        successor = await told.bid(2)
        assert successor.outcome is Outcome.GRANTED and successor.session_id
        ended = await told.beat(sitting)
        assert (ended.outcome, ended.reason) == (Outcome.CLOSING, CloseReason.EXPIRED)
        await told.pool.record(Sitting(told.license_id, 1, successor.session_id))
        assert (await told.beat(sitting)).outcome is Outcome.GONE

    tell(story)


def test_a_heartbeat_of_an_unknown_session_or_seat_is_gone(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        assert (await told.beat(sitting._replace(session_id=uuid4()))).outcome is Outcome.GONE
        assert (await told.beat(sitting._replace(seat=99))).outcome is Outcome.GONE

    tell(story)


def test_a_heartbeat_proves_that_the_session_was_recorded(tell):
    async def story(told: Told) -> None:
        await told.know()
        proposal = await told.bid(1)
        assert proposal.session_id
        await told.beat(Sitting(told.license_id, proposal.seat, proposal.session_id))
        assert (await told.bid(1)).recorded

    tell(story)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.REVOKED, Status.EXPIRED])
def test_heartbeats_of_a_licence_that_stopped_working_are_refused_at_once(tell, status):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.learn(told.facts(version=2, status=status))
        assert (await told.beat(sitting)).outcome == status.value

    tell(story)
