"""A seat, as the program that sits on it sees it."""

from __future__ import annotations

import pytest
from office import Fault
from stand_in import KEY

from usher_client import (
    LicenseKeyInvalid,
    LicenseSuspended,
    SeatReleased,
    SeatsExhausted,
    State,
    Unavailable,
    UsherError,
)


def test_a_program_sits_works_and_leaves(program, engine):
    with program().acquire() as seat:
        seat.check()
        assert (seat.number, seat.status.state, seat.features["projects"]) == (1, State.SEATED, 10)
        assert (seat.seats, seat.overage, len(engine.open())) == ((3, 1), False, 1)
    assert engine.open() == []
    with pytest.raises(SeatReleased):
        seat.check()
    assert seat.status.state is State.RELEASED


def test_only_what_was_said_of_the_program_is_sent(program, engine):
    with program(user="ada", app_version="4.2", platform=None).acquire():
        assert engine.bodies[0] == {
            "license_key": KEY,
            "fingerprint": "fingerprint-of-ada",
            "user": "ada",
            "app_version": "4.2",
        }


def test_a_heartbeat_brings_a_new_lease_which_the_next_one_shows(program, engine):
    with program().acquire() as seat:
        engine.ahead = 100
        seat.renew()
        engine.wait_for("PATCH", "heartbeat")
        engine.ahead = 200
        seat.renew()
        engine.wait_for("PATCH", "heartbeat", times=2)
    leases = [each for each in engine.credentials if each.startswith("Lease ")]
    assert len(set(leases)) == len(leases) == 3  # two heartbeats and the release


def test_releasing_twice_is_harmless(program, engine):
    seat = program().acquire()
    assert seat.release() is True
    assert seat.release() is True
    assert engine.seen("DELETE", "sessions") == 1


def test_the_seat_is_given_back_when_the_program_fails(program, engine):
    with pytest.raises(ZeroDivisionError), program().acquire():
        _ = 1 / 0
    assert engine.open() == []


def test_a_release_that_fails_does_not_hide_why_the_program_failed(program, engine, office):
    with pytest.raises(ZeroDivisionError), program().acquire() as seat:
        office.close()
        _ = 1 / 0
    assert seat.release() is False


def test_a_release_whose_answer_is_lost_has_still_given_the_seat_back(program, engine, office):
    office.faults.append(Fault(on="sessions", late=True))
    program().acquire().release()
    assert engine.open() == []


def test_a_full_licence_says_how_full_it_is(program, engine):
    engine.limit = 0
    with pytest.raises(SeatsExhausted) as refusal:
        program().acquire()
    error = refusal.value
    assert (error.limit, error.used, error.axis, error.has_queue) == (0, 0, "license", False)
    assert (error.retry_after, error.request_id) == (30, "r-1")


def test_a_key_that_nobody_knows_is_refused(program):
    with pytest.raises(LicenseKeyInvalid):
        program(license_key="CODI-00000").acquire()


def test_a_suspended_licence_seats_nobody(program, engine):
    engine.status = "suspended"
    with pytest.raises(LicenseSuspended):
        program().acquire()


def test_a_refusal_that_this_version_does_not_know_is_an_usher_error(program, office):
    office.faults.append(Fault(status=409, body=b'{"error": {"code": "moon_is_full", "message": "Wait."}}'))
    with pytest.raises(UsherError) as refusal:
        program().acquire()
    assert (type(refusal.value), refusal.value.code, str(refusal.value)) == (UsherError, "moon_is_full", "Wait.")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="acquire"),
        Fault(on="acquire", late=True),
        Fault(on="acquire", status=503, headers={"Retry-After": "0"}),
        Fault(on="acquire", status=500, body=b'{"error": {"code": "internal_error"}}'),
        Fault(on="acquire", status=200, body=b"<html>Please log in to this hotel</html>"),
        Fault(on="acquire", status=302, headers={"Location": "http://hotel.example/"}),
        Fault(on="acquire", status=200, body=b'{"seat": true}'),
        Fault(on="acquire", status=429, headers={"Retry-After": "0"}, body=b'{"error": {"code": "rate_limited"}}'),
        Fault(on="keys"),
        Fault(on="keys", status=200, body=b'{"keys": 7}'),
    ],
    ids=repr,
)
def test_a_passing_fault_is_not_seen(program, engine, office, fault):
    office.faults.append(fault)
    with program().acquire():
        assert len(engine.open()) == 1
    assert office.faults == []


def test_an_usher_that_is_away_is_said_to_be_away(program, office):
    office.close()
    with pytest.raises(Unavailable):
        program().acquire()


def test_nobody_waits_longer_than_it_has_patience_for(program, office):
    for _ in range(5):
        office.faults.append(Fault(on="acquire", status=503, headers={"Retry-After": "3000"}))
    with pytest.raises(Unavailable) as refusal:
        program().acquire()
    assert (refusal.value.retry_after, len(office.faults)) == (3000, 4)


def test_two_seats_of_one_machine_are_one_seat(program, engine):
    with program().acquire() as one:
        with program().acquire() as other:
            assert one.session_id == other.session_id
        one.renew()  # its session was released by the other: it takes another
        engine.wait_for("POST", "acquire", times=3)
    assert engine.open() == []


def test_a_key_is_good_or_not_without_a_seat(program, engine):
    assert program().validate()._replace(license=None) == (True, "VALID", None)
    assert program(license_key="CODI-00000").validate().code == "NOT_FOUND"
    engine.status = "expired"
    assert (program().validate().valid, program().validate().code) == (False, "EXPIRED")
    assert engine.sessions == {}


def test_what_cannot_be_right_is_said_before_anything_is_sent(program, engine, office, options):
    for wrong in ({"license_key": " "}, {"product": ""}, {"fingerprint": "short"}, {"timeout": 0}):
        with pytest.raises(ValueError):
            program(**wrong)
    with pytest.raises(ValueError):
        type(program())("ftp://usher.example", KEY, **options)
    with pytest.raises(ValueError):
        program().acquire(wait=-1)
    with pytest.raises(ValueError):
        program().acquire(wait=float("nan"))
    assert engine.requests == []
