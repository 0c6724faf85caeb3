"""What is in a range of the usage log, for those who follow it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row

from adapters.database import Database


class UsageRanges:
    """From after one position up to another. Asks Postgres: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def heads(self, after: int, until: int) -> list[tuple[UUID, int]]:
        """The last record of each account."""
        return self._fetch(
            "select account_id, max(position) from usage_records where position > %s and position <= %s group by 1",
            after,
            until,
        )

    def touched(self, after: int, until: int) -> list[tuple[UUID, str, datetime]]:
        """Which accounts used which meters, and when at the earliest."""
        return self._fetch(
            "select account_id, meter, min(at) from usage_records where position > %s and position <= %s group by 1, 2",
            after,
            until,
        )

    def _fetch(self, sql: str, after: int, until: int) -> list[Any]:
        with self._database.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(sql, (after, until)).fetchall()
