"""The client for programs with threads: `with LicenseClient(...).acquire() as seat:`."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from usher_client import borrowing
from usher_client.acquiring import acquire, seconds
from usher_client.calls import Validation
from usher_client.errors import UsherError
from usher_client.flow import Flow, run
from usher_client.program import Program, SeatFacts, other_machine
from usher_client.sitting import Sitting
from usher_client.wire import Address, Wire

T = TypeVar("T")
log = logging.getLogger("usher_client")

_PATIENCE = 5.0  # seconds for giving a seat back
_AT_EXIT = 2.0  # ... when the program ends


def _run(address: Address, flow: Flow[T]) -> T:
    with Wire(address) as wire:
        return run(flow, wire.send, time.sleep)


class LicenseClient(Program):
    __doc__ = Program.__doc__

    def acquire(self, *, wait: float | timedelta = 0, on_place: Callable[[int], object] | None = None) -> Seat:
        """A seat for this machine, renewed in the background until it is released.

        While every seat is taken and the plan has a queue, it waits up to `wait` (seconds) in line; `on_place` is told
        the place (from 1) after each answer, and what it raises leaves the queue, as does Ctrl-C.

        Without Usher it is the seat of the last run, as long as its lease and grace last. Raises `SeatsExhausted`
        (`WaitedInVain`), a `LicenseRefused`, `LicenseKeyInvalid`, `RateLimited`, `Unavailable`, `LeaseUntrusted`.
        """
        flow = acquire(self._talk, wait=seconds(wait), on_place=on_place, on_change=self._on_change)
        return Seat(self._address, self._run(flow))

    def validate(self) -> Validation:
        """Whether the key is good, without taking a seat. Raises `Unavailable`, `RateLimited`."""
        return self._run(self._talk.validate())

    def read_license_file(self, file: bytes | str | os.PathLike[str]) -> dict[str, Any]:
        """The licence that a file (its content as bytes, or its path) proves. Asks Usher for keys it has not yet.

        Raises `LicenseFileInvalid`, `LicenseExpired`, `LicenseSuspended`, `LicenseRevoked`, `Unavailable`, `OSError`.
        """
        return self._run(self._talk.read_file(file if isinstance(file, bytes) else Path(file).read_bytes()))

    def open_borrowed(self) -> BorrowedSeat:
        """The seat that this machine has borrowed; no network. Raises `NothingBorrowed`, `BorrowEnded`,
        `LeaseUntrusted`."""
        return BorrowedSeat(self._address, self._talk, *borrowing.opened(self._talk))

    def hand_in(self, statement: str) -> None:
        """Gives back the borrowed seat of another machine, by the statement that it signed."""
        self._run(self._talk.hand_in(statement.strip()))

    def _run(self, flow: Flow[T]) -> T:
        return _run(self._address, flow)


class Seat(SeatFacts):
    """A seat, and the thread that keeps it. No heartbeat can break the program: what goes wrong is in `status`."""

    def __init__(self, address: Address, sitting: Sitting) -> None:
        self._address, self._sitting = address, sitting
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="usher-seat", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads: a seat that nobody renews is of no use
            sitting.ask_to_leave()
            _run(address, sitting.leave(_AT_EXIT))
            raise
        _held.add(self)

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()

    def renew(self) -> None:
        """Asks Usher at once, in the background: the network is back, or the user pressed "try again"."""
        self._sitting.ask_now()
        self._wake.set()

    def release(self, timeout: float = _PATIENCE) -> bool:
        """Gives the seat back and ends the thread. Whether Usher was told: a seat that could not be given back lapses
        by itself. Never raises for the network's sake; a second time it does nothing.

        In a child process that was forked it does nothing: the seat is its parent's.
        """
        if os.getpid() != self._process:
            return False
        self._sitting.ask_to_leave()
        self._sitting.tell()
        self._wake.set()
        if threading.current_thread() is self._thread:  # from on_change: the thread gives it back when that returns
            return False
        told = self._leave(timeout)
        self._thread.join(timeout)
        _held.discard(self)
        return told

    def borrow(self, days: float | None = None, *, until: datetime | None = None) -> BorrowedSeat:
        """Keeps the seat for days without a network, on this machine's disk; this program works on with it.

        Raises `BorrowNotOffered`, `BorrowExhausted`, `InvalidRequest` (longer than the plan or the licence allows),
        `Unavailable`; the seat is as it was then.
        """
        how_long = borrowing.terms(days, until)
        held, key = self._with_turn(lambda: borrowing.borrow(self._sitting, how_long))
        self._sitting.tell()
        return BorrowedSeat(self._address, self._sitting.talk, held, key, self._sitting)

    def swap(
        self,
        fingerprint: str,
        *,
        hostname: str | None = None,
        platform: str | None = None,
        app_version: str | None = None,
    ) -> int:
        """Moves the seat to another machine, which gets it by its next `acquire`; answers the seat's number. Nobody
        else can take it in between. This program has no seat afterwards."""
        machine = other_machine(fingerprint, hostname=hostname, platform=platform, app_version=app_version)
        seat = self._with_turn(lambda: self._sitting.swap(machine))
        self.release()
        return seat

    def _with_turn(self, flow: Callable[[], Flow[T]]) -> T:
        """Nothing is said to Usher in the meantime: a heartbeat would meet a session that was just moved on."""
        if os.getpid() != self._process:
            raise UsherError("A forked child has no seat of its own: acquire one.")
        with self._turn:
            return _run(self._address, flow())

    def _keep(self) -> None:
        while not self._sitting.over:
            self._wake.wait(self._sitting.pause())
            self._wake.clear()
            try:
                with self._turn:
                    _run(self._address, self._sitting.turn())
                self._sitting.tell()
            except BaseException:  # of on_change too: sys.exit() there must not end the heartbeats
                log.exception("a heartbeat failed in this client; it is tried again")
        self._leave(_PATIENCE)

    def _leave(self, patience: float) -> bool:
        """By whoever is first. When the thread is in a call that takes longer, it does so itself afterwards."""
        if not self._turn.acquire(timeout=patience):
            return False
        try:
            return _run(self._address, self._sitting.leave(patience))
        except Exception:
            log.exception("the seat could not be given back, it lapses by itself")
            return False
        finally:
            self._turn.release()


class BorrowedSeat(borrowing.Borrowed):
    """A seat held offline. `with client.open_borrowed() as seat:` reads as with an ordinary one, and keeps it."""

    def __init__(self, address: Address, *facts: Any) -> None:
        super().__init__(*facts)
        self._address = address

    def __enter__(self) -> BorrowedSeat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        return None

    def give_back(self) -> None:
        """Before its end; raises `Unavailable` when Usher cannot be reached: then it is still borrowed."""
        _run(self._address, self.giving_back())


_held: weakref.WeakSet[Seat] = weakref.WeakSet()


@atexit.register
def _release_all() -> None:
    """A program that ends without saying so gives its seats back; if it cannot, they lapse."""
    for seat in list(_held):
        try:
            seat.release(_AT_EXIT)
        except Exception:
            log.debug("a seat was not given back at exit", exc_info=True)
