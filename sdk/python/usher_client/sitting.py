"""One seat from the moment it is taken: may this program work, and what is to be said to Usher next (see status.py)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from usher_client import calls
from usher_client.clock import Backoff, Watch
from usher_client.conversation import Conversation, Held
from usher_client.errors import (
    BorrowEnded,
    LeaseInvalid,
    LeaseUntrusted,
    LicenseExpired,
    LicenseKeyInvalid,
    LicenseRefused,
    LicenseRevoked,
    LicenseSuspended,
    OfflineTooLong,
    RateLimited,
    SeatEvicted,
    SeatReleased,
    SeatResized,
    SeatsExhausted,
    SessionClosed,
    Unavailable,
    UsherError,
)
from usher_client.flow import Flow
from usher_client.status import State, Status

log = logging.getLogger("usher_client")

LOOK_EVERY = 5.0
"""Seconds between two looks at the clocks: so soon a machine that was asleep asks for its seat."""
_UNSAID_FAULTS = 2  # what three heartbeats in a row meet is worth a warning
_DOUBT = 30.0  # seconds that a program which just woke up has to ask Usher before its seat counts as lost


class _Facts(NamedTuple):
    """All that is known of a seat; replaced as a whole, so that it can be read from any thread.

    `usher_time` is what Usher's clock showed at `steady` of ours. `alive`: as far as we know the session is open.
    `heard`: Usher answered in this run. `fault`: what the last heartbeat met, `faults` how many in a row.
    `refusal`: why the program may not work; `final`: for good.
    """

    held: Held
    usher_time: float
    steady: float
    alive: bool = True
    heard: bool = True
    fault: UsherError | None = None
    faults: int = 0
    refusal: UsherError | None = None
    final: bool = False

    def usher_now(self, steady: float) -> float:
        return self.usher_time + steady - self.steady

    def is_past(self, steady: float) -> bool:
        """Whether the lease and its grace are over."""
        return self.usher_now(steady) >= self.held.lease.ends


_ENDED = {"suspended": LicenseSuspended, "revoked": LicenseRevoked, "evicted": SeatEvicted, "resized": SeatResized}
_RECOVERABLE = (LicenseSuspended, LicenseExpired, SeatsExhausted)
_REFUSALS = (LicenseRefused, LicenseKeyInvalid, SeatsExhausted, SeatEvicted, SeatResized)


class Sitting:
    """`turn` is called every `pause()` seconds; `swap`, `leave` and borrowing when the program wants it: these one at a
    time, and `tell` after each, when no lock is held: `on_change`, which gets each new `Status`, may do anything.
    Everything else may be asked at any time from any thread."""

    def __init__(
        self, talk: Conversation, held: Held, *, heard: bool, on_change: Callable[[Status], object] | None = None
    ) -> None:
        self.talk, self._clock = talk, talk.clock
        self._on_change = on_change
        self._watch = Watch(talk.clock)
        self._due = self._looked_at = self._clock.steady()
        self._doubted_at: float | None = None
        self._asked, self._left, self._is_given_back = False, False, True
        self._telling = threading.Lock()
        self._facts = _Facts(held, self._clock.wall(), self._clock.steady(), heard=heard)
        self._backoff = Backoff(self._clock, first=1.0, longest=60.0)
        if heard:
            self.seated(held)
        self._told = self.status

    # --- questions ---

    @property
    def held(self) -> Held:
        return self._facts.held

    @property
    def over(self) -> bool:
        """Whether there is nothing more to be said to Usher."""
        return self._left or self._facts.final

    @property
    def status(self) -> Status:
        facts, now = self._facts, self._clock.steady()
        lease = facts.held.lease
        until = datetime.fromtimestamp(self._clock.wall() + lease.ends - facts.usher_now(now), timezone.utc)
        error = SeatReleased() if self._left else facts.refusal or facts.fault
        return Status(self._state(facts, now), lease.seat, until, error, self.over)

    def check(self) -> None:
        """Raises why the program may not work on. No I/O, a few microseconds."""
        facts = self._facts
        if self._left:
            raise SeatReleased()
        if facts.refusal is not None:
            raise facts.refusal.with_traceback(None)
        if facts.is_past(self._clock.steady()) and self._is_doubt_over():
            raise _past(facts)

    def _state(self, facts: _Facts, now: float) -> State:
        if self._left:
            return State.RELEASED
        if facts.refusal is not None:
            return State.SUSPENDED if isinstance(facts.refusal, LicenseSuspended) else State.LOST
        if facts.held.lease.borrowed:
            return State.BORROWED
        is_quiet = not facts.heard or facts.faults > _UNSAID_FAULTS
        return State.OFFLINE if is_quiet or facts.usher_now(now) >= facts.held.lease.expires else State.SEATED

    def _is_doubt_over(self) -> bool:
        """A machine that slept for a night wakes with its grace over and its seat still there: the heartbeat that says
        so comes within seconds. Where none comes (a forked child, a dead thread) the seat is lost."""
        now = self._clock.steady()
        if self._doubted_at is None or self._doubted_at < self._looked_at:
            self._doubted_at = now
        return now - self._doubted_at >= _DOUBT

    # --- what to do, and when ---

    def pause(self) -> float:
        """Seconds until the next turn."""
        return 0.0 if self._asked else min(max(self._due - self._clock.steady(), 0.0), LOOK_EVERY)

    def ask_now(self) -> None:
        """At the next turn Usher is asked, whenever it would have been due."""
        self._asked = True

    def turn(self) -> Flow[None]:
        """Says to Usher what is due, if anything is. Raises nothing but what stops a program (KeyboardInterrupt)."""
        jumped = self._watch.jumped(LOOK_EVERY)
        self._looked_at = self._clock.steady()
        if (jumped or self._asked or self._looked_at >= self._due) and not self.over:
            self._asked = False
            try:
                yield from self._ask()
            except UsherError as error:
                self._refused(error)
            except Exception:
                log.exception("a heartbeat failed in this client; it is tried again")
                self._refused(Unavailable("A heartbeat failed in this client."))
            self._watch.jumped(0.0)  # an answer that took long is no sleep

    def _ask(self) -> Flow[None]:
        facts = self._facts
        if facts.held.lease.borrowed and facts.alive:
            if not facts.is_past(self._clock.steady()):
                self._due = self._clock.steady() + 60.0
                return
            self._facts = facts._replace(alive=False)
        if self._facts.alive:
            yield from self._renew(facts.held)
        if not self._facts.alive:
            self.seated((yield from self.talk.sit_down()))

    def _renew(self, held: Held) -> Flow[None]:
        try:
            answer = yield from self.talk.call(calls.heartbeat(held.lease.session_id, held.lease.token))
            granted = calls.read_renewed(answer, held.granted)
            self.seated(Held(granted, (yield from self.talk.trust(granted))))
        except LeaseUntrusted:
            raise
        except (SessionClosed, LeaseInvalid) as ended:
            self._facts = self._facts._replace(alive=False)
            if ended.reason in _ENDED:
                raise _ENDED[ended.reason]() from None

    # --- what comes of it ---

    def seated(self, held: Held) -> None:
        """Usher said just now that this seat is ours. Raises `LeaseUntrusted` when it is one of another licence."""
        now, lease = self._clock.steady(), held.lease
        if lease.license_id != self._facts.held.lease.license_id:
            raise LeaseUntrusted("it is of another licence")
        self._facts = _Facts(held, lease.issued_at, now)
        # As seldom as heartbeats at most: a million clients after an outage are then no more than twice the usual load.
        self._backoff = Backoff(self._clock, first=1.0, longest=max(held.granted.interval, 5.0))
        interval = min(held.granted.interval, 0.9 * (lease.expires - lease.issued_at))
        self._due = now + interval * self._clock.between(0.85, 1.0)
        if not self._left:  # else it came while the program left: `leave` gives it back
            self.talk.keep(held)

    def _refused(self, error: UsherError) -> None:
        facts = self._facts
        if isinstance(error, _REFUSALS):
            self.talk.forget()
            final = not isinstance(error, _RECOVERABLE)
            facts = facts._replace(refusal=error, alive=False, final=final, fault=None, faults=0)
        else:
            faults = facts.faults + (not isinstance(error, RateLimited))
            facts = facts._replace(fault=error, faults=faults)
            if facts.refusal is None and facts.is_past(self._clock.steady()):
                facts = facts._replace(refusal=_past(facts))
        self._facts = facts
        self._due = self._clock.steady() + self._backoff.next(error.retry_after)

    def tell(self) -> None:
        """Tells the program when its seat stands otherwise than it was told last."""
        with self._telling:
            new, is_news = self.status, self.status.said != self._told.said
            self._told = new
        if not is_news:
            return
        say = log.info if (new.works and new.state is not State.OFFLINE) or self._left else log.warning
        say("seat %d is %s%s", new.seat, new.state.value, f": {new.error}" if new.error else "")
        if self._on_change is not None:
            try:
                self._on_change(new)
            except Exception:
                log.exception("on_change raised; the seat is not affected")

    # --- the end ---

    def end(self, error: UsherError) -> None:
        """The program itself ended what it had."""
        self._facts = self._facts._replace(refusal=error, alive=False, final=True)

    def ask_to_leave(self) -> None:
        """From now on there is no seat; Usher learns it from `leave`."""
        if not self._left:
            self._left = True
            if not self.held.lease.borrowed:
                self.talk.forget()

    def leave(self, patience: float) -> Flow[bool]:
        """Gives the seat back, once, however often it is called; a borrowed one stays borrowed. Whether Usher knows."""
        facts = self._facts
        if not facts.alive or facts.held.lease.borrowed:
            return self._is_given_back
        self._facts = facts._replace(alive=False)
        lease = facts.held.lease
        try:
            answer = yield from self.talk.call(calls.release(lease.session_id, lease.token, patience))
            calls.read(answer, 204)
        except (SessionClosed, LeaseInvalid):
            pass
        except UsherError as error:
            log.warning("seat %d could not be given back, it lapses by itself: %s", lease.seat, error)
            self._is_given_back = False
        return self._is_given_back

    def swap(self, machine: Mapping[str, object]) -> Flow[int]:
        """Moves the seat to another machine; answers its number. This program has none then."""
        self.check()
        held = self.held
        call = calls.swap(held.lease.session_id, held.lease.token, machine)

        def ask() -> Flow[int]:
            return calls.read_granted((yield from self.talk.call(call))).seat

        seat = yield from self.talk.insist(ask)
        self._facts = self._facts._replace(alive=False)
        self.ask_to_leave()
        return seat


def _past(facts: _Facts) -> UsherError:
    return BorrowEnded() if facts.held.lease.borrowed else OfflineTooLong()
