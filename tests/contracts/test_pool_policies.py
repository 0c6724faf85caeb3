"""Every seat pool: overage, seats kept for others, resumed, borrowed and handed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.lease import fingerprint_digest
from domain.seat import CloseReason
from domain.seat_access import SeatAccess, SeatRules
from domain.seat_policy import SeatPolicy
from domain.seat_pool import Bid, LicenseFacts, Outcome, Proposal, SeatState, Sitting
from tests.contracts.told import KEY, LEASE, MOMENT, Told

RESUME = timedelta(hours=8)
CLOSED = SeatAccess(SeatPolicy(), SeatRules(exclude=("machine:evil",)))


async def know_resume(told: Told, limit: int = 3) -> LicenseFacts:
    facts = told.facts(limit=limit)
    facts = replace(facts, terms=replace(facts.terms, resume=RESUME))
    assert await told.pool.load(facts, [], await told.pool.epoch(told.license_id))
    return facts


async def bid(told: Told, machine: int, **how: Any) -> Proposal:
    return await told.pool.propose(
        Bid(told.license_id, KEY, fingerprint_digest(f"machine-{machine}"), uuid4(), **how), None
    )


def in_an_hour() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


def test_seats_beyond_those_granted_are_marked(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3, granted=2)
        assert [(await told.bid(machine)).overage for machine in (1, 2, 3)] == [False, False, True]

    tell(story)


def test_a_bidder_who_was_judged_by_another_access_is_told_the_licences(tell):
    async def story(told: Told) -> None:
        await told.know(access=CLOSED)
        changed = await told.bid(1)
        assert (changed.outcome, changed.access) == (Outcome.POLICY_CHANGED, CLOSED)
        assert (await bid(told, 1, policy=CLOSED.digest)).outcome is Outcome.GRANTED

    tell(story)


def test_seats_that_are_to_be_left_to_others_are_not_taken_but_a_sleepers_counts_as_left(tell):
    async def story(told: Told) -> None:
        await told.know(limit=2)
        sleeper = await told.seat(1)
        assert (await bid(told, 2, leave=1)).outcome is Outcome.EXHAUSTED
        assert (await bid(told, 1, leave=1)).outcome is Outcome.SEATED
        told.pass_time(LEASE + MOMENT)
        taken = await bid(told, 2, leave=1)
        assert (taken.outcome, taken.seat) == (Outcome.GRANTED, sleeper.seat + 1)

    tell(story)


def test_a_view_counts_who_sits_and_whose_time_is_over(tell):
    async def story(told: Told) -> None:
        assert await told.pool.look(told.license_id) is None
        await told.know(limit=3, document={"license": {"id": "x"}})
        await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        await told.seat(2)
        view = await told.pool.look(told.license_id)
        assert view is not None
        assert (view.refusal, view.status, view.key_digest, view.used, view.lapsed) == (None, "active", KEY, 2, 1)
        assert (view.limit, view.available, view.document) == (3, 2, b'{"license":{"id":"x"}}')

    tell(story)


def test_a_lapsed_seat_stays_its_sleepers_until_somebody_needs_it_or_the_time_to_resume_is_over(tell):
    async def story(told: Told) -> None:
        await know_resume(told, limit=1)
        sleeper = await told.seat(1)
        told.pass_time(RESUME)
        assert await told.pool.lapsed(10) == []
        assert (await told.beat(sleeper)).outcome is Outcome.RENEWED
        told.pass_time(LEASE + MOMENT)
        taken = await told.bid(2)
        assert (taken.outcome, taken.former) == (Outcome.GRANTED, sleeper.session_id)
        assert taken.session_id
        await told.pool.record(Sitting(told.license_id, 1, taken.session_id))
        told.pass_time(LEASE + RESUME + MOMENT)
        assert [each.sitting.session_id for each in await told.pool.lapsed(10)] == [taken.session_id]

    tell(story)


def test_a_borrowed_seat_is_its_holders_until_the_agreed_time_whatever_heartbeats_say(tell):
    async def story(told: Told) -> None:
        until = in_an_hour()
        state = told.open_in_log(1)._replace(borrowed_until=until)
        assert state.session_id
        sitting = Sitting(told.license_id, 1, state.session_id)
        await told.know(state, limit=1)
        seated = await told.bid(1)
        assert (seated.outcome, seated.borrowed, seated.recorded) == (Outcome.SEATED, True, True)
        assert seated.lease_ends == until
        told.pass_time(2 * LEASE)
        renewal = await told.beat(sitting)
        assert (renewal.outcome, renewal.lease_ends) == (Outcome.RENEWED, until)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        assert await told.pool.lapsed(10) == []

    tell(story)


def test_a_borrowed_seat_ends_with_its_time_and_nobody_resumes_it(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1)._replace(borrowed_until=in_an_hour())
        assert state.session_id
        await know_resume(told)
        facts = replace(told.facts(), terms=replace(told.facts().terms, resume=RESUME))
        assert await told.pool.load(facts, [state], await told.pool.epoch(told.license_id))
        told.pass_time(timedelta(hours=1) + MOMENT)
        ended = await told.beat(Sitting(told.license_id, 1, state.session_id))
        assert (ended.outcome, ended.reason) == (Outcome.CLOSING, CloseReason.EXPIRED)
        assert (await told.bid(1)).outcome is Outcome.UNSURE
        assert [each.sitting.session_id for each in await told.pool.lapsed(10)] == [state.session_id]

    tell(story)


def test_a_seat_that_the_log_handed_on_is_its_new_sessions(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        before = await told.seat(1)
        after = before._replace(session_id=uuid4())
        await told.pool.set_aside([before], CloseReason.SWAPPED)
        for _ in range(2):
            await told.pool.place(after, fingerprint_digest("machine-2"), 3, None)
        assert (await told.beat(before)).outcome is Outcome.GONE
        renewal = await told.beat(after)
        assert (renewal.outcome, renewal.lease_ends - renewal.now) == (Outcome.RENEWED, LEASE)
        again = await told.bid(2)
        assert (again.outcome, again.session_id, again.version) == (Outcome.SEATED, after.session_id, 3)
        full = await told.bid(1)
        assert (full.outcome, full.used) == (Outcome.EXHAUSTED, 1)

    tell(story)


def test_a_session_whose_handover_was_refused_sits_again(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        await told.pool.set_aside([sitting], CloseReason.BORROWED)
        await told.pool.place(sitting, fingerprint_digest("machine-1"), 1, None)
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED
        assert (await told.bid(1)).session_id == sitting.session_id

    tell(story)


def test_a_handover_that_is_told_late_changes_nothing(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1, version=5)
        assert state.session_id
        await told.know(state)
        late = Sitting(told.license_id, 1, uuid4())
        await told.pool.place(late, fingerprint_digest("machine-9"), 3, in_an_hour())
        assert (await told.beat(late)).outcome is Outcome.GONE
        assert (await told.beat(late._replace(session_id=state.session_id))).outcome is Outcome.RENEWED

    tell(story)


def test_a_seat_borrowed_by_handover_ends_when_it_was_agreed(tell):
    async def story(told: Told) -> None:
        until = in_an_hour()
        await told.know(limit=1)
        before = await told.seat(1)
        away = before._replace(session_id=uuid4())
        await told.pool.set_aside([before], CloseReason.BORROWED)
        await told.pool.place(away, fingerprint_digest("machine-1"), 3, until)
        told.pass_time(2 * LEASE)
        assert (await told.bid(1)).lease_ends == until
        assert await told.pool.lapsed(10) == []
        told.pass_time(timedelta(hours=1))
        assert [each.sitting for each in await told.pool.lapsed(10)] == [away]

    tell(story)


def test_a_licence_that_was_emptied_and_loaded_again_counts_right(tell):
    """What is counted along must not drift from what is there."""

    async def story(told: Told) -> None:
        await told.know(limit=4)
        one, two, _ = [await told.seat(machine) for machine in (1, 2, 3)]
        await told.bid(4)
        await told.pool.free([(one, 2), (one, 2), (two, 2)])
        other = told.open_in_log(2, version=3, machine=9)
        await told.know(SeatState(told.license_id, 1, 2), other, SeatState(told.license_id, 3, 4), limit=4)
        assert await told.pool.lapsed_of(told.license_id) == []
        assert [(await told.bid(machine)).used for machine in (5, 6, 7)] == [3, 4, 4]

    tell(story)
