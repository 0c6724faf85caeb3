"""Logging in, staying logged in, logging out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.errors import NotAuthenticated, NotFound
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.login_sessions import LoginSession, LoginSessions
    from adapters.memberships import Memberships
    from adapters.passwords import Passwords
    from adapters.personal_data import PersonalData
    from adapters.tokens import Tokens
    from application.store import Store

ACCESS_FOR = timedelta(minutes=15)
REFRESH_FOR = timedelta(days=30)


class Credentials(NamedTuple):
    """What a person is given at log-in: both tokens are strings to be sent back as they are; `expires_in` is in
    seconds, `organization_id` is the one that they speak for."""

    access_token: str
    refresh_token: str
    expires_in: int
    organization_id: UUID | None


class Who(NamedTuple):
    """The person an access token speaks for, and in which organization: None for a member of none."""

    user_id: UUID
    organization_id: UUID | None


class Logins:
    """An access token speaks for one organization as long as the person is a member there, and for 15 minutes at most;
    a refresh token is good once."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        passwords: Passwords,
        memberships: Memberships,
        sessions: LoginSessions,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._store = store
        self._people = people
        self._passwords = passwords
        self._memberships = memberships
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock

    def log_in(self, *, email: str, password: str, organization_id: UUID | None = None) -> Credentials:
        """Raises as `identify`, and `NotFound` when the person is no member of the organization."""
        return self.start(self.identify(email, password), organization_id)

    def identify(self, email: str, password: str) -> User:
        """`NotAuthenticated` for a wrong pair, after the same work whether the address exists or not.

        `EmailNotVerified` only for those who know the password.
        """
        person = self._people.person_with(email)
        if not self._passwords.verify(password, person.password_hash if person else None) or person is None:
            raise NotAuthenticated("The e-mail address or the password is not right.")
        user = self._store.fetch(User, person.user_id)
        user.require_verified()
        return user

    def start(self, user: User, organization_id: UUID | None = None) -> Credentials:
        """A new session, for somebody whose right to it is proven; for the organization that was joined first unless
        one is named. `NotFound` when the person is no member there."""
        organization_id = self._organization_of(user.id, organization_id)
        now, session_id, version = self._clock.now(), self._clock.new_id(), user.credential_version
        self._sessions.start(
            session_id, user.id, organization_id, credential_version=version, now=now, expires_at=now + REFRESH_FOR
        )
        return self._credentials(user.id, organization_id, session_id, generation=1)

    def refresh(self, refresh_token: str) -> Credentials:
        """The next pair; the given token is used up.

        `NotAuthenticated` when it is not good any more; one that was used before ends its session as well.
        """
        session_id, generation = self._read(refresh_token)
        return self._next(session_id, generation, None)

    def switch(self, refresh_token: str, organization_id: UUID) -> Credentials:
        """The next pair, and those that follow it, speak for another organization. As `refresh`; `NotFound` when the
        person is no member there, and the given token stays good."""
        session_id, generation = self._read(refresh_token)
        session = self._sessions.find(session_id)
        if session is not None and generation == session.generation:
            self._organization_of(session.user_id, organization_id)
        return self._next(session_id, generation, organization_id)

    def log_out(self, refresh_token: str) -> None:
        """Ends the session; doing it again, or with a token that is no good, changes nothing."""
        try:
            session_id, _ = self._read(refresh_token)
        except NotAuthenticated:
            return
        self._sessions.end(session_id)

    def who(self, access_token: str) -> Who | None:
        """Whose access token it is; None when it is not good. Asks no database: whether the person still is a member of
        the organization is another question (`Memberships.remember_role`)."""
        claims = self._tokens.read("access", access_token, now=self._clock.now())
        if claims is None:
            return None
        return Who(UUID(claims["sub"]), UUID(claims["org"]) if "org" in claims else None)

    def _next(self, session_id: UUID, generation: int, organization_id: UUID | None) -> Credentials:
        expires_at = self._clock.now() + REFRESH_FOR
        session = self._sessions.advance(
            session_id, generation=generation, expires_at=expires_at, organization_id=organization_id
        )
        if session is None:
            self._end_if_reused(session_id, generation)
            raise _log_in_again()
        if not self._is_good(session):
            self._sessions.end(session_id)
            raise _log_in_again()
        return self._credentials(session.user_id, session.organization_id, session_id, generation=session.generation)

    def _is_good(self, session: LoginSession) -> bool:
        """Whoever is no member any more is logged out there."""
        user = self._store.fetch(User, session.user_id)
        if user.erased or user.credential_version != session.credential_version:
            return False
        organization_id = session.organization_id
        return organization_id is None or self._memberships.role_of(organization_id, user.id) is not None

    def _organization_of(self, user_id: UUID, wanted: UUID | None) -> UUID | None:
        joined = [each.organization_id for each in self._memberships.of_user(user_id)]
        if wanted is None:
            return joined[0] if joined else None
        if wanted not in joined:
            raise NotFound.of("organization", wanted)
        return wanted

    def _credentials(
        self, user_id: UUID, organization_id: UUID | None, session_id: UUID, *, generation: int
    ) -> Credentials:
        now = self._clock.now()
        access = {"sub": str(user_id)} | ({"org": str(organization_id)} if organization_id else {})
        refresh = {"sid": str(session_id), "gen": generation}
        return Credentials(
            self._tokens.sign("access", access, now=now, lifetime=ACCESS_FOR),
            self._tokens.sign("refresh", refresh, now=now, lifetime=REFRESH_FOR),
            int(ACCESS_FOR.total_seconds()),
            organization_id,
        )

    def _read(self, refresh_token: str) -> tuple[UUID, int]:
        claims = self._tokens.read("refresh", refresh_token, now=self._clock.now())
        if claims is None:
            raise _log_in_again()
        return UUID(claims["sid"]), claims["gen"]

    def _end_if_reused(self, session_id: UUID, generation: int) -> None:
        session = self._sessions.find(session_id)
        if session is None or generation >= session.generation:
            return
        now, ending = self._clock.now(), self._sessions.ending(session_id)
        self._store.change(
            User, session.user_id, lambda user: user.end_reused_session(session=session_id, now=now), rows=[ending]
        )


def _log_in_again() -> NotAuthenticated:
    return NotAuthenticated("This refresh token is not good any more; log in again.")
