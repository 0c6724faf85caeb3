from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import OriginatorVersionError
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.errors import Conflict, SessionClosed
from domain.ids import seat_id, seat_id_hex
from domain.seat import CloseReason, Seat
from domain.seat_pool import Aside, SeatState, Sitting, Verdict, closing, verdict

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LICENSE, OWNER = uuid4(), uuid4()
ADA, BOB = uuid4(), uuid4()


def opening(session_id: UUID, version: int = 1) -> Seat.SessionOpened:
    return Seat.SessionOpened.at(
        version,
        license_id=LICENSE,
        seat=7,
        now=NOW,
        organization_id=OWNER,
        session_id=session_id,
        fingerprint_digest="d" * 43,
        lease_seconds=360,
    )


def sat_by(session_id: UUID) -> Seat:
    return Seat.first(opening(session_id))


@pytest.mark.parametrize("license_id", [LICENSE, UUID(int=0), uuid4()])
def test_the_stream_of_a_seat_has_one_name_however_it_is_made(license_id):
    for number in [*range(1, 200), 100_000]:
        assert seat_id_hex(license_id, number) == seat_id(license_id, number).hex


def test_the_first_session_makes_the_seat():
    seat = sat_by(ADA)
    assert (seat.id, seat.version, seat.number) == (seat_id(LICENSE, 7), 1, 7)
    assert (seat.session_id, seat.license_id, seat.organization_id) == (ADA, LICENSE, OWNER)
    assert len(seat.pending_events) == 1


def test_a_later_session_cannot_make_the_seat():
    with pytest.raises(OriginatorVersionError):
        Seat.first(opening(ADA, version=3))


def test_a_seat_that_is_held_is_not_given_to_another():
    seat = sat_by(ADA)
    with pytest.raises(Conflict):
        seat.open(session_id=BOB, fingerprint_digest="e" * 43, lease_seconds=360, now=NOW)
    assert seat.session_id == ADA


def test_the_next_session_comes_after_the_last_has_left():
    seat = sat_by(ADA)
    seat.close(session_id=ADA, reason=CloseReason.RELEASED, now=NOW)
    assert seat.is_free
    seat.open(session_id=BOB, fingerprint_digest="e" * 43, lease_seconds=360, now=NOW)
    assert (seat.session_id, seat.version, seat.closed_reason) == (BOB, 3, None)


def test_a_session_ends_once_and_keeps_its_first_reason():
    seat = sat_by(ADA)
    seat.close(session_id=ADA, reason=CloseReason.EXPIRED, now=NOW)
    seat.close(session_id=ADA, reason=CloseReason.EVICTED, now=NOW)
    assert (seat.version, seat.closed_reason) == (2, CloseReason.EXPIRED)


def test_nobody_ends_the_session_of_another():
    seat = sat_by(ADA)
    with pytest.raises(SessionClosed):
        seat.close(session_id=BOB, reason=CloseReason.RELEASED, now=NOW)
    assert seat.session_id == ADA


def test_a_seat_replays_from_events_that_were_built_without_it():
    seat = opening(ADA).mutate(None)
    state = SeatState.after(opening(ADA))
    state.closed(CloseReason.EXPIRED, NOW).mutate(seat)
    opening(BOB, version=3).mutate(seat)
    assert (seat.session_id, seat.version) == (BOB, 3)


# --- what to do about a session set aside ---


def aside(session_id: UUID, version: int) -> Aside:
    return Aside(Sitting(LICENSE, 7, session_id), version, CloseReason.EVICTED)


def test_a_session_that_the_log_has_open_is_closed_for_its_reason():
    state = SeatState.after(opening(ADA))
    assert verdict(aside(ADA, 1), state) is Verdict.CLOSE
    end = closing(state, aside(ADA, 1), NOW, note="left the company")
    assert (end.originator_version, end.session_id, end.reason) == (2, ADA, CloseReason.EVICTED)
    assert end.note == "left the company"


def test_a_proposal_that_never_reached_the_log_leaves_a_free_seat():
    assert verdict(aside(ADA, 1), SeatState(LICENSE, 7, 0)) is Verdict.FREE


def test_a_session_that_was_closed_already_leaves_a_free_seat():
    closed = SeatState.after(SeatState.after(opening(ADA)).closed(CloseReason.RELEASED, NOW))
    assert verdict(aside(ADA, 1), closed) is Verdict.FREE


def test_a_proposal_on_a_lapsed_seat_that_never_arrived_leaves_its_predecessor_to_be_closed():
    state = SeatState.after(opening(ADA))
    assert verdict(aside(BOB, 3), state) is Verdict.CLOSE
    end = closing(state, aside(BOB, 3), NOW, note="of BOB")
    assert (end.session_id, end.reason, end.note) == (ADA, CloseReason.EXPIRED, "")


def test_somebody_whom_the_pool_does_not_know_is_not_closed():
    state = SeatState.after(opening(ADA, version=3))
    assert verdict(aside(BOB, 3), state) is Verdict.RESTORE
    assert verdict(aside(BOB, 1), state) is Verdict.RESTORE


class SeatLife(RuleBasedStateMachine):
    """Whatever is asked of a seat, in whatever order: one session at a time, each once, and the log tells it all."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.sessions = [uuid4()]
        self.open: UUID | None = self.sessions[0]
        self.reasons: dict[UUID, CloseReason] = {}
        self.seat = sat_by(self.sessions[0])

    @rule(again=some.booleans())
    def sit(self, again: bool) -> None:
        session = self.sessions[-1] if again and self.open else uuid4()
        self.now += timedelta(seconds=1)
        try:
            self.seat.open(session_id=session, fingerprint_digest="f" * 43, lease_seconds=60, now=self.now)
        except Conflict:
            assert self.open is not None
        else:
            assert self.open is None
            self.open = session
            self.sessions.append(session)

    @rule(which=some.integers(0, 5), reason=some.sampled_from(CloseReason))
    def leave(self, which: int, reason: CloseReason) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        self.now += timedelta(seconds=1)
        try:
            self.seat.close(session_id=session, reason=reason, now=self.now)
        except SessionClosed:
            assert session != self.open
        else:
            if session == self.open:
                self.open = None
                self.reasons[session] = reason

    @invariant()
    def one_session_at_a_time(self) -> None:
        assert self.seat.session_id == self.open
        assert self.seat.version % 2 == (1 if self.open else 0)

    @invariant()
    def every_end_is_told_once(self) -> None:
        ends = [event for event in self.seat.pending_events if isinstance(event, Seat.SessionClosed)]
        assert {end.session_id: end.reason for end in ends} == self.reasons
        assert len(ends) == len(self.reasons)

    @invariant()
    def the_log_tells_it_all(self) -> None:
        first, *later = self.seat.pending_events
        replayed = first.mutate(None)
        for event in later:
            event.mutate(replayed)
        assert replayed is not None
        assert {**vars(replayed), "_pending_events": 0} == {**vars(self.seat), "_pending_events": 0}


TestSeatLife = SeatLife.TestCase
TestSeatLife.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
