"""Who waits for a seat, in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from adapters.database import Database, Row
from domain.seat_line import Change, Turn, Waiting

_COLUMNS = "ticket_id, license_id, groups, is_ready, ends_at"
_ORDER = "not {0}.is_ready, -{0}.priority, {0}.taken_at, {0}.ticket_id"
"""A seat that is kept for somebody stays his, whoever comes after him."""
_AHEAD_OF = f"""
    with own as (
        select * from queue_tickets where license_id = %(license)s and holder = %(holder)s and ends_at > %(now)s)
    select own.ticket_id as own, t.groups, count(*) filter (where t.holder <> %(holder)s) as ahead
    from queue_tickets t left join own on true
    where t.license_id = %(license)s and t.ends_at > %(now)s
        and (own.ticket_id is null or t.ticket_id = own.ticket_id
            or not own.is_ready and ({_ORDER.format("t")}) < ({_ORDER.format("own")}))
    group by own.ticket_id, t.groups"""


class QueueTickets:
    """The only writer of `queue_tickets`. What asks or changes goes to Postgres: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- rows of the transactions that store a ticket's events; what cannot be is an integrity error ---

    @staticmethod
    def taking(waiting: Waiting, holder: str, priority: int, now: datetime, *, most: int) -> Row:
        """Fails when the holder has a ticket or `most` others wait."""
        id, license_id, groups, is_ready, ends_at = waiting
        return (
            "select take_queue_place(row(%s::uuid, %s::uuid, %s::text, %s::smallint, %s::text[], %s::timestamptz,"
            " %s::timestamptz, %s::boolean)::queue_tickets, %s::integer, %s::timestamptz)",
            (id, license_id, holder, priority, list(groups), now, ends_at, is_ready, most, now),
        )

    @staticmethod
    def ending(ticket_id: UUID, *, due: datetime | None = None) -> Row:
        """Fails when it has ended or, with `due`, lasts longer than that."""
        return "select end_queue_ticket(%s::uuid, %s::timestamptz)", (ticket_id, due)

    # --- questions ---

    def ahead_of(self, license_id: UUID, holder: str, now: datetime) -> Turn:
        """Who stands before this holder: everybody who waits, if he has no ticket, and nobody if his is ready."""
        rows = self._database.fetch_all(_AHEAD_OF, {"license": license_id, "holder": holder, "now": now})
        own = rows[0]["own"] if rows else None
        return Turn(own, {tuple(row["groups"]): row["ahead"] for row in rows if row["ahead"]})

    def lines(self, license_ids: Collection[UUID], now: datetime) -> dict[UUID, list[Waiting]]:
        """Everybody who waits at these licences, the first first."""
        rows = self._database.fetch_all(
            f"select {_COLUMNS} from queue_tickets t where license_id = any(%s) and ends_at > %s"
            f" order by {_ORDER.format('t')}",
            (list(license_ids), now),
        )
        lines: dict[UUID, list[Waiting]] = defaultdict(list)
        for row in rows:
            lines[row["license_id"]].append(_waiting(row))
        return lines

    def length(self, license_id: UUID, now: datetime) -> int:
        """How many wait."""
        row = self._database.fetch_one(
            "select count(*) as length from queue_tickets where license_id = %s and ends_at > %s", (license_id, now)
        )
        return int(row["length"]) if row else 0

    def of_holder(self, license_id: UUID, holder: str) -> Waiting | None:
        """A holder's ticket, also when its time is over."""
        return self._one("license_id = %s and holder = %s", license_id, holder)

    def find(self, ticket_id: UUID) -> Waiting | None:
        """A ticket that has not been ended, also when its time is over."""
        return self._one("ticket_id = %s", ticket_id)

    def overdue(self, now: datetime, most: int) -> list[Waiting]:
        """Tickets whose time is over, the longest first."""
        rows = self._database.fetch_all(
            f"select {_COLUMNS} from queue_tickets where ends_at <= %s order by ends_at limit %s", (now, most)
        )
        return [_waiting(row) for row in rows]

    # --- changes ---

    def change(self, changes: Iterable[Change]) -> set[UUID]:
        """All that can be made of these changes; answers which tickets are now as they were to be.

        In the order of their ids: two that change the same tickets wait for each other instead of for ever.
        """
        told = sorted((before.ticket_id, *before[3:], is_ready, ends_at) for before, is_ready, ends_at in changes)
        if not told:
            return set()
        rows = self._database.fetch_all(
            "with told as (select * from"
            "  unnest(%s::uuid[], %s::boolean[], %s::timestamptz[], %s::boolean[], %s::timestamptz[])"
            "  as told (id, was_ready, ended_at, is_ready, ends_at)),"
            " found as (select told.* from queue_tickets t join told on id = ticket_id"
            "  where t.is_ready = was_ready and t.ends_at = ended_at order by ticket_id for update of t)"
            " update queue_tickets t set is_ready = found.is_ready, ends_at = found.ends_at from found"
            " where t.ticket_id = found.id returning t.ticket_id",
            [list(column) for column in zip(*told, strict=True)],
        )
        return {row["ticket_id"] for row in rows}

    def _one(self, where: str, *params: object) -> Waiting | None:
        row = self._database.fetch_one(f"select {_COLUMNS} from queue_tickets where {where}", params)
        return _waiting(row) if row else None


def _waiting(row: DictRow) -> Waiting:
    return Waiting(row["ticket_id"], row["license_id"], tuple(row["groups"]), row["is_ready"], row["ends_at"])
