"""Signing in by another provider: a person is known by the provider's subject, never by an address alone."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from domain.errors import ConcurrentChange, Conflict, EmailTaken, NotFound, SignatureInvalid
from domain.organization import Organization
from domain.role import Role
from domain.sign_in import Attempt, Identity, ProviderFlow
from domain.sign_in_errors import ProviderRefused
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.linked_identities import LinkedIdentities, LinkedIdentity
    from adapters.login_providers import LoginProvider
    from adapters.memberships import Memberships
    from adapters.passwords import Passwords
    from adapters.personal_data import PersonalData
    from adapters.tokens import Tokens
    from application.store import Store

BACK_WITHIN = timedelta(minutes=10)


class ProviderLogins:
    """`providers` by name. An account that is there is never given to whoever has its address elsewhere: its owner
    signs in and links."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        passwords: Passwords,
        memberships: Memberships,
        identities: LinkedIdentities,
        providers: Mapping[str, LoginProvider],
        tokens: Tokens,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._people = people
        self._passwords = passwords
        self._memberships = memberships
        self._identities = identities
        self._providers = providers
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def offered(self) -> dict[str, str]:
        """Their titles, by name."""
        return {name: provider.title for name, provider in self._providers.items()}

    def begin(self, name: str, *, link_to: UUID | None = None) -> tuple[str, str]:
        """Where to send the browser, and what it keeps until it is back. `NotFound`, `Unavailable`."""
        attempt = self._attempt(name, secrets.token_urlsafe(32))
        url = self._provider(name).authorization_url(attempt)
        flow, ends = ProviderFlow(name, link_to), self._clock.now() + BACK_WITHIN
        self._identities.begin(self._digest(attempt.state), flow, ends)
        return url, attempt.browser

    def finish(self, name: str, *, state: str, code: str, issuer: str | None, browser: str | None) -> User:
        """Who is back. A new person is registered when the provider has proven the address.

        `SignatureInvalid` for a state that is not of this browser, was used, or is too old; `ProviderRefused` when what
        the provider says does not hold; `EmailTaken` when the address is that of an account which is not linked;
        `Conflict` when the identity is linked to another."""
        attempt, now = self._attempt(name, state), self._clock.now()
        if not hmac.compare_digest(attempt.browser.encode(), (browser or "").encode()):
            raise SignatureInvalid("This was begun in another browser, or is too old; begin again.")
        flow = self._identities.take(self._digest(state), now)
        if flow is None or flow.provider != name:
            raise SignatureInvalid("This was used before or is too old; begin again.")
        identity = self._provider(name).identify(code, issuer, attempt, now - self._clock.offset)
        linked = self._identities.find(identity.issuer, identity.subject)
        if flow.user_id is not None:
            return self._link(name, identity, flow.user_id, linked, now)
        if linked is None:
            return self._register(name, identity, now)
        attribution().actor = f"user:{linked.user_id}"
        user = self._store.fetch(User, linked.user_id)
        user.require_verified()
        return user

    def of_user(self, user_id: UUID) -> Sequence[LinkedIdentity]:
        """What is linked."""
        return self._identities.of_user(user_id)

    def unlink(self, user_id: UUID, name: str) -> None:
        """`NotFound` when nothing is. The person still gets in by its mailbox."""
        if name not in {each.provider for each in self._identities.of_user(user_id)}:
            raise NotFound.of("linked account", name)
        now = self._clock.now()
        rows = [self._identities.unlink(name, user_id)]
        self._store.change(User, user_id, lambda user: user.unlink_identity(provider=name, now=now), rows=rows)

    def _link(self, name: str, identity: Identity, user_id: UUID, linked: LinkedIdentity | None, now: datetime) -> User:
        user = self._store.fetch(User, user_id)
        attribution().actor = f"user:{user_id}"
        if linked is not None and linked.user_id != user_id:
            raise Conflict("This account there is linked to another person here.")
        if linked is None:
            user.link_identity(provider=name, now=now)
            self._put(user, rows=[self._identities.link(name, identity, user_id, now)])
        return user

    def _register(self, name: str, identity: Identity, now: datetime) -> User:
        if identity.email is None or not identity.email_verified:
            raise ProviderRefused("The provider has not proven your e-mail address; register here, then link it.")
        if self._people.person_with(identity.email):
            raise EmailTaken(
                "There is an account with this e-mail address that is not linked yet; sign in to it, and link it."
            )
        user_id, organization_id = self._clock.new_id(), self._clock.new_id()
        attribution().actor = f"user:{user_id}"
        user = User.register(id=user_id, organization_id=organization_id, now=now)
        user.verify_email(now=now)
        user.link_identity(provider=name, now=now)
        organization = Organization.register(id=organization_id, founder=user_id, now=now)
        self._put(user, organization, rows=self._rows_of(name, identity, user_id, organization_id, now))
        return user

    def _rows_of(self, name: str, identity: Identity, user_id: UUID, organization_id: UUID, now: datetime) -> list[Row]:
        """The password is nobody's: who wants one asks for a link to set it."""
        email, called = str(identity.email), identity.name or str(identity.email).partition("@")[0]
        password_hash = self._passwords.hash(secrets.token_urlsafe(32))
        return [
            self._people.register(
                user_id, organization_id, email=email, full_name=called, password_hash=password_hash, now=now
            ),
            self._people.mark_verified(user_id, now),
            self._people.introduce(organization_id, email=email, name=called, company_name=called, now=now),
            self._memberships.put(organization_id, user_id, Role.OWNER, now),
            self._identities.link(name, identity, user_id, now),
        ]

    def _put(self, *aggregates: User | Organization, rows: Sequence[Row]) -> None:
        """The tables refuse what came about meanwhile: an address, an identity, another one of the same provider."""
        try:
            self._store.put(*aggregates, rows=rows)
        except IntegrityError as conflict:
            raise ConcurrentChange("Another account of this provider is linked, or was just now.") from conflict

    def _provider(self, name: str) -> LoginProvider:
        if name not in self._providers:
            raise NotFound.of("provider", name)
        return self._providers[name]

    def _attempt(self, name: str, state: str) -> Attempt:
        secret = self._tokens.mac("provider-verifier-1", state.encode()) + self._tokens.mac(
            "provider-verifier-2", state.encode()
        )
        return Attempt(
            state=state,
            nonce=self._tokens.mac("provider-nonce", state.encode()).hex(),
            verifier=urlsafe_b64encode(secret).rstrip(b"=").decode(),
            redirect_uri=f"{self._public_url}/login/callback/{name}",
            browser=self._tokens.mac("provider-browser", state.encode()).hex(),
        )

    def _digest(self, state: str) -> bytes:
        return self._tokens.mac("provider-state", state.encode())
