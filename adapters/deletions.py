"""Deletions that were asked for, how far they are, and whose data is under legal hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from adapters.database import Database, Row

TRY_AGAIN = timedelta(hours=1)


class Deletion(NamedTuple):
    """A row of `deletions`. `obstacle`: why it waits though it is due. `report`: table → rows erased, and `kept`."""

    subject_id: UUID
    kind: str
    state: str
    asked_at: datetime
    due_at: datetime
    version: int
    obstacle: str | None
    address: str | None
    customers: list[str]
    organization_ids: list[UUID]
    report: dict[str, Any]
    finished_at: datetime | None


_DELETION = ", ".join(Deletion._fields)


class DeletionBook:
    """The only writer of `deletions` and `legal_holds`; rows are written in the transaction of their facts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def schedule(subject_id: UUID, kind: str, version: int, *, due_at: datetime, now: datetime) -> Row:
        return (
            "insert into deletions (subject_id, kind, state, asked_at, due_at, version)"
            " values (%s, %s, 'scheduled', %s, %s, %s) on conflict (subject_id) do update set state = 'scheduled',"
            " asked_at = excluded.asked_at, due_at = excluded.due_at, version = excluded.version, reminded = false,"
            " tried_at = null, obstacle = null where deletions.state = 'stopped'",
            (subject_id, kind, now, due_at, version),
        )

    @staticmethod
    def stop(subject_id: UUID) -> Row:
        return "update deletions set state = 'stopped' where subject_id = %s and state = 'scheduled'", (subject_id,)

    @staticmethod
    def begin(
        subject_id: UUID,
        *,
        address: str | None = None,
        organization_ids: Sequence[UUID],
        customers: Sequence[str],
    ) -> Row:
        """From here on it is erased whatever happens; by what is kept here its traces are found."""
        return (
            "update deletions set state = 'erasing', obstacle = null, address = %s, organization_ids = %s,"
            " customers = %s where subject_id = %s",
            (address, list(organization_ids), list(customers), subject_id),
        )

    @staticmethod
    def noted(subject_id: UUID, table: str, count: int) -> Row:
        """So many rows more."""
        return (
            "update deletions set report = report || jsonb_build_object(%(table)s::text,"
            " coalesce((report->>%(table)s)::bigint, 0) + %(count)s) where subject_id = %(subject)s",
            {"table": table, "count": count, "subject": subject_id},
        )

    def put_off(self, subject_id: UUID, obstacle: str, now: datetime) -> None:
        self._database.execute(
            "update deletions set obstacle = %s, tried_at = %s where subject_id = %s and state = 'scheduled'",
            (obstacle, now, subject_id),
        )

    def finish(self, subject_id: UUID, kept: Mapping[str, Any], now: datetime) -> None:
        """Nothing that says who it was stays."""
        self._database.execute(
            "update deletions set state = 'done', finished_at = %s, address = null, customers = '{}',"
            " report = report || jsonb_build_object('kept', %s::jsonb) where subject_id = %s",
            (now, Jsonb(dict(kept)), subject_id),
        )

    def find(self, subject_id: UUID) -> Deletion | None:
        found = self._database.fetch_one(f"select {_DELETION} from deletions where subject_id = %s", (subject_id,))
        return Deletion(**found) if found else None

    def due(self, now: datetime, limit: int) -> list[Deletion]:
        """Those whose time has come, begun ones first; one with an obstacle is tried again after an hour."""
        found = self._database.fetch_all(
            f"select {_DELETION} from deletions where due_at <= %s and state in ('scheduled', 'erasing')"
            " and (tried_at is null or tried_at <= %s) order by state = 'scheduled', due_at limit %s",
            (now, now - TRY_AGAIN, limit),
        )
        return [Deletion(**row) for row in found]

    def to_remind(self, before: datetime) -> list[Deletion]:
        """Those that are due before then and were not reminded of."""
        found = self._database.fetch_all(
            f"select {_DELETION} from deletions where state = 'scheduled' and not reminded and due_at <= %s", (before,)
        )
        return [Deletion(**row) for row in found]

    def reminded(self, subject_id: UUID) -> None:
        self._database.execute("update deletions set reminded = true where subject_id = %s", (subject_id,))

    def known(self, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Deletion]:
        """In the order in which they were asked for."""
        found = self._database.fetch_all(
            f"select {_DELETION} from deletions where %(at)s::timestamptz is null"
            " or (asked_at, subject_id) > (%(at)s, %(id)s) order by asked_at, subject_id limit %(limit)s",
            {"at": after[0] if after else None, "id": after[1] if after else None, "limit": limit},
        )
        return [Deletion(**row) for row in found]

    # legal hold

    @staticmethod
    def hold(organization_id: UUID, customers: Sequence[str], now: datetime) -> Row:
        return (
            "insert into legal_holds (organization_id, customers, placed_at) values (%s, %s, %s)"
            " on conflict (organization_id) do nothing",
            (organization_id, list(customers), now),
        )

    @staticmethod
    def release(organization_id: UUID) -> Row:
        return "delete from legal_holds where organization_id = %s", (organization_id,)

    def is_held(self, organization_ids: Sequence[UUID]) -> bool:
        sql = "select from legal_holds where organization_id = any(%s)"
        return self._database.fetch_one(sql, (list(organization_ids),)) is not None
