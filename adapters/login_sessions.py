"""Where people are logged in: one row a session, moved on by each refresh in a single statement."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row


class LoginSession(NamedTuple):
    """A row of `login_sessions`; `generation` is the one refresh token that is good, counted from 1. `organization_id`
    is the one that its tokens speak for; None for a person who is no member of any."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID | None
    credential_version: int
    generation: int
    started_at: datetime
    expires_at: datetime


_SESSION = ", ".join(LoginSession._fields)


class LoginSessions:
    """The only writer of `login_sessions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        session_id: UUID,
        user_id: UUID,
        organization_id: UUID | None,
        *,
        credential_version: int,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """A session in its first generation."""
        self._database.execute(
            "insert into login_sessions"
            " (session_id, user_id, organization_id, credential_version, started_at, expires_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            (session_id, user_id, organization_id, credential_version, now, expires_at),
        )

    def advance(
        self, session_id: UUID, *, generation: int, expires_at: datetime, organization_id: UUID | None = None
    ) -> LoginSession | None:
        """The session one generation on, for another organization if one is given; None when `generation` is not the
        current one or the session is over.

        The row decides between two who come with the same token: the second finds the generation gone.
        """
        found = self._database.fetch_one(
            "update login_sessions set generation = generation + 1, expires_at = %s,"
            " organization_id = coalesce(%s, organization_id)"
            f" where session_id = %s and generation = %s returning {_SESSION}",
            (expires_at, organization_id, session_id, generation),
        )
        return LoginSession(**found) if found else None

    def find(self, session_id: UUID) -> LoginSession | None:
        found = self._database.fetch_one(f"select {_SESSION} from login_sessions where session_id = %s", (session_id,))
        return LoginSession(**found) if found else None

    def of_user(self, user_id: UUID) -> list[LoginSession]:
        sql = f"select {_SESSION} from login_sessions where user_id = %s order by started_at, session_id"
        return [LoginSession(**row) for row in self._database.fetch_all(sql, (user_id,))]

    def end(self, session_id: UUID) -> None:
        self._database.execute(*self.ending(session_id))

    def ending(self, session_id: UUID) -> Row:
        return "delete from login_sessions where session_id = %s", (session_id,)

    def ending_all(self, user_id: UUID) -> Row:
        return "delete from login_sessions where user_id = %s", (user_id,)
