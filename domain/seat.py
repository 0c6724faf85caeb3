"""A numbered seat of a licence: the stream of sessions that occupied it, one after the other.

The versions of the stream alternate: an odd one opens a session, the next even one closes it. The primary key of
the log (seat, version) is therefore the fence: whoever stores version n first has the seat, everybody else meets
the key and has nothing.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import OriginatorVersionError

from domain.aggregate import Aggregate
from domain.errors import Conflict, SessionClosed
from domain.ids import seat_id


class CloseReason(StrEnum):
    """Why a session ended; a client reads it in the answer 410."""

    EXPIRED = "expired"
    RELEASED = "released"
    EVICTED = "evicted"
    SUSPENDED = "suspended"
    RESIZED = "resized"
    REVOKED = "revoked"
    SWAPPED = "swapped"  # its machine gave the seat to another machine
    BORROWED = "borrowed"  # its machine took the seat along, as another session


class Seat(Aggregate):
    """Seat `number` of a licence and the session that holds it, if any."""

    TOPIC = "seat"

    if TYPE_CHECKING:
        license_id: UUID
        organization_id: UUID
        number: int
        session_id: UUID | None
        last_session_id: UUID
        fingerprint_digest: str | None
        borrowed_until: datetime | None
        return_key: str
        closed_reason: CloseReason | None

    @classmethod
    def first(cls, opening: Seat.SessionOpened) -> Seat:
        """The seat as its first session makes it; `opening` waits to be saved."""
        seat: Seat = opening.mutate(None)
        seat.pending_events.append(opening)
        return seat

    def open(self, *, session_id: UUID, fingerprint_digest: str, lease_seconds: int, now: datetime) -> None:
        """Seat another session; Conflict while one is open."""
        if self.session_id is not None:
            raise Conflict(f"Seat {self.number} is held by another session.")
        self.record(
            self.SessionOpened,
            now=now,
            license_id=self.license_id,
            organization_id=self.organization_id,
            seat=self.number,
            session_id=session_id,
            fingerprint_digest=fingerprint_digest,
            lease_seconds=lease_seconds,
        )

    def close(self, *, session_id: UUID, reason: CloseReason, now: datetime, note: str = "") -> None:
        """End this session; a session that has ended already stays as it ended, another's raises SessionClosed."""
        if session_id == self.last_session_id and self.session_id is None:
            return
        if session_id != self.session_id:
            raise SessionClosed(self.closed_reason or CloseReason.EXPIRED)
        self.record(
            self.SessionClosed,
            now=now,
            license_id=self.license_id,
            organization_id=self.organization_id,
            seat=self.number,
            session_id=session_id,
            reason=reason,
            note=note,
        )

    @property
    def is_free(self) -> bool:
        return self.session_id is None

    class SessionOpened(Aggregate.Event):
        """A machine sits down. `fingerprint_digest` is a SHA-256 in hex: the fingerprint itself is never stored.

        `holder` is whose the seat is when it is a person's ('': the machine's), `counts_for` the limits that it counts
        for beside the licence's (`user:<digest>`, `group:<name>`); `overage` says that it is above the seats granted.
        A borrowed seat is held until `borrowed_until`, or until a return signed with `return_key` (Ed25519, base64url).
        """

        TOPIC = "seat.session_opened"
        license_id: UUID
        organization_id: UUID
        seat: int
        session_id: UUID
        fingerprint_digest: str
        lease_seconds: int
        holder: str = ""
        counts_for: tuple[str, ...] = ()
        overage: bool = False
        borrowed_until: datetime | None = None
        return_key: str = ""

        @classmethod
        def at(cls, version: int, *, license_id: UUID, seat: int, now: datetime, **facts: Any) -> Seat.SessionOpened:
            """The event for a proposed version, built without loading the seat (the hot path)."""
            build: Any = cls
            event: Seat.SessionOpened = build(
                seat_id(license_id, seat), version, now, license_id=license_id, seat=seat, **facts
            )
            return event

        def mutate(self, aggregate: Any) -> Any:
            """The first session makes the seat: one class of event for version 1 and for all later ones."""
            if aggregate is not None:
                return super().mutate(aggregate)
            if self.originator_version != 1:
                raise OriginatorVersionError(self.originator_version, 1)
            seat = Seat.__new__(Seat)
            seat.__base_init__(self.originator_id, self.originator_version, self.timestamp)
            self.apply(seat)
            return seat

        def apply(self, seat: Seat) -> None:
            seat.license_id = self.license_id
            seat.organization_id = self.organization_id
            seat.number = self.seat
            seat.session_id = self.session_id
            seat.last_session_id = self.session_id
            seat.fingerprint_digest = self.fingerprint_digest
            seat.borrowed_until = self.borrowed_until
            seat.return_key = self.return_key
            seat.closed_reason = None

    class SessionClosed(Aggregate.Event):
        """The session left the seat, or was made to; `note` is what an administrator wrote about it."""

        TOPIC = "seat.session_closed"
        license_id: UUID
        organization_id: UUID
        seat: int
        session_id: UUID
        reason: CloseReason
        note: str = ""

        @classmethod
        def at(cls, version: int, *, license_id: UUID, seat: int, now: datetime, **facts: Any) -> Seat.SessionClosed:
            """The event for a known version, built without loading the seat (the hot path)."""
            build: Any = cls
            event: Seat.SessionClosed = build(
                seat_id(license_id, seat), version, now, license_id=license_id, seat=seat, **facts
            )
            return event

        def apply(self, seat: Seat) -> None:
            seat.session_id = None
            seat.fingerprint_digest = None
            seat.borrowed_until = None
            seat.closed_reason = self.reason
