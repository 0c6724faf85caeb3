"""Addresses that people want instead of theirs: outside of the log, one for each person, gone after a month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row

KEPT = timedelta(days=30)


class EmailChange(NamedTuple):
    """A row of `email_changes`; `former` is the address at the time when the other was asked for."""

    user_id: UUID
    change_id: UUID
    email: str
    former: str
    asked_at: datetime


_CHANGE = ", ".join(EmailChange._fields)


class EmailChanges:
    """The only writer of `email_changes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, change_id: UUID) -> EmailChange | None:
        """None when it was replaced by another, or erased."""
        found = self._database.fetch_one(f"select {_CHANGE} from email_changes where change_id = %s", (change_id,))
        return EmailChange(**found) if found else None

    @staticmethod
    def put(user_id: UUID, change_id: UUID, email: str, former: str, now: datetime) -> Row:
        """In place of the one before."""
        return (
            f"insert into email_changes ({_CHANGE}) values (%s, %s, %s, %s, %s) on conflict (user_id) do update set"
            " change_id = excluded.change_id, email = excluded.email, former = excluded.former,"
            " asked_at = excluded.asked_at",
            (user_id, change_id, email, former, now),
        )

    @staticmethod
    def erasing(user_id: UUID) -> Row:
        return "delete from email_changes where user_id = %s", (user_id,)

    def purge(self, now: datetime) -> int:
        return self._database.execute("delete from email_changes where asked_at <= %s", (now - KEPT,))
