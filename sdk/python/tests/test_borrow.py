"""A seat for the train: borrowed, opened without a network, given back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from stand_in import decoded
from table import Table

from usher_client import (
    BorrowEnded,
    BorrowNotOffered,
    InvalidRequest,
    LeaseUntrusted,
    LicenseClient,
    NothingBorrowed,
    State,
    Unavailable,
    UsherError,
    borrowing,
)

DAY = 86_400


@pytest.fixture
def lent(program, office, engine):
    """A program borrowed its seat for three days and ended; the network is gone."""
    with program().acquire() as seat:
        seat.borrow(days=3)
    office.close()
    return engine


def test_a_borrowed_seat_is_kept_when_the_program_ends(lent, program, clock):
    seat = program().open_borrowed()
    with seat:
        seat.check()
        assert seat.number == 1 and timedelta(days=2.9) < seat.remaining <= timedelta(days=3)
        assert abs(seat.until.timestamp() - clock.wall() - 3 * DAY) < 60
    assert [session.closed for session in lent.sessions.values()] == ["borrowed", None]


def test_the_program_that_borrowed_works_on(program, engine, told):
    with program().acquire() as seat:
        seat.borrow(days=3)
        assert told.until(State.BORROWED).works
        seat.check()
        seat.renew()
    assert engine.seen("PATCH", "heartbeat") == 0 and engine.seen("DELETE", "sessions") == 0


def test_an_ordinary_start_without_a_network_opens_it_too(lent, program):
    with program().acquire() as seat:
        assert seat.status.state is State.BORROWED
        seat.check()


def test_an_ordinary_start_with_a_network_does_not_give_it_back(lent, program, office):
    office.open()
    with program().acquire() as seat:
        assert seat.status.state is State.BORROWED
    assert len(lent.open()) == 1
    program().open_borrowed().check()


def test_its_days_end(lent, program, clock):
    seat = program().open_borrowed()
    clock.sleep(3 * DAY)
    with pytest.raises(BorrowEnded):
        seat.check()
    assert seat.remaining == timedelta(0)
    with pytest.raises(BorrowEnded):
        program().open_borrowed()


def test_setting_the_clock_back_does_not_add_a_day(lent, program, clock):
    clock.sleep(2 * DAY)
    seat = program().open_borrowed()
    clock.set(-DAY)
    assert seat.remaining < timedelta(days=1)
    with pytest.raises(LeaseUntrusted):
        program().open_borrowed()


def test_it_opens_on_its_own_machine_only(lent, program, tmp_path):
    mine = next((tmp_path / "state").glob("borrowed-*"))
    other = program(fingerprint="fingerprint-of-bob")
    mine.rename(mine.with_name(f"borrowed-{other._talk.name}.json"))
    with pytest.raises(LeaseUntrusted, match="another machine"):
        other.open_borrowed()


def test_there_may_be_nothing_to_open(program):
    with pytest.raises(NothingBorrowed):
        program().open_borrowed()


def test_it_is_given_back_early_over_the_network(lent, program, office):
    seat = program().open_borrowed()
    with pytest.raises(Unavailable):
        seat.give_back()
    seat.check()
    office.open()
    seat.give_back()
    seat.give_back()
    assert lent.open() == []
    with pytest.raises(BorrowEnded):
        seat.check()
    with pytest.raises(NothingBorrowed):
        program().open_borrowed()


def test_it_is_given_back_by_a_statement_that_a_person_carries(lent, program, office, options):
    seat = program().open_borrowed()
    statement = seat.sign_return()
    with pytest.raises(BorrowEnded):
        seat.check()
    with pytest.raises(NothingBorrowed):
        program().open_borrowed()
    with pytest.raises(BorrowEnded):
        seat.sign_return()
    assert program().return_statement == statement
    office.open()
    elsewhere = LicenseClient(office.url, "no key", **{**options, "fingerprint": "the desk of the help desk"})
    elsewhere.hand_in(f"  {statement}\n")
    assert lent.open() == []


def test_the_statement_says_which_session_and_when(lent, program, clock):
    header, said, _ = program().open_borrowed().sign_return().split(".")
    assert json.loads(decoded(header)) == {"alg": "EdDSA"}
    claims = json.loads(decoded(said))
    assert claims == {"sid": next(iter(lent.open())).id, "iat": claims["iat"], "act": "return"}
    assert abs(claims["iat"] - clock.wall()) < 60


def test_signing_a_return_ends_the_seat_of_a_running_program_too(program, told):
    with program().acquire() as seat:
        seat.borrow(days=1).sign_return()
        status = told.until(State.LOST)
        assert isinstance(status.error, BorrowEnded) and status.final
        with pytest.raises(BorrowEnded):
            seat.check()


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.e30", "é", "." * 50])
def test_what_is_no_statement_is_not_handed_in(program, engine, text):
    with pytest.raises(InvalidRequest):
        program().hand_in(text)
    assert engine.requests == []


def test_a_refused_borrow_leaves_the_seat_as_it_was(program, engine, tmp_path):
    with program().acquire() as seat:
        with pytest.raises(InvalidRequest) as refusal:
            seat.borrow(days=8)
        assert refusal.value.details["fields"][0]["field"] == "duration"
        engine.has_borrow = False
        with pytest.raises(BorrowNotOffered):
            seat.borrow(days=1)
        seat.check()
        assert seat.status.state is State.SEATED
        assert not list((tmp_path / "state").glob("borrowed-*"))
        assert len(engine.open()) == 1


def test_a_seat_is_borrowed_once(program):
    with program().acquire() as seat:
        seat.borrow(days=1)
        with pytest.raises(UsherError, match="already"):
            seat.borrow(days=1)


def test_a_borrow_whose_answer_is_lost_is_found_again(engine, tmp_path):
    table = Table(engine, tmp_path)
    sitting, send = table.sit(), table.send

    def lose(call):
        answer = send(call)
        if call.path.endswith("/borrow") and len(table.calls) < 4:
            raise Unavailable("The cable was pulled.")
        return answer

    table.send = lose
    held, key = table.run(borrowing.borrow(sitting, {"duration": "P2D"}))
    assert held.lease.borrowed and held.lease.session_id == engine.open()[0].id
    assert sitting.status.state is State.BORROWED and key


def test_a_seat_that_cannot_be_kept_is_not_borrowed(engine, tmp_path):
    table = Table(engine, None)
    sitting = table.sit()
    with pytest.raises(UsherError, match="state directory"):
        table.run(borrowing.borrow(sitting, {"duration": "P2D"}))
    assert [session.until for session in engine.open()] == [None]


def test_when_the_days_are_over_a_running_program_takes_an_ordinary_seat(engine, tmp_path):
    table = Table(engine, tmp_path)
    sitting = table.sit()
    table.run(borrowing.borrow(sitting, {"duration": "P1D"}))
    assert table.look(sitting, after=DAY - 120) == []
    engine.close("expired")
    assert table.look(sitting, after=300)[0] == "POST acquire"
    assert sitting.status.state is State.SEATED


@pytest.mark.parametrize(
    ("days", "text"), [(3, "P3D"), (1.0, "P1D"), (0.5, "PT43200S"), (1e-9, "PT1S"), (400_000, "P400000D")]
)
def test_days_are_written_as_usher_reads_them(days, text):
    assert borrowing.terms(days, None) == {"duration": text}


def test_an_end_is_a_moment_in_a_time_zone():
    end = datetime(2026, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=2)))
    assert borrowing.terms(None, end) == {"until": "2026-01-02T01:04:05Z"}
    for days, until in ((None, None), (1, end), (None, end.replace(tzinfo=None))):
        with pytest.raises(ValueError):
            borrowing.terms(days, until)
    for days in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            borrowing.terms(days, None)


def test_a_swapped_seat_is_another_machines(program, engine, told):
    seat = program().acquire()
    assert seat.swap("fingerprint-of-bob") == 1
    assert [session.fingerprint for session in engine.open()] == ["fingerprint-of-bob"]
    assert told.states == [State.RELEASED]
    with program(fingerprint="fingerprint-of-bob").acquire() as moved:
        assert moved.number == 1
    with pytest.raises(ValueError):
        seat.swap("short")


def test_a_program_may_leave_when_it_is_told_that_it_borrowed(program, engine):
    seats = []

    def leave(status):
        if status.state is State.BORROWED:
            assert seats[0].release() is True

    seats.append(program(on_change=leave).acquire())
    seats[0].borrow(days=1)
    assert seats[0].status.state is State.RELEASED and len(engine.open()) == 1
