"""Whether any seat was ever held twice, and any licence above its limit: licences and seats in log order.

A limit counts for an opening when it was in the log before it. Two processes work on that order, so one case is not
damage: an opening that was already on its way while the limit was tightened (suspended, resized down, …). Redis
refuses from before the tightening's event is stored, so what still comes was granted before; it is as old as that
event, or younger by what two clocks and a slow commit can differ (`IN_FLIGHT`), and is held to the former limit.
Whoever sat before a limit was tightened is no damage either, he is asked to leave. Nor is a machine that takes a new
seat while the end of its lapsed session is still on its way into the log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from application.verification_report import Damage, Report
from domain.ids import seat_id
from domain.license import License
from domain.seat import Seat
from domain.sentences import sentence_of

IN_FLIGHT = timedelta(seconds=10)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Licence:
    """A licence as of the position that was read, and who sits on it."""

    license: License | None = None
    judged: bool = True
    taken: int = 0
    sessions: dict[UUID, int] = field(default_factory=dict)
    former_limit: float = 0
    former_until: datetime = _LONG_AGO

    def limit(self, now: datetime) -> float:
        """Seats that may be taken at `now`."""
        if self.license is None or not self.license.status(now).works:
            return 0
        allowed = self.license.terms.seats_allowed
        return math.inf if allowed is None else allowed

    def limit_of_opening(self, now: datetime) -> float:
        """The most that this opening may have been granted under."""
        limit = max(self.limit(now), self.limit(now - IN_FLIGHT))
        return max(limit, self.former_limit) if now <= self.former_until else limit

    def tightened(self, before: float, now: datetime) -> None:
        self.former_limit = max(before, self.former_limit if now <= self.former_until else 0)
        self.former_until = now + IN_FLIGHT


@dataclass(slots=True)
class _Seat:
    licence: _Licence
    license_id: UUID
    number: int
    version: int = 0
    session: UUID | None = None

    def take(self, session: UUID) -> None:
        self.session = session
        self.licence.taken += 1
        self.licence.sessions[session] = self.number

    def clear(self) -> None:
        if self.session is None:
            return
        licence = self.licence
        licence.taken -= 1
        if licence.sessions.get(self.session) == self.number:
            del licence.sessions[self.session]
        self.session = None


class SeatChecks:
    """Give it every event of licences and seats, in log order. It keeps licences, seats and who sits, not history.

    A stream of which one event cannot be read is judged no further: one damage is one finding.
    """

    KINDS = (License.TOPIC, Seat.TOPIC)

    def __init__(self, report: Report) -> None:
        self._report = report
        self._licences: dict[UUID, _Licence] = {}
        self._seats: dict[UUID, _Seat] = {}
        self._unreadable: set[UUID] = set()

    def take(self, position: int, event: Any) -> None:
        """The next event."""
        if event.originator_id in self._unreadable:
            return
        if isinstance(event, Seat.SessionOpened):
            self._opened(position, event)
        elif isinstance(event, Seat.SessionClosed):
            self._closed(position, event)
        else:
            self._licence_event(position, event)

    def cannot_read(self, stream_id: UUID) -> None:
        """An event of this stream could not be decoded (and was reported)."""
        self._unreadable.add(stream_id)
        if stream_id in self._seats:
            self._seats[stream_id].clear()
        self._licence(stream_id).judged = False

    # licences

    def _licence(self, license_id: UUID) -> _Licence:
        return self._licences.get(license_id) or self._licences.setdefault(license_id, _Licence())

    def _licence_event(self, position: int, event: Any) -> None:
        licence, now = self._licence(event.originator_id), event.timestamp
        before = licence.limit(now)
        try:
            licence.license = event.mutate(licence.license)
        except Exception as error:  # whatever its kind, this history does not make a licence
            text = f"{sentence_of(event)}: this cannot follow what came before ({type(error).__name__}: {error})"
            self._report.found(Damage.UNDECODABLE, text, position=position, stream_id=event.originator_id)
            self.cannot_read(event.originator_id)
            return
        if licence.limit(now) < before:
            licence.tightened(before, now)

    # seats

    def _seat(self, event: Seat.SessionOpened | Seat.SessionClosed) -> _Seat:
        seat = self._seats.get(event.originator_id)
        if seat is None:
            seat = _Seat(self._licence(event.license_id), event.license_id, event.seat)
            self._seats[event.originator_id] = seat
        return seat

    def _opened(self, position: int, event: Seat.SessionOpened) -> None:
        seat = self._seat(event)
        problem = self._chain_problem(seat, event) or self._opening_problem(seat, event)
        if problem:
            self._conflict(position, event, problem)
        seat.clear()
        licence = seat.licence
        if licence.judged and licence.taken >= (limit := licence.limit_of_opening(event.timestamp)):
            text = f"a session opened on licence {event.license_id} with {licence.taken} of {limit} seats taken"
            self._report.found(Damage.OVER_LIMIT, text, position=position, stream_id=event.originator_id)
        seat.take(event.session_id)
        seat.version = event.originator_version

    def _closed(self, position: int, event: Seat.SessionClosed) -> None:
        seat = self._seat(event)
        problem = self._chain_problem(seat, event)
        if not problem and seat.session != event.session_id:
            problem = f"session {event.session_id} was closed, but {seat.session or 'nobody'} had the seat"
        if problem:
            self._conflict(position, event, problem)
        seat.clear()
        seat.version = event.originator_version

    @staticmethod
    def _opening_problem(seat: _Seat, event: Seat.SessionOpened) -> str | None:
        if seat.session is not None:
            return f"session {event.session_id} was opened while {seat.session} had the seat"
        other = seat.licence.sessions.get(event.session_id)
        if other is not None:
            return f"session {event.session_id} was opened while it had seat {other}"
        return None

    @staticmethod
    def _chain_problem(seat: _Seat, event: Seat.SessionOpened | Seat.SessionClosed) -> str | None:
        if event.originator_version != seat.version + 1:
            return f"version {event.originator_version} follows version {seat.version}"
        if event.license_id != seat.license_id or event.seat != seat.number:
            return f"an event of seat {event.seat} of licence {event.license_id} is in another seat's stream"
        if seat.version == 0 and seat_id(event.license_id, event.seat) != event.originator_id:
            return "the stream's id is not that of this seat"
        return None

    def _conflict(self, position: int, event: Seat.SessionOpened | Seat.SessionClosed, problem: str) -> None:
        text = f"seat {event.seat} of licence {event.license_id}: {problem}"
        self._report.found(Damage.SEAT_CONFLICT, text, position=position, stream_id=event.originator_id)
