"""Waiting in line for a seat, and leaving the line."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from office import Fault
from table import Table

from usher_client import LicenseSuspended, QueueFull, SeatsExhausted, State, WaitedInVain
from usher_client.flow import Answer

OTHER = "fingerprint-of-bob"


@pytest.fixture
def full(engine):
    """Somebody else has the only seat."""
    engine.limit, engine.has_queue = 1, True
    return engine.seat(OTHER, 1)


def said(table) -> list[str]:
    return [f"{call.method} {call.path.rsplit('/', 1)[-1].partition('?')[0][:8]}" for call in table.calls]


def test_a_program_waits_is_told_its_place_and_sits_down(program, engine, office, full):
    engine._queue({"license_key": "CODI-7K2QX-M9D4R-00FZT-8WHVC-N3PJ5", "fingerprint": "fingerprint-of-eve"})
    places, seats = [], []
    waiting = threading.Thread(
        target=lambda: seats.append(program().acquire(wait=timedelta(minutes=1), on_place=places.append))
    )
    waiting.start()
    engine.wait_for("GET", "queue")
    with engine.changed:
        engine.waiting()[0].closed = "left"
        engine.changed.notify_all()
    engine.wait_for("GET", "queue", times=2)
    with engine.changed:
        full.closed = "released"
        engine.changed.notify_all()
    waiting.join(10)
    assert places[0] == 2 and places[-1] == 1 and places == sorted(places, reverse=True)
    assert seats[0].number == 1 and engine.tickets[-1].closed == "collected"
    seats[0].release()


def test_who_does_not_want_to_wait_is_refused_at_once(program, engine, full):
    with pytest.raises(SeatsExhausted) as refusal:
        program().acquire()
    assert refusal.value.has_queue and engine.tickets == []


def test_where_there_is_no_queue_nobody_waits(engine, full, tmp_path):
    engine.has_queue = False
    table = Table(engine, tmp_path)
    with pytest.raises(SeatsExhausted):
        table.sit(wait=60)
    assert said(table) == ["POST acquire"] and table.pauses == []


def test_the_ticket_is_left_when_the_time_is_over(engine, full, tmp_path):
    table = Table(engine, tmp_path)
    engine.changed.wait_for = lambda holds, seconds: table.clock.passes(seconds)  # the long poll takes its time
    with pytest.raises(WaitedInVain) as refusal:
        table.sit(wait=60)
    assert (refusal.value.limit, engine.tickets[0].closed) == (1, "left")
    assert said(table) == ["POST acquire", "POST queue", *["GET " + engine.tickets[0].id[:8]] * 3, said(table)[-1]]


def test_the_ticket_is_asked_for_before_it_lapses(engine, full, tmp_path):
    table, engine.poll_within = Table(engine, tmp_path), 8
    engine.changed.wait_for = lambda holds, seconds: table.clock.passes(seconds)
    with pytest.raises(WaitedInVain):
        table.sit(wait=20)
    assert {call.path.partition("wait=")[2] for call in table.calls if call.method == "GET"} == {"4"}


class GivenUp(Exception):
    pass


@pytest.mark.parametrize("how", [GivenUp, KeyboardInterrupt])
def test_whoever_gives_up_leaves_the_line(engine, full, tmp_path, how):
    table = Table(engine, tmp_path)

    def interrupt(call):
        if call.method == "GET":
            raise how

    table.before_call = interrupt
    with pytest.raises(how):
        table.sit(wait=60)
    assert engine.tickets[0].closed == "left" and said(table)[-1].startswith("DELETE")


def test_a_callback_that_raises_leaves_the_line(program, engine, full):
    def give_up(place):
        raise GivenUp

    with pytest.raises(GivenUp):
        program().acquire(wait=60, on_place=give_up)
    assert engine.tickets[0].closed == "left"


def test_leaving_an_usher_that_is_away_does_not_hide_why(engine, full, tmp_path):
    table = Table(engine, tmp_path)

    def interrupt(call):
        table.answering = table.answering and call.method != "GET"
        if call.method == "GET":
            raise GivenUp

    table.before_call = interrupt
    with pytest.raises(GivenUp):
        table.sit(wait=60)
    assert engine.tickets[0].closed is None  # it lapses by itself


def test_a_ticket_that_lapsed_is_replaced_by_a_new_one(engine, full, tmp_path):
    table = Table(engine, tmp_path)

    def lapse(call):
        if "wait=" in call.path and len(engine.tickets) == 1:
            engine.tickets[0].closed = "lapsed"
        elif "wait=" in call.path:
            full.closed = "released"

    table.before_call = lapse
    assert table.sit(wait=60).status.state is State.SEATED
    assert [ticket.closed for ticket in engine.tickets] == ["lapsed", "collected"]


def test_a_ticket_that_a_second_program_of_this_machine_collected_is_a_seat(engine, full, tmp_path):
    table = Table(engine, tmp_path)

    def collect(call):
        if call.method == "GET" and "queue" in call.path:
            full.closed = "released"
            engine.seat("fingerprint-of-ada", 1)
            engine.tickets[0].closed = "collected"

    table.before_call = collect
    assert table.sit(wait=60).held.lease.seat == 1


def test_faults_on_the_way_are_waited_out(program, engine, office, full):
    office.faults += [Fault(on="queue"), Fault(on="wait="), Fault(on="wait=", status=503)]
    engine.poll_within = 2

    def leave(place):
        full.closed = None if office.faults else "released"

    with program().acquire(wait=60, on_place=leave):
        assert office.faults == []


def test_a_line_that_is_too_long_is_said_so(engine, full, tmp_path):
    table = Table(engine, tmp_path)
    send = table.send
    table.send = lambda call: (
        Answer(429, {}, b'{"error": {"code": "queue_full"}}') if call.path.endswith("queue") else send(call)
    )
    with pytest.raises(QueueFull):
        table.sit(wait=60)


def test_a_licence_that_is_suspended_while_one_waits_ends_the_wait(engine, full, tmp_path):
    table = Table(engine, tmp_path)

    def suspend(call):
        if call.method == "GET" and "queue" in call.path:
            full.closed, engine.status = "suspended", "suspended"

    table.before_call = suspend
    with pytest.raises(LicenseSuspended):
        table.sit(wait=60)
    assert engine.tickets[0].closed == "left"


def test_a_seat_that_is_taken_away_again_at_the_last_moment_is_waited_for(engine, full, tmp_path):
    table, collecting = Table(engine, tmp_path), []

    def steal(call):
        if "wait=" in call.path:
            full.closed = "released"
        elif call.path.endswith("acquire") and engine.tickets:
            collecting.append(call)
            full.closed = None if len(collecting) == 1 else "released"

    table.before_call = steal
    assert table.sit(wait=60).status.state is State.SEATED
    assert len(collecting) == 2 and table.pauses != []


def test_a_wait_without_end_is_a_wait(engine, full, tmp_path):
    table = Table(engine, tmp_path)
    table.before_call = lambda call: setattr(full, "closed", "released") if "wait=" in call.path else None
    assert table.sit(wait=float("inf")).status.state is State.SEATED
