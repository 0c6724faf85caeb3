"""Waiting for a seat: take a ticket, ask for its place until it is ready, sit down; or leave the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable

from usher_client import calls
from usher_client.calls import Place
from usher_client.clock import Backoff
from usher_client.conversation import Conversation, Held
from usher_client.errors import (
    Conflict,
    QueueNotOffered,
    RateLimited,
    SeatsExhausted,
    TicketClosed,
    TicketInvalid,
    Unavailable,
    UsherError,
    WaitedInVain,
)
from usher_client.flow import Flow, Pause

log = logging.getLogger("usher_client")
_LONGEST_POLL = 25.0
"""Seconds: what sits between a client and Usher often gives up after 30."""
_GOODBYE = 2.0  # seconds for leaving the queue when the program wants to be gone


class Queue:
    """One wait of one program: `seat` is its whole story. `on_place` is called with the place (from 1) after each
    answer; what it raises ends the wait."""

    def __init__(self, talk: Conversation, full: SeatsExhausted, on_place: Callable[[int], object] | None) -> None:
        self._talk, self._clock = talk, talk.clock
        self._full, self._on_place = full, on_place
        self._place: Place | None = None
        self._had_ticket = False  # it is closed: perhaps a second program of this machine collected it
        self._backoff = Backoff(talk.clock, first=0.5, longest=10.0)

    def seat(self, wait: float) -> Flow[Held]:
        """A seat within `wait` seconds. Raises `WaitedInVain`, `QueueFull`, and whatever else ends the wait: then the
        ticket is given up, so that the next in line does not wait for nobody."""
        ends = self._clock.steady() + wait
        try:
            while self._clock.steady() < ends or self._is_ready:
                try:
                    held = yield from self._ask(ends - self._clock.steady())
                    if held is not None:
                        return held
                except (TicketClosed, TicketInvalid, Unavailable, RateLimited) as fault:
                    if isinstance(fault, (TicketClosed, TicketInvalid)):
                        self._place, self._had_ticket = None, True
                    rest = max(ends - self._clock.steady(), 0.0)
                    yield Pause(min(self._backoff.next(fault.retry_after), rest))
            raise WaitedInVain(details=self._full.details)
        except GeneratorExit:  # nobody is there to send anything
            raise
        except BaseException:
            yield from self._leave()
            raise

    @property
    def _is_ready(self) -> bool:
        return self._place is not None and self._place.ready

    def _ask(self, rest: float) -> Flow[Held | None]:
        """The next question to Usher, and the seat if that is the answer."""
        if self._place is not None and not self._place.ready:
            yield from self._poll(self._place, rest)
        elif self._place is None and not self._had_ticket:
            yield from self._take_ticket()
        if not self._is_ready and not self._had_ticket:
            return None
        try:
            return (yield from self._talk.sit_down())
        except SeatsExhausted:
            self._had_ticket = False
            if self._place is not None:  # it was ready, and is not: ask how long we wait now
                self._place = self._place._replace(ready=False)
            yield Pause(min(1.0, max(rest, 0.0)))
            return None

    def _take_ticket(self) -> Flow[None]:
        try:
            answer = yield from self._talk.call(calls.queue_up(self._talk.machine))
            self._at(calls.read_place(answer))
        except QueueNotOffered:
            raise self._full from None
        except Conflict:  # there is a seat for this machine by now
            self._had_ticket = True

    def _poll(self, place: Place, rest: float) -> Flow[None]:
        wait = max(0, int(min(_LONGEST_POLL, rest, place.poll_within / 2)))
        answer = yield calls.poll(place, wait, self._talk.timeout)
        self._at(calls.read_place(answer, place.ticket))
        self._backoff.reset()
        if wait == 0 and not self._is_ready:
            yield Pause(0.5)  # Usher kept nothing back: do not ask in a tight circle

    def _at(self, place: Place) -> None:
        self._place = place
        if self._on_place is not None:
            self._on_place(place.place)

    def _leave(self) -> Flow[None]:
        """Tells Usher; when that fails, the ticket lapses by itself."""
        if self._place is None:
            return
        place, self._place = self._place, None
        try:
            answer = yield from self._talk.call(calls.leave_queue(place, _GOODBYE))
            calls.read(answer, 204)
        except UsherError as error:
            log.debug("the ticket could not be given back, it lapses by itself: %s", error.code)
