"""Reading the log of mails: what was told to whom, when, and what became of it; never what it said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database


class LoggedMail(NamedTuple):
    """A row of `mails`. `recipient_subject` is the id of the user or organization that it went to; `told_stream` None:
    from before that was kept."""

    message_id: UUID
    kind: str
    organization_id: UUID | None
    recipient_subject: UUID
    status: str
    attempts: int
    error_code: str | None
    language: str | None
    noted_at: datetime
    sent_at: datetime | None
    thread: UUID | None
    told_stream: UUID | None
    told_version: int | None
    told_kind: str | None


_COLUMNS = ", ".join(LoggedMail._fields)
_UNSENT = "status in ('delayed', 'failed', 'uncertain')"
"""As the index `mails_unsent` has it."""


class MailLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, message_id: UUID) -> LoggedMail | None:
        found = self._database.fetch_one(f"select {_COLUMNS} from mails where message_id = %s", (message_id,))
        return LoggedMail(**found) if found else None

    def list(
        self,
        *,
        organization_id: UUID | None = None,
        kind: str | None = None,
        status: str | None = None,
        thread: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: tuple[datetime, UUID] | None = None,
        limit: int = 25,
    ) -> Sequence[LoggedMail]:
        """Newest first, those before `after`; from `since` to before `until`, by the engine's clock."""
        found = self._database.fetch_all(
            f"select {_COLUMNS} from mails"
            " where (%(organization_id)s::uuid is null or organization_id = %(organization_id)s)"
            " and (%(kind)s::text is null or kind = %(kind)s)"
            " and (%(status)s::text is null or status = %(status)s)"
            " and (%(thread)s::uuid is null or thread = %(thread)s)"
            " and (%(since)s::timestamptz is null or noted_at >= %(since)s)"
            " and (%(until)s::timestamptz is null or noted_at < %(until)s)"
            " and (%(at)s::timestamptz is null or (noted_at, message_id) < (%(at)s, %(id)s))"
            " order by noted_at desc, message_id desc limit %(limit)s",
            {
                "organization_id": organization_id,
                "kind": kind,
                "status": status,
                "thread": thread,
                "since": since,
                "until": until,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [LoggedMail(**row) for row in found]

    def unsent(self) -> dict[str, int]:
        """How many mails there are of each status that somebody should look at, or wait for."""
        found = self._database.fetch_all(f"select status, count(*) as n from mails where {_UNSENT} group by status")
        return {"delayed": 0, "failed": 0, "uncertain": 0, **{row["status"]: row["n"] for row in found}}
