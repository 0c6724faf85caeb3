"""When a seat asks, how it stands, and until when; with time in the hand of the test."""

from __future__ import annotations

import pytest
from table import Table

from usher_client import OfflineTooLong, SeatReleased, State, Unavailable
from usher_client.flow import Answer

LEASE, GRACE = 360, 1800


@pytest.fixture
def table(engine, tmp_path) -> Table:
    return Table(engine, tmp_path)


def test_heartbeats_come_at_the_interval_that_usher_names(table):
    sitting = table.sit()
    assert table.look(sitting, after=290) == []
    assert table.look(sitting, after=10) == ["PATCH heartbeat"]
    table.engine.interval = 60
    assert table.look(sitting, after=300) == ["PATCH heartbeat"]
    assert table.look(sitting, after=60) == ["PATCH heartbeat"]


def test_a_thousand_programs_do_not_beat_as_one(table):
    sitting = table.sit()
    spread = {}
    for share in (0.85, 1.0):
        table.clock.between = lambda low, high, share=share: share
        sitting.seated(sitting.held)
        spread[share] = sitting._due - table.clock.steady()
    assert spread == {0.85: 255.0, 1.0: 300.0}


def test_an_interval_longer_than_the_lease_is_not_waited_for(table):
    table.engine.interval = 86_400
    assert table.look(table.sit(), after=325) == ["PATCH heartbeat"]


@pytest.mark.parametrize("interval", [0, -5, 1e300, True, None, "300"])
def test_an_interval_that_makes_no_sense_makes_no_flood(table, interval):
    table.engine.interval = interval
    try:
        sitting = table.sit()
    except Unavailable:
        assert isinstance(interval, (bool, str)) or interval is None or interval > 1e12
    else:
        assert table.look(sitting, after=0.9) == []


def test_the_wait_grows_with_each_fault_to_the_interval_and_no_further(table):
    sitting = table.sit()
    table.answering = False
    table.look(sitting, after=300)
    asked = []
    for second in range(5, 2500, 5):
        if table.look(sitting, after=5):
            asked.append(second)
    gaps = [after - before for before, after in zip(asked, asked[1:])]
    assert gaps == sorted(gaps) and gaps[0] <= 5 and gaps[-1] in (300, 305)


def test_a_seat_goes_offline_and_is_lost_when_the_grace_is_over_and_comes_back(table):
    sitting = table.sit()
    ends = sitting.status.until
    table.answering = False
    table.look(sitting, after=330)
    status = table.statuses[-1]
    assert (status.state, status.works, type(status.error), status.until) == (State.OFFLINE, True, Unavailable, ends)
    sitting.check()
    table.look(sitting, after=LEASE + GRACE - 330 - 5)
    sitting.check()
    table.look(sitting, after=400)
    status = table.statuses[-1]
    assert (status.state, type(status.error), status.final) == (State.LOST, OfflineTooLong, False)
    with pytest.raises(OfflineTooLong):
        sitting.check()
    table.answering = True
    table.look(sitting, after=300)
    assert table.statuses[-1].state is State.SEATED
    assert [each.state for each in table.statuses] == [State.OFFLINE, State.LOST, State.SEATED]


def test_one_lost_heartbeat_is_not_worth_a_warning(table):
    sitting = table.sit()
    table.answering = False
    table.look(sitting, after=300)
    table.answering = True
    table.look(sitting, after=10)
    assert table.statuses == [] and sitting.status.state is State.SEATED


def test_retry_after_is_honoured(table):
    sitting = table.sit()
    table.send = lambda call: table.calls.append(call) or Answer(503, {"retry-after": "200"}, b"")
    assert len(table.look(sitting, after=300)) == 1
    assert table.look(sitting, after=195) == []
    assert len(table.look(sitting, after=15)) == 1


def test_being_asked_to_slow_down_is_not_being_offline(table):
    sitting = table.sit()
    limited = b'{"error": {"code": "rate_limited"}}'
    table.send = lambda call: table.calls.append(call) or Answer(429, {"retry-after": "5"}, limited)
    table.look(sitting, after=350)
    assert sitting.status.state is State.SEATED and len(table.calls) > 5


def test_sleep_is_noticed_and_answered_with_a_heartbeat(table):
    sitting = table.sit()
    table.clock.passes(100)
    assert table.look(sitting) == ["PATCH heartbeat"]


@pytest.mark.parametrize("by", [-40_000, 40_000])
def test_a_clock_that_is_set_is_noticed_and_changes_nothing(table, by):
    sitting = table.sit()
    left = sitting.status.until.timestamp() - table.clock.wall()
    table.engine.now = lambda: table.clock.wall() - by  # Usher's own clock was not set
    table.clock.is_set(by)
    assert table.look(sitting)[0] == "PATCH heartbeat"
    assert sitting.status.until.timestamp() - table.clock.wall() == pytest.approx(left)
    assert table.look(sitting, after=290) == []


def test_setting_the_clock_back_does_not_lengthen_the_grace(table):
    sitting = table.sit()
    table.answering = False
    for _ in range(50):
        table.look(sitting, after=60)
        table.clock.is_set(-60)
    with pytest.raises(OfflineTooLong):
        sitting.check()


def test_a_slow_answer_is_not_taken_for_sleep(table):
    sitting = table.sit()
    table.before_call = lambda call: table.clock.passes(60)
    assert table.look(sitting, after=300) == ["PATCH heartbeat"]
    assert table.look(sitting, after=200) == []


def test_a_program_that_wakes_after_its_grace_may_ask_before_it_has_to_stop(table):
    sitting = table.sit()
    table.clock.passes(LEASE + GRACE + 3600)
    sitting.check()
    assert table.look(sitting) == ["PATCH heartbeat"]
    sitting.check()


def test_a_seat_that_nobody_keeps_is_lost_all_the_same(table):
    """A forked child has no heartbeats: it may not work for ever."""
    sitting = table.sit()
    table.clock.passes(LEASE + GRACE)
    sitting.check()
    table.clock.passes(29)
    sitting.check()
    table.clock.passes(1)
    with pytest.raises(OfflineTooLong):
        sitting.check()


def test_checking_for_years_does_not_fill_the_memory(table):
    sitting = table.sit()
    sitting.ask_to_leave()
    table.run(sitting.leave(1))
    sitting.end(OfflineTooLong())
    sitting._left = False
    for _ in range(3):
        with pytest.raises(OfflineTooLong) as lost:
            sitting.check()
        trace, depth = lost.value.__traceback__, 0
        while trace:
            trace, depth = trace.tb_next, depth + 1
        assert depth == 2


def test_a_seat_that_was_released_is_not_asked_for_again(table):
    sitting = table.sit()
    sitting.ask_to_leave()
    assert table.run(sitting.leave(1)) is True
    assert table.look(sitting, after=400) == []
    with pytest.raises(SeatReleased):
        sitting.check()


def test_a_seat_that_moves_to_another_machine_is_gone_here(table):
    sitting = table.sit()
    assert table.run(sitting.swap({"fingerprint": "the-other-machine"})) == 1
    assert sitting.over and [each.fingerprint for each in table.engine.open()] == ["the-other-machine"]
    assert table.run(sitting.leave(1)) is True
    assert table.calls[-1].path.endswith("/swap")
