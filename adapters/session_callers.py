"""Who opened a session, as far as the client said: erasable personal data beside the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from adapters.database import Database, Row
from domain.caller import Caller
from domain.seat_pool import Sitting

_PERSONAL = "address = null, user_agent = null, hostname = null, user_name = null"


class SessionCallers:
    """The only writer of `session_callers`. Its questions ask Postgres: call them from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, sitting: Sitting, organization_id: UUID, caller: Caller, now: datetime) -> Row:
        """The row that is written in the transaction of the session's opening."""
        return (
            "insert into session_callers (session_id, license_id, organization_id, seat, opened_at,"
            " address, user_agent, hostname, user_name, platform, app_version)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (session_id) do nothing",
            (sitting.session_id, sitting.license_id, organization_id, sitting.seat, now, *caller),
        )

    def erase(self, organization_id: UUID) -> Row:
        """Forgets who the callers of an organization were; where and when they sat stays."""
        return f"update session_callers set {_PERSONAL} where organization_id = %s", (organization_id,)

    def of(self, session_ids: Sequence[UUID]) -> list[DictRow]:
        """The rows of these sessions, as far as there are any."""
        return self._database.fetch_all(
            "select * from session_callers where session_id = any(%s)", (list(session_ids),)
        )

    def sitting(self, session_id: UUID) -> Sitting | None:
        """Where a session sits, or sat."""
        rows = self.of([session_id])
        return Sitting(rows[0]["license_id"], rows[0]["seat"], session_id) if rows else None
