"""What a desktop program knows of its seat and shows of it; no window toolkit is used here.

Usher is asked in threads of their own, and what comes of it waits until the window's thread takes it: a window
stays alive while the network does not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from usher_client import BorrowedSeat, LicenseClient, NothingBorrowed, Seat, State, Status, UsherError

LONGEST_WAIT = 3600.0  # seconds in line
BORROW_DAYS = 3


@dataclass(frozen=True)
class View:
    """What the user sees: a headline, a sentence below it, and which buttons can be pressed."""

    headline: str
    detail: str = ""
    mood: str = "quiet"  # quiet, good, warning, bad
    buttons: frozenset[str] = frozenset()


NO_SEAT = View("No seat", "Press “Take a seat” to begin.", buttons=frozenset({"take"}))
ASKING = View("Asking for a seat…")
LEAVING_LINE = View("Leaving the line…")


def view_of(status: Status) -> View:
    """How a seat shows."""
    seat, reason = f"Seat {status.seat}", status.error.message if status.error else ""
    if status.state is State.SEATED:
        return View(seat, "Everything is fine.", "good", frozenset({"release", "borrow"}))
    if status.state is State.OFFLINE:
        return View(
            seat, f"Offline; you can work until {_time(status.until)}.", "warning", frozenset({"release", "ask"})
        )
    if status.state is State.BORROWED:
        return View(seat, f"Borrowed until {_time(status.until)}.", "good", frozenset({"give back"}))
    if status.state is State.SUSPENDED:
        return View("Licence suspended", reason, "bad", frozenset({"release", "ask"}))
    if status.state is State.LOST:
        return View("No seat", reason, "bad", frozenset({"take"} if status.final else {"release", "ask"}))
    return NO_SEAT


def refused(error: UsherError) -> View:
    """A wish that did not come true."""
    return replace(NO_SEAT, detail=error.message, mood="bad")


def _time(moment: datetime) -> str:
    return moment.astimezone().strftime("%a %H:%M")


class GivenUp(Exception):
    """The user does not want to wait any longer."""


class Desk:
    """One user at one program. What is named like a button returns at once; `view` changes in `take_events`."""

    def __init__(self, make_client: Callable[[Callable[[Status], object]], LicenseClient]) -> None:
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.view = NO_SEAT
        self._client = make_client(lambda _: self._events.put(self._changed))
        self._seat: Seat | None = None
        self._borrowed: BorrowedSeat | None = None
        self._gives_up = threading.Event()
        self._open_borrowed()

    # --- the window's thread ---

    def take_events(self) -> None:
        """To be called a few times a second."""
        while not self._events.empty():
            self._events.get()()
        if self._borrowed is not None and not self._borrowed.remaining:
            self._sit(self._seat)

    def take(self) -> None:
        self._gives_up.clear()
        self._drop()
        self._show(ASKING)
        self._work(self._acquire)

    def give_up(self) -> None:
        self._gives_up.set()
        self._show(LEAVING_LINE)

    def release(self) -> None:
        self._drop()
        self._show(NO_SEAT)

    def ask(self) -> None:
        """The user is sure that the network is back."""
        if self._seat is not None:
            self._seat.renew()

    def borrow(self) -> None:
        if self._seat is not None:
            self._show(replace(self.view, detail="Borrowing…", buttons=frozenset()))
            self._work(self._borrow, self._seat)

    def give_back(self) -> None:
        if self._borrowed is not None:
            self._show(replace(self.view, detail="Giving it back…", buttons=frozenset()))
            self._work(self._give_back, self._borrowed)

    def close(self) -> None:
        """The window is closed: the seat is given back, or lapses by itself when that takes too long."""
        self._gives_up.set()
        if self._seat is not None:
            self._seat.release(timeout=2)

    def _show(self, view: View) -> None:
        self.view = view

    def _changed(self) -> None:
        """The seat stands otherwise. News of a seat that was let go of are no news."""
        if self._seat is not None:
            self._show(view_of(self._seat.status))

    def _sit(self, seat: Seat | None, borrowed: BorrowedSeat | None = None) -> None:
        self._seat, self._borrowed = seat, borrowed
        if seat is not None:
            self._show(view_of(seat.status))
        elif borrowed is not None:
            self._show(view_of(Status(State.BORROWED, borrowed.number, borrowed.until)))
        else:
            self._show(NO_SEAT)

    def _drop(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            self._work(seat.release)

    def _gave_back(self) -> None:
        self._borrowed = None
        self.release()

    def _open_borrowed(self) -> None:
        """At the start: a borrowed seat needs no network."""
        try:
            self._sit(None, self._client.open_borrowed())
        except NothingBorrowed:
            pass
        except UsherError as error:
            self._show(refused(error))

    # --- threads of their own: they change nothing, they put events ---

    def _work(self, task: Callable[..., object], *arguments: object) -> None:
        threading.Thread(target=task, args=arguments, name="desk", daemon=True).start()

    def _later(self, change: Callable[..., None], *arguments: object) -> None:
        self._events.put(partial(change, *arguments))

    def _acquire(self) -> None:
        try:
            seat = self._client.acquire(wait=LONGEST_WAIT, on_place=self._stands_in_line)
        except GivenUp:
            self._later(self._show, NO_SEAT)
        except UsherError as error:
            self._later(self._show, refused(error))
        else:
            if self._gives_up.is_set():
                seat.release()
                self._later(self._show, NO_SEAT)
            else:
                self._later(self._sit, seat)

    def _stands_in_line(self, place: int) -> None:
        if self._gives_up.is_set():
            raise GivenUp
        line = View(f"In line: place {place}", "Every seat is taken.", "warning", frozenset({"give up"}))
        self._later(self._show_line, line)

    def _show_line(self, line: View) -> None:
        if not self._gives_up.is_set():
            self._show(line)

    def _borrow(self, seat: Seat) -> None:
        try:
            borrowed = seat.borrow(days=BORROW_DAYS)
        except UsherError as error:
            self._later(self._show, replace(view_of(seat.status), detail=error.message, mood="warning"))
        else:
            self._later(self._sit, seat, borrowed)

    def _give_back(self, borrowed: BorrowedSeat) -> None:
        try:
            borrowed.give_back()
        except UsherError as error:
            still = view_of(Status(State.BORROWED, borrowed.number, borrowed.until))
            self._later(self._show, replace(still, detail=error.message, mood="warning"))
        else:
            self._later(self._gave_back)
