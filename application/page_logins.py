"""Signed in on our own pages: a browser keeps a cookie, which is as good as its session and no longer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.sign_in import Device, LoginSession, Way
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.login_sessions import LoginSessions
    from adapters.tokens import Tokens
    from application.logins import Logins

PAGE_FOR = timedelta(hours=12)


class PageLogins:
    """The session is one of the person's sign-ins, like any other: listed, and ended, with them."""

    def __init__(self, logins: Logins, sessions: LoginSessions, tokens: Tokens, clock: Clock) -> None:
        self._logins = logins
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock

    def start(self, user: User, *, way: Way, device: Device, is_familiar: bool) -> str:
        """The cookie of a new session, for somebody whose right to it is proven."""
        session = self._logins.open_session(
            user, None, way=way, device=device, is_familiar=is_familiar, lifetime=PAGE_FOR
        )
        claims = {"sid": str(session.session_id)}
        return self._tokens.sign("page", claims, now=self._clock.now(), lifetime=PAGE_FOR)

    def session(self, cookie: str) -> LoginSession | None:
        """Whose cookie it is; None when the session has ended, or the person has a new password since."""
        claims = self._claims(cookie)
        found = self._sessions.find(UUID(claims["sid"])) if claims else None
        return found if found and self._logins.is_good(found) else None

    def end(self, cookie: str) -> None:
        """Doing it again, or with a cookie that is no good, changes nothing."""
        claims = self._claims(cookie)
        if claims:
            self._sessions.end(UUID(claims["sid"]))

    def _claims(self, cookie: str) -> dict[str, Any] | None:
        return self._tokens.read("page", cookie, now=self._clock.now())
