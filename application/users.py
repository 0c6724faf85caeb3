"""Registering, proving an address, changing a password."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from eventsourcing.persistence import IntegrityError
from eventsourcing.utils import get_topic

from application.attribution import attribution
from application.policies import Agreement, Signer
from domain.aggregate import Event
from domain.errors import AlreadyRecorded, ConcurrentChange, EmailTaken, NotAuthenticated, NotFound, SignatureInvalid
from domain.organization import Organization
from domain.role import Role
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.login_sessions import LoginSessions
    from adapters.memberships import Memberships
    from adapters.passwords import Passwords
    from adapters.personal_data import Person, PersonalData
    from adapters.tokens import Tokens
    from application.policies import Policies
    from application.store import Store
    from domain.sign_in import LoginSession

VERIFY_WITHIN = timedelta(days=2)
RESET_WITHIN = timedelta(hours=1)


class Registration(NamedTuple):
    user_id: UUID
    organization_id: UUID


class Link(NamedTuple):
    """A link for a mail, and when it ends."""

    url: str
    expires_at: datetime


class Profile(NamedTuple):
    """A person with what the log knows about it."""

    user: User
    person: Person


class Users:
    """People. Mails are sent by the dispatcher from the facts recorded here, with the links made here."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        passwords: Passwords,
        sessions: LoginSessions,
        memberships: Memberships,
        tokens: Tokens,
        policies: Policies,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._people = people
        self._passwords = passwords
        self._sessions = sessions
        self._memberships = memberships
        self._tokens = tokens
        self._policies = policies
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def register(
        self, *, email: str, password: str, full_name: str, company_name: str, agreed: Sequence[Agreement] = ()
    ) -> Registration:
        """A person and its organization. `InvalidRequest` for a weak password, `EmailTaken`, and what
        `Policies.at_registration` raises."""
        self._passwords.check_new(password, email=email)
        password_hash = self._passwords.hash(password)
        now, made = self._clock.now(), Registration(self._clock.new_id(), self._clock.new_id())
        attribution().actor = f"user:{made.user_id}"
        consents = self._policies.at_registration(Signer(*made, Role.OWNER), agreed, now)
        rows = (
            self._people.register(*made, email=email, full_name=full_name, password_hash=password_hash, now=now),
            self._people.introduce(
                made.organization_id, email=email, name=full_name, company_name=company_name, now=now
            ),
            self._memberships.put(made.organization_id, made.user_id, Role.OWNER, now),
        )
        organization = Organization.register(id=made.organization_id, founder=made.user_id, now=now)
        user = User.register(id=made.user_id, organization_id=made.organization_id, now=now)
        try:
            self._store.add(organization, user, *consents, rows=rows)
        except AlreadyRecorded as conflict:
            if self._people.person_with(email):
                raise EmailTaken() from conflict
            raise
        return made

    def verify_email(self, token: str) -> User:
        """Opens a verification link; `SignatureInvalid` when it is not ours or too old."""
        claims = self._claims("verify-email", token)
        user_id, now = UUID(claims["sub"]), self._clock.now()
        attribution().actor = f"user:{user_id}"
        rows = [self._people.mark_verified(user_id, now)]
        return self._store.change(User, user_id, lambda user: user.verify_email(now=now), rows=rows)

    def forget_password(self, email: str) -> None:
        """Has a link mailed if the address is somebody's; says nothing about whether it is."""
        person, now = self._people.person_with(email), self._clock.now()
        if person is not None:
            self._store.change(User, person.user_id, lambda user: user.request_password_reset(now=now))

    def reset_password(self, token: str, password: str) -> User:
        """Opens a reset link once. `SignatureInvalid` when it is not ours, too old or used; `InvalidRequest`."""
        claims = self._claims("reset-password", token)
        user, now = self._store.fetch(User, UUID(claims["sub"])), self._clock.now()
        attribution().actor = f"user:{user.id}"
        user.reset_password(credential_version=claims["ver"], now=now)
        self._passwords.check_new(password, email=self._person(user.id).email)
        verified = self._people.mark_verified(user.id, now)
        with self._sessions.ended_of(user.id):
            self._put(user, rows=[*self._new_password(user.id, password), verified])
        return user

    def change_password(self, user_id: UUID, *, current: str, new: str) -> User:
        """Ends every session. `NotAuthenticated` when `current` is wrong; `InvalidRequest` for a weak `new`."""
        user, person = self._store.fetch(User, user_id), self._person(user_id)
        if not self._passwords.verify(current, person.password_hash):
            raise NotAuthenticated("The current password is not right.")
        self._passwords.check_new(new, email=person.email, field="new_password")
        user.change_password(now=self._clock.now())
        with self._sessions.ended_of(user_id):
            self._put(user, rows=self._new_password(user_id, new))
        return user

    def check_password(self, user_id: UUID, password: str) -> None:
        """`NotAuthenticated` when it is wrong."""
        if not self._passwords.verify(password, self._person(user_id).password_hash):
            raise NotAuthenticated("The password is not right.")

    def rename(
        self,
        user_id: UUID,
        *,
        full_name: str | None = None,
        organization_id: UUID | None = None,
        company_name: str | None = None,
    ) -> Profile:
        """Gives the person another name, or the organization; None leaves it."""
        profile, now = self.profile(user_id), self._clock.now()
        changed: list[User | Organization] = [profile.user]
        rows = []
        if full_name is not None:
            profile.user.rename(now=now)
            rows += [self._people.rename(user_id, full_name), self._people.rename_contact(user_id, full_name)]
        if organization_id is not None and company_name is not None:
            organization = self._store.fetch(Organization, organization_id)
            organization.rename(now=now)
            changed.append(organization)
            rows.append(self._people.update_contact(organization_id, company_name=company_name))
        self._put(*changed, rows=rows)
        return self.profile(user_id)

    def choose_language(self, user_id: UUID, language: str) -> Profile:
        """In which language the person is written to."""
        self._store.change(User, user_id, lambda user: user.choose_language(language, now=self._clock.now()))
        return self.profile(user_id)

    def people(
        self,
        *,
        organization_id: UUID | None = None,
        verified: bool | None = None,
        search: str | None = None,
        after: tuple[datetime, UUID] | None = None,
        limit: int = 25,
    ) -> Sequence[Person]:
        """Everybody who is registered, in the order of registration; `search` in address, name and company."""
        return self._people.people(
            organization_id=organization_id, verified=verified, search=search, after=after, limit=limit
        )

    def profile(self, user_id: UUID) -> Profile:
        """`NotFound` when there is no such person, or none any more."""
        person = self._person(user_id)
        return Profile(self._store.fetch(User, user_id), person)

    def history(self, user_id: UUID) -> list[tuple[str, datetime]]:
        """What the log says about a person: the type and the time of each event."""
        return [(get_topic(type(event)), cast(Event, event).timestamp) for event in self._store.events.get(user_id)]

    def sessions(self, user_id: UUID) -> Sequence[LoginSession]:
        """Where the person is logged in, the oldest first."""
        now = self._clock.now()
        return [each for each in self._sessions.of_user(user_id) if each.expires_at > now]

    def end_session(self, user_id: UUID, session_id: UUID) -> None:
        """`NotFound` when it is none of this person's."""
        if not self._sessions.end_of(user_id, session_id):
            raise NotFound.of("sign-in", session_id)

    def end_other_sessions(self, user_id: UUID, kept: UUID | None) -> None:
        """All but the one."""
        self._sessions.end_others(user_id, kept)

    def verification_link(self, user_id: UUID) -> Link | None:
        """For the mail after `User.Registered`; None when nobody is left to write to or the address is proven."""
        user = self._store.fetch(User, user_id)
        if user.erased or user.email_verified:
            return None
        return self._link("verify-email", "/api/v1/auth/verify-email", {"sub": str(user_id)}, VERIFY_WITHIN)

    def reset_link(self, user_id: UUID) -> Link | None:
        """For the mail after `User.PasswordResetRequested`; dies with the next new password. None when erased."""
        user = self._store.fetch(User, user_id)
        if user.erased:
            return None
        claims = {"sub": str(user_id), "ver": user.credential_version}
        return self._link("reset-password", "/reset-password", claims, RESET_WITHIN)

    def forgot_password_url(self) -> str:
        """The page where a person asks for a reset link."""
        return f"{self._public_url}/forgot-password"

    def _link(self, purpose: str, path: str, claims: dict[str, Any], lifetime: timedelta) -> Link:
        now = self._clock.now()
        token = self._tokens.sign(purpose, claims, now=now, lifetime=lifetime)
        return Link(f"{self._public_url}{path}?token={token}", now + lifetime)

    def _claims(self, purpose: str, token: str) -> dict[str, Any]:
        claims = self._tokens.read(purpose, token, now=self._clock.now())
        if claims is None:
            raise SignatureInvalid("This link is incomplete or out of date; ask for a new one.")
        return claims

    def _person(self, user_id: UUID) -> Person:
        person = self._people.person(user_id)
        if person is None:
            raise NotFound.of("user", user_id)
        return person

    def _new_password(self, user_id: UUID, password: str) -> list[Row]:
        password_hash = self._passwords.hash(password)
        return [self._people.set_password(user_id, password_hash), self._sessions.ending_all(user_id)]

    def _put(self, *aggregates: User | Organization, rows: Sequence[Row]) -> None:
        try:
            self._store.put(*aggregates, rows=rows)
        except IntegrityError as conflict:
            raise ConcurrentChange(retry_after=1) from conflict
