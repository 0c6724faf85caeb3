"""Where people are logged in: one row a session, moved on by each refresh in a single statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.database import Database, Row
from adapters.remembered import Remembered
from domain.sign_in import LoginSession

_SESSION = ", ".join(LoginSession._fields)


class LoginSessions:
    """The only writer of `login_sessions`."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database = database
        self._remembered = remembered

    @staticmethod
    def starting(session: LoginSession) -> Row:
        return f"insert into login_sessions ({_SESSION}) values ({', '.join(['%s'] * len(session))})", session

    def start(self, session: LoginSession, *beside: Row) -> None:
        """The session, and what else is to be noted with it."""
        with self._database.transaction() as connection:
            for sql, values in (self.starting(session), *beside):
                connection.execute(sql, values)

    def recall_open(self, session_id: UUID, otherwise: Any) -> Any:
        """What `remember_open` would answer, if no database has to be asked for it; else `otherwise`."""
        return self._remembered.recall(_key(session_id), otherwise)

    def remember_open(self, session_id: UUID) -> bool:
        """Whether the session has not been ended; the next time without asking (adapters/remembered.py)."""
        is_open: bool = self._remembered.ask(_key(session_id), lambda: self.find(session_id) is not None)
        return is_open

    def forget(self, *session_ids: UUID) -> None:
        """To be called after sessions have ended: in this process it counts from now on, in others a moment later."""
        for session_id in session_ids:
            self._remembered.forget(_key(session_id))

    def advance(
        self,
        session_id: UUID,
        *,
        generation: int,
        now: datetime,
        expires_at: datetime,
        organization_id: UUID | None = None,
    ) -> LoginSession | None:
        """The session one generation on, for another organization if one is given; None when `generation` is not the
        current one or the session is over.

        The row decides between two who come with the same token: the second finds the generation gone.
        """
        found = self._database.fetch_one(
            "update login_sessions set generation = generation + 1, used_at = %s, expires_at = %s,"
            " organization_id = coalesce(%s, organization_id)"
            f" where session_id = %s and generation = %s returning {_SESSION}",
            (now, expires_at, organization_id, session_id, generation),
        )
        return LoginSession(**found) if found else None

    def find(self, session_id: UUID) -> LoginSession | None:
        found = self._database.fetch_one(f"select {_SESSION} from login_sessions where session_id = %s", (session_id,))
        return LoginSession(**found) if found else None

    def of_user(self, user_id: UUID) -> list[LoginSession]:
        sql = f"select {_SESSION} from login_sessions where user_id = %s order by started_at, session_id"
        return [LoginSession(**row) for row in self._database.fetch_all(sql, (user_id,))]

    def prove(self, session_id: UUID, now: datetime) -> LoginSession | None:
        """The person has just proven who it is; None when the session is over."""
        found = self._database.fetch_one(
            f"update login_sessions set proven_at = %s where session_id = %s returning {_SESSION}", (now, session_id)
        )
        return LoginSession(**found) if found else None

    @contextmanager
    def ended_of(self, user_id: UUID) -> Iterator[None]:
        """Around a transaction that ends every session of a person: in this process it counts at once."""
        former = [each.session_id for each in self.of_user(user_id)]
        yield
        self.forget(*former)

    def end(self, session_id: UUID) -> None:
        self._database.execute(*self.ending(session_id))
        self.forget(session_id)

    def end_of(self, user_id: UUID, session_id: UUID) -> bool:
        """Whether it was one of this person's."""
        sql = "delete from login_sessions where user_id = %s and session_id = %s"
        ended = bool(self._database.execute(sql, (user_id, session_id)))
        self.forget(session_id)
        return ended

    def end_others(self, user_id: UUID, kept: UUID | None) -> None:
        """All of the person's but one."""
        found = self._database.fetch_all(
            "delete from login_sessions where user_id = %s and session_id is distinct from %s returning session_id",
            (user_id, kept),
        )
        self.forget(*(row["session_id"] for row in found))

    def ending(self, session_id: UUID) -> Row:
        return "delete from login_sessions where session_id = %s", (session_id,)

    def ending_all(self, user_id: UUID) -> Row:
        return "delete from login_sessions where user_id = %s", (user_id,)


def _key(session_id: UUID) -> str:
    """As the trigger of `login_sessions` tells it."""
    return f"session:{session_id}"
