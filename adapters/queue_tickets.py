"""Who waits for a seat, in which order."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from adapters.database import Database


class QueueTickets:
    """The only writer of `queue_tickets`. Its questions ask Postgres: call them from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ahead_of(self, license_id: UUID, holder: str, now: datetime) -> int:
        """How many wait before this holder; everybody who waits, if the holder has no ticket."""
        row = self._database.fetch_one(
            "with own as (select * from queue_tickets where license_id = %(license)s and holder = %(holder)s"
            "             and ends_at > %(now)s)"
            " select count(*) as ahead from queue_tickets t left join own on true"
            " where t.license_id = %(license)s and t.ends_at > %(now)s and t.holder <> %(holder)s"
            " and (own.ticket_id is null or (-t.priority, t.taken_at, t.ticket_id)"
            "      < (-own.priority, own.taken_at, own.ticket_id))",
            {"license": license_id, "holder": holder, "now": now},
        )
        return int(row["ahead"]) if row else 0
