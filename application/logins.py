"""Logging in, staying logged in, logging out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.errors import NotAuthenticated, NotFound
from domain.sign_in import Device, LoginSession, Way
from domain.sign_in_errors import SecondFactorDemanded
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.familiar_devices import FamiliarDevices
    from adapters.login_sessions import LoginSessions
    from adapters.memberships import Memberships
    from adapters.passwords import Passwords
    from adapters.personal_data import PersonalData
    from adapters.sign_in_policies import SignInPolicies
    from adapters.tokens import Tokens
    from application.store import Store

ACCESS_FOR = timedelta(minutes=15)
REFRESH_FOR = timedelta(days=30)
NOWHERE = Device()
"""For whoever is let in without a request."""


class Credentials(NamedTuple):
    """What a person is given at log-in: both tokens are strings to be sent back as they are; `expires_in` is in
    seconds, `organization_id` is the one that they speak for. `device_token` comes at a log-in only: see `Guessing`."""

    access_token: str
    refresh_token: str
    expires_in: int
    organization_id: UUID | None
    device_token: str | None = None


class Who(NamedTuple):
    """The person an access token speaks for, in which organization (None for a member of none), by which sign-in, and
    when the person proved who it is."""

    user_id: UUID
    organization_id: UUID | None
    session_id: UUID | None
    proven_at: datetime | None


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
        familiar: FamiliarDevices,
        policies: SignInPolicies,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._store = store
        self._people = people
        self._passwords = passwords
        self._memberships = memberships
        self._sessions = sessions
        self._familiar = familiar
        self._policies = policies
        self._tokens = tokens
        self._clock = clock

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

    def start(
        self,
        user: User,
        organization_id: UUID | None = None,
        *,
        way: Way = Way.PASSWORD,
        device: Device = NOWHERE,
        is_familiar: bool = False,
        proven_at: datetime | None = None,
    ) -> Credentials:
        """A new session, for somebody whose right to it is proven; for the organization that was joined first unless
        one is named. `NotFound` when the person is no member there. `proven_at`: when it was proven, if not now."""
        joined = self.organization_of(user, organization_id)
        session = self.open_session(
            user, joined, way=way, device=device, is_familiar=is_familiar, lifetime=REFRESH_FOR, proven_at=proven_at
        )
        return self._credentials(session)

    def open_session(
        self,
        user: User,
        organization_id: UUID | None,
        *,
        way: Way,
        device: Device,
        is_familiar: bool,
        lifetime: timedelta,
        proven_at: datetime | None = None,
    ) -> LoginSession:
        """As `start`, without tokens. A device that is new to the person is told by mail, unless it is known to be
        familiar, or is the first."""
        now = self._clock.now()
        session = LoginSession(
            session_id=self._clock.new_id(),
            user_id=user.id,
            organization_id=organization_id,
            credential_version=user.credential_version,
            generation=1,
            way=way,
            device=device.family,
            network=device.network,
            started_at=now,
            used_at=now,
            proven_at=proven_at or now,
            expires_at=now + lifetime,
        )
        self._store_session(session, device, is_familiar)
        return session

    def _store_session(self, session: LoginSession, device: Device, is_familiar: bool) -> None:
        if device == NOWHERE:
            self._sessions.start(session)
            return
        user_id, now, before = session.user_id, session.started_at, self._familiar.of(session.user_id, device)
        seen = self._familiar.see(user_id, device, now)
        if is_familiar or before.is_known or not before.knows_any:
            self._sessions.start(session, seen)
            return
        rows = [self._sessions.starting(session), seen]
        note = session.session_id
        self._store.change(User, user_id, lambda user: user.note_new_device(session=note, now=now), rows=rows)

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
            self.organization_of(self._store.fetch(User, session.user_id), organization_id)
        return self._next(session_id, generation, organization_id)

    def prove(self, session_id: UUID) -> Credentials | None:
        """The person has just proven again who it is: an access token that says so, and no refresh token. None when the
        session is over."""
        session = self._sessions.prove(session_id, self._clock.now())
        return self._credentials(session) if session else None

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
        return Who(
            UUID(claims["sub"]),
            UUID(claims["org"]) if "org" in claims else None,
            UUID(claims["sid"]) if "sid" in claims else None,
            datetime.fromtimestamp(claims["auth_time"], UTC) if "auth_time" in claims else None,
        )

    def _next(self, session_id: UUID, generation: int, organization_id: UUID | None) -> Credentials:
        now = self._clock.now()
        session = self._sessions.advance(
            session_id,
            generation=generation,
            now=now,
            expires_at=now + REFRESH_FOR,
            organization_id=organization_id,
        )
        if session is None:
            self._end_if_reused(session_id, generation)
            raise _log_in_again()
        if not self.is_good(session):
            self._sessions.end(session_id)
            raise _log_in_again()
        return self._credentials(session)

    def is_good(self, session: LoginSession) -> bool:
        """Whoever is no member any more is logged out there."""
        user = self._store.fetch(User, session.user_id)
        if user.erased or user.credential_version != session.credential_version:
            return False
        organization_id = session.organization_id
        if organization_id is None:
            return True
        if self._memberships.role_of(organization_id, user.id) is None:
            return False
        return not self._closed_to(user, [organization_id])

    def organization_of(self, user: User, wanted: UUID | None) -> UUID | None:
        """Which one a session is for: the wanted one, or the first that is open to the person. `NotFound` when it is no
        member of the wanted one, `SecondFactorDemanded` when that wants a second factor, and there is none."""
        joined = [each.organization_id for each in self._memberships.of_user(user.id)]
        closed = self._closed_to(user, joined)
        if wanted is None:
            return next((each for each in joined if each not in closed), None)
        if wanted not in joined:
            raise NotFound.of("organization", wanted)
        if wanted in closed:
            raise SecondFactorDemanded()
        return wanted

    def _closed_to(self, user: User, organization_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those that want a second factor of somebody without one."""
        return frozenset() if user.has_second_factor else self._policies.demanding(organization_ids)

    def _credentials(self, session: LoginSession) -> Credentials:
        now, organization_id, sid = self._clock.now(), session.organization_id, str(session.session_id)
        access = {"sub": str(session.user_id), "sid": sid, "auth_time": int(session.proven_at.timestamp())}
        access |= {"org": str(organization_id)} if organization_id else {}
        refresh = {"sid": sid, "gen": session.generation}
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
