"""A seat in the background: what ends it, what brings it back, and that nothing of it can break the program."""

from __future__ import annotations

import logging
import threading

import pytest
from office import Fault

from usher_client import (
    LicenseExpired,
    LicenseKeyInvalid,
    LicenseRevoked,
    LicenseSuspended,
    SeatEvicted,
    SeatResized,
    SeatsExhausted,
    State,
)

NIGHT = 8 * 3600


@pytest.mark.parametrize("reason", ["expired", "released", "swapped", "some reason of a later version"])
def test_a_session_that_ended_is_taken_again_and_nobody_sees_it(program, engine, told, reason):
    with program().acquire() as seat:
        first = seat.session_id
        engine.close(reason)
        seat.renew()
        engine.wait_for("POST", "acquire", times=2)
        seat.check()
    assert told.states == [State.RELEASED] and engine.open() == []
    assert seat.session_id != first


def test_a_lease_that_usher_does_not_take_any_more_is_replaced(program, engine, told):
    with program().acquire() as seat:
        engine.sessions.clear()
        seat.renew()
        engine.wait_for("POST", "acquire", times=2)
        seat.check()
    assert told.states == [State.RELEASED]


@pytest.mark.parametrize(
    ("reason", "error"), [("revoked", LicenseRevoked), ("evicted", SeatEvicted), ("resized", SeatResized)]
)
def test_some_ends_are_for_good(program, engine, told, reason, error):
    with program().acquire() as seat:
        engine.close(reason)
        seat.renew()
        status = told.until(State.LOST)
        assert (type(status.error), status.final, status.works) == (error, True, False)
        with pytest.raises(error):
            seat.check()
    assert engine.seen("POST", "acquire") == 1


def test_a_suspended_licence_stops_the_program_until_it_is_reinstated(program, engine, told):
    with program().acquire() as seat:
        engine.status = "suspended"
        engine.close("suspended")
        seat.renew()
        status = told.until(State.SUSPENDED)
        assert not status.final and not status.works
        with pytest.raises(LicenseSuspended):
            seat.check()
        engine.wait_for("POST", "acquire", times=3)  # it keeps asking
        engine.status = "active"
        seat.renew()
        told.until(State.SEATED)
        seat.check()


@pytest.mark.parametrize("error", [LicenseExpired, SeatsExhausted])
def test_a_program_that_lost_its_seat_gets_it_back_when_there_is_one(program, engine, told, error):
    with program().acquire() as seat:
        engine.close("expired")
        engine.limit, engine.status = (0, "active") if error is SeatsExhausted else (3, "expired")
        seat.renew()
        status = told.until(State.LOST)
        assert (type(status.error), status.final) == (error, False)
        with pytest.raises(error):
            seat.check()
        engine.limit, engine.status = 3, "active"
        seat.renew()
        told.until(State.SEATED)
        seat.check()


def test_a_key_that_was_replaced_ends_the_seat_for_good(program, engine, told, office):
    with program().acquire() as seat:
        engine.close("expired")
        office.faults.append(Fault(on="acquire", status=401, body=b'{"error": {"code": "license_key_invalid"}}'))
        seat.renew()
        assert told.until(State.LOST).final
        with pytest.raises(LicenseKeyInvalid):
            seat.check()


def test_a_machine_that_slept_for_a_night_asks_at_once_and_works_on(program, engine, told, clock):
    with program().acquire() as seat:
        engine.close("expired")
        engine.ahead = NIGHT
        clock.sleep(NIGHT)
        seat.check()  # before the first heartbeat: it may well have its seat
        seat._wake.set()  # in place of the five seconds until it looks at its clocks
        engine.wait_for("POST", "acquire", times=2)
        seat.check()
    assert set(told.states) <= {State.RELEASED}


@pytest.mark.parametrize("jump", [-3 * 86_400, 3 * 86_400])
def test_a_clock_that_is_set_costs_no_seat(program, engine, told, clock, jump):
    with program().acquire() as seat:
        clock.set(jump)
        seat._wake.set()
        engine.wait_for("PATCH", "heartbeat")
        seat.check()
        assert seat.status.state is State.SEATED
    assert told.states == [State.RELEASED] and engine.seen("POST", "acquire") == 1


def test_a_callback_that_raises_is_contained(program, engine, caplog):
    def stop(status):
        raise RuntimeError("the window is closed")

    with program(on_change=stop).acquire() as seat:
        engine.status = "suspended"
        engine.close("suspended")
        seat.renew()
        engine.wait_for("POST", "acquire", times=2)
        engine.status = "active"
        seat.renew()
        engine.wait_for("POST", "acquire", times=3)
    assert engine.open() == []
    assert "on_change raised" in caplog.text


def test_a_callback_that_exits_does_not_end_the_heartbeats(program, engine, caplog):
    def leave(status):
        if status.state is State.SUSPENDED:
            raise SystemExit

    with program(on_change=leave).acquire() as seat:
        engine.close("suspended")
        seat.renew()
        engine.wait_for("POST", "acquire", times=2)
        seat.renew()
        engine.wait_for("PATCH", "heartbeat")
        assert seat._thread.is_alive()


def test_a_seat_may_be_released_from_its_own_callback(program, engine):
    gone = threading.Event()

    def leave(status):
        if status.state is State.SUSPENDED:
            engine.status = "active"
            seat.release()
            gone.set()

    seat = program(on_change=leave).acquire()
    engine.close("suspended")
    engine.status = "suspended"
    seat.renew()
    assert gone.wait(10)
    seat._thread.join(10)
    assert engine.open() == [] and seat.status.state is State.RELEASED


def test_a_bug_of_ours_breaks_nothing_but_is_in_the_log(program, engine, caplog, monkeypatch):
    with program().acquire() as seat:
        monkeypatch.setattr("usher_client.calls.read_renewed", lambda *_: {}["a bug"])
        seat.renew()
        engine.wait_for("PATCH", "heartbeat", times=2)
        monkeypatch.undo()
        so_far = engine.seen("PATCH", "heartbeat")
        seat.renew()
        engine.wait_for("PATCH", "heartbeat", times=so_far + 1)
        seat.check()
    assert "a heartbeat failed in this client" in caplog.text and caplog.records[0].levelno >= logging.WARNING


def test_a_program_that_leaves_while_it_is_seated_again_leaves_no_seat_behind(program, engine, office):
    seat = program(timeout=20).acquire()
    engine.close("expired")
    office.flowing.clear()
    seat.renew()
    engine.wait_for("PATCH", "heartbeat")
    assert seat.release(timeout=0.05) is False  # the heartbeat is under way
    office.flowing.set()
    seat._thread.join(10)
    assert not seat._thread.is_alive()
    assert engine.open() == []
