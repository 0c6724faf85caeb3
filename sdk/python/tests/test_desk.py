"""What the user of the example sees, with no window."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from seat_desk import NO_SEAT, Desk, view_of

from usher_client import LicenseRevoked, LicenseSuspended, OfflineTooLong, SeatReleased, State, Status, Unavailable

END = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("status", "headline", "detail", "mood", "buttons"),
    [
        (Status(State.SEATED, 3, END), "Seat 3", "fine", "good", {"release", "borrow"}),
        (Status(State.OFFLINE, 3, END, Unavailable()), "Seat 3", "you can work until", "warning", {"release", "ask"}),
        (Status(State.BORROWED, 3, END), "Seat 3", "Borrowed until", "good", {"give back"}),
        (Status(State.SUSPENDED, 3, END, LicenseSuspended()), "suspended", "lift it", "bad", {"release", "ask"}),
        (Status(State.LOST, 3, END, OfflineTooLong()), "No seat", "so long", "bad", {"release", "ask"}),
        (Status(State.LOST, 3, END, LicenseRevoked(), True), "No seat", "revoked", "bad", {"take"}),
        (Status(State.RELEASED, 3, END, SeatReleased(), True), "No seat", "Take a seat", "quiet", {"take"}),
    ],
)
def test_each_state_shows(status, headline, detail, mood, buttons):
    view = view_of(status)
    assert headline in view.headline and detail in view.detail
    assert (view.mood, view.buttons) == (mood, buttons)


@pytest.fixture
def desk(program):
    made = []

    def make(**options) -> Desk:
        made.append(Desk(lambda on_change: program(on_change=on_change, **options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def sees(desk: Desk, headline: str, detail: str = "") -> None:
    deadline = time.monotonic() + 10
    while not (headline in desk.view.headline and detail in desk.view.detail):
        assert time.monotonic() < deadline, desk.view
        desk.take_events()
        time.sleep(0.01)


def test_a_day_at_the_desk(desk, engine, office):
    mine = desk()
    assert mine.view == NO_SEAT
    mine.take()
    assert mine.view.headline == "Asking for a seat…"
    sees(mine, "Seat 1", "fine")
    office.close()
    mine.ask()
    sees(mine, "Seat 1", "Offline; you can work until")
    office.open()
    mine.ask()
    sees(mine, "Seat 1", "fine")
    engine.status = "suspended"
    engine.close("suspended")
    mine.ask()
    sees(mine, "Licence suspended")
    engine.status = "active"
    mine.ask()
    sees(mine, "Seat 1", "fine")
    mine.release()
    assert mine.view == NO_SEAT
    engine.wait_for("DELETE", "sessions")


def test_a_refusal_is_shown_and_the_user_may_try_again(desk, engine):
    mine, engine.status = desk(), "expired"
    mine.take()
    sees(mine, "No seat", "license_expired")
    engine.status = "active"
    mine.take()
    sees(mine, "Seat 1")
    engine.close("revoked")
    mine.ask()
    sees(mine, "No seat", "revoked")
    assert mine.view.buttons == {"take"}


def test_waiting_in_line_and_giving_up(desk, engine):
    engine.limit, engine.has_queue = 1, True
    bob = engine.seat("fingerprint-of-bob", 1)
    mine, engine.poll_within = desk(), 2
    mine.take()
    sees(mine, "In line: place 1")
    mine.give_up()
    assert mine.view.headline == "Leaving the line…"
    sees(mine, "No seat")
    assert engine.waiting() == []
    mine.take()
    sees(mine, "In line: place 1")
    bob.closed = "released"
    sees(mine, "Seat 1")


def test_a_seat_for_the_train(desk, engine, office):
    mine = desk()
    mine.take()
    sees(mine, "Seat 1")
    engine.has_borrow = False
    mine.borrow()
    sees(mine, "Seat 1", "borrow_not_offered")
    engine.has_borrow = True
    mine.borrow()
    sees(mine, "Seat 1", "Borrowed until")
    mine.close()
    office.close()
    on_the_train = desk()
    sees(on_the_train, "Seat 1", "Borrowed until")
    on_the_train.give_back()
    sees(on_the_train, "Seat 1", "cannot be reached")
    assert on_the_train.view.buttons == {"give back"}
    office.open()
    on_the_train.give_back()
    sees(on_the_train, "No seat")
    assert engine.open() == []


def test_the_days_end_while_the_window_is_open(desk, engine, clock):
    mine = desk()
    mine.take()
    sees(mine, "Seat 1")
    mine.borrow()
    sees(mine, "Seat 1", "Borrowed until")
    mine.close()
    on_the_train = desk()
    clock.sleep(4 * 86_400)
    sees(on_the_train, "No seat")
    engine.close("expired")
    assert "over" in desk().view.detail
