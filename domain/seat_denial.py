"""That somebody asked for a seat and got none: noted once a minute for each holder and reason, however often."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.ids import seat_denial_id
from domain.seat_access import Bidder


class Denial(StrEnum):
    """Why there was no seat: a limit (see `SeatsExhausted`), the rules, or how the licence stands."""

    EXHAUSTED = "exhausted"
    USER = "user"
    GROUP = "group"
    RESERVED = "reserved"
    QUEUE = "queue"
    BORROWED = "borrowed"
    NOT_ALLOWED = "not_allowed"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SeatDenial(Aggregate):
    """A stream of one event, whose id is derived from whom, why and the minute: the primary key of the log refuses a
    second one, whichever process has it."""

    TOPIC = "seat_denial"

    if TYPE_CHECKING:
        license_id: UUID
        organization_id: UUID
        fingerprint_digest: str
        holder: str
        reason: Denial
        limit: int | None
        used: int | None

    @classmethod
    def note(
        cls,
        license_id: UUID,
        organization_id: UUID,
        bidder: Bidder,
        holder: str,
        reason: Denial,
        *,
        limit: int | None,
        used: int | None,
        now: datetime,
    ) -> SeatDenial:
        """`holder` is whose the seat would have been; `limit` and `used` are those of the limit that was reached."""
        return cls.begin(
            cls.Denied,
            id=seat_denial_id(license_id, holder, reason, now),
            now=now,
            license_id=license_id,
            organization_id=organization_id,
            fingerprint_digest=bidder.machine,
            holder="" if holder == bidder.machine else holder,
            reason=reason,
            limit=limit,
            used=used,
        )

    class Denied(Created):
        """The first of the minute. `fingerprint_digest` and `holder` are as in `Seat.SessionOpened`."""

        TOPIC = "seat_denial.denied"
        license_id: UUID
        organization_id: UUID
        fingerprint_digest: str
        holder: str
        reason: Denial
        limit: int | None
        used: int | None

        def apply(self, denial: SeatDenial) -> None:
            denial.license_id = self.license_id
            denial.organization_id = self.organization_id
            denial.fingerprint_digest = self.fingerprint_digest
            denial.holder = self.holder
            denial.reason = self.reason
            denial.limit = self.limit
            denial.used = self.used
