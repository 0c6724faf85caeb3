"""Chores are kept from their turn by nothing but their own pace."""

from __future__ import annotations

from structlog.testing import capture_logs

from domain.errors import Unavailable
from workers.timetable import Chore, Timetable


def never() -> bool:
    return False


def test_a_chore_that_fails_keeps_no_other_from_its_turn():
    done = []

    def fail() -> None:
        done.append("fail")
        raise ValueError("broken")

    timetable = Timetable([Chore(0, fail), Chore(0, lambda: done.append("other"))])
    timetable.do_what_is_due(never)
    timetable.do_what_is_due(never)
    assert done == ["fail", "other", "fail", "other"]


def test_a_chore_is_not_done_before_its_time():
    done = []
    timetable = Timetable([Chore(3600, lambda: done.append("hourly")), Chore(0, lambda: done.append("always"))])
    for _ in range(3):
        timetable.do_what_is_due(never)
    assert done == ["hourly", "always", "always", "always"]


def test_no_chore_is_begun_when_it_is_over():
    done = []
    Timetable([Chore(0, lambda: done.append("chore"))]).do_what_is_due(lambda: True)
    assert done == []


def test_that_something_is_away_is_said_once_until_it_is_back():
    away = [True, True, False, True]

    def ask() -> None:
        if away.pop(0):
            raise Unavailable()

    timetable = Timetable([Chore(0, ask)])
    with capture_logs() as said:
        for _ in range(4):
            timetable.do_what_is_due(never)
    assert [line["event"] for line in said] == ["chore.put_off", "chore.put_off"]
