"""Who is calling, and what that caller may do and see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from api.access import Rule, Who, of_member, ruled
from api.call_rates import count_call
from domain.api_key import Scope
from domain.errors import NotAllowed, NotAuthenticated, NotFound
from domain.key_errors import AddressNotAllowed
from domain.rate import RateClass
from domain.role import Authority, Role
from domain.sign_in import Device

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.key_index import KnownKey

_documented = HTTPBearer(
    auto_error=False, scheme_name="credential", description="A user's access token or an API key (`usk_…`)."
)
_LONGEST = 4_096
_ASK = object()
PERSON = Rule(Who.PERSON)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which organization: a member (`user_id` and `role`) or a program. `organization_id` None: the
    vendor, whose keys see every organization, each within its scopes; or a person who is a member of none."""

    actor: str
    organization_id: UUID | None
    scopes: frozenset[Scope]
    user_id: UUID | None = None
    role: Role | None = None
    key: KnownKey | None = None
    session_id: UUID | None = None
    proven_at: datetime | None = None

    @property
    def key_id(self) -> UUID | None:
        return self.key.key_id if self.key else None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def sees_all(self) -> bool:
        return self.organization_id is None and self.user_id is None

    @property
    def authority(self) -> Authority:
        """On whose word members are changed: a key is as good as an admin, the vendor as an owner."""
        if self.user_id is not None:
            return Authority(self.role or Role.VIEWER, self.user_id)
        return Authority(Role.OWNER if self.is_admin else Role.ADMIN)

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or self.is_admin

    def require(self, *scopes: Scope) -> None:
        """`NotAllowed` naming what is missing."""
        missing = sorted(scope for scope in scopes if not self.allows(scope))
        if missing:
            raise NotAllowed(f"This credential lacks the scope {', '.join(missing)}.", details={"missing": missing})

    def must_see(self, organization_id: UUID | None, noun: str, id: object) -> None:
        """Another organization's thing is as absent as one that never was: `NotFound`."""
        if not self.sees_all and (organization_id is None or organization_id != self.organization_id):
            raise NotFound.of(noun, id)

    def narrow(self, organization_id: UUID | None) -> UUID | None:
        """Which organization a list is about: the caller's own; the vendor may name one, or None for all."""
        if self.sees_all:
            return organization_id
        own = self.organization_id
        self.must_see(organization_id or own, "organization", organization_id)
        return own


async def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def identify(request: Request) -> Caller:
    """The caller, or `NotAuthenticated`; reads the credential once a request."""
    known: Caller | None = request.scope.get("caller")
    if known is None:
        known = request.scope["caller"] = await _read(request)
        request.scope["attribution"].actor = known.actor
    return known


async def admit(request: Request, rule: Rule) -> Caller:
    """The caller, if the rule lets it in; from here on a caller that acts for an organization reads nothing of
    others."""
    caller = await identify(request)
    await count_call(request, caller, rule.rate)
    rule.check(caller, _organization_in(request))
    if rule.who is Who.MEMBER and caller.organization_id is not None:
        services: Services = request.app.state.services
        services.database.confine(caller.organization_id)
    return caller


def let_in(rule: Rule) -> Any:
    """Dependency: the caller, as `rule` lets it in."""

    @ruled(rule)
    async def admitted(request: Request, _: Any = Depends(_documented)) -> Caller:
        return await admit(request, rule)

    return Depends(admitted)


def require(*scopes: Scope, rate: RateClass = RateClass.API) -> Any:
    """Dependency: whoever acts for an organization, or the vendor, with these rights: a member by its role, a key by
    its scopes, e.g. `caller: Caller = require(Scope.LICENSES_READ)`."""
    return let_in(of_member(*scopes, rate=rate))


def require_role(role: Role) -> Any:
    """Dependency: a member with this role or a higher one; no API key stands in for a person here."""
    return let_in(Rule(Who.MEMBER, role=role, keys=False))


@ruled(of_member())
async def caller_of(request: Request, _: Any = Depends(_documented)) -> Caller:
    """Dependency: every member, every key, and the vendor."""
    return await admit(request, of_member())


@ruled(Rule(Who.ANYBODY))
async def _anybody() -> None: ...


ANYBODY = Depends(_anybody)
"""Dependency for a route or a router: no credential is asked for."""


@ruled(Rule(Who.ANYBODY, limited=False))
async def _anybody_always() -> None: ...


ANYBODY_ALWAYS = Depends(_anybody_always)
"""The same, for what may be asked as often as anybody likes."""


def holder_of(what: str) -> Rule:
    """For routes that are opened by `what` itself and by no account: their own functions look at it."""
    return Rule(Who.HOLDER, holder=what)


def opened_by(what: str) -> Any:
    """Dependency that declares such a route where no dependency looks at it."""

    @ruled(holder_of(what))
    async def declared() -> None: ...

    return Depends(declared)


def address_of(request: Request) -> str:
    """The client's network address, for rate limits and keys that are bound to some: as trusted proxies say
    (`USHER_TRUSTED_PROXIES`, api/server.py), else that of the connection."""
    return request.client.host if request.client else "unknown"


def device_of(request: Request) -> Device:
    """As much of who asks as is kept with a sign-in."""
    return Device.seen(request.headers.get("user-agent"), address_of(request))


async def _read(request: Request) -> Caller:
    services: Services = request.app.state.services
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential or len(credential) > _LONGEST:
        raise NotAuthenticated()
    if credential.startswith("eyJ"):
        return await _person(services, credential)
    return await program(services, credential, address_of(request))


async def program(services: Services, secret: str, address: str) -> Caller:
    """The caller of an API key. `NotAuthenticated`, `AddressNotAllowed`."""
    keys = services.api_keys
    key = keys.remembered(secret) or await run_in_threadpool(keys.identify, secret)
    if key is None:
        raise NotAuthenticated("This API key is not known, has expired, or was rotated or revoked.")
    if not key.restrictions.admit(address):
        raise AddressNotAllowed()
    return Caller(f"key:{key.key_id}", key.organization_id, key.scopes, key=key)


async def _person(services: Services, token: str) -> Caller:
    who = services.logins.who(token)
    if who is None:
        raise NotAuthenticated("This access token is not valid or has expired; refresh it or log in again.")
    actor = f"user:{who.user_id}"
    if who.session_id is not None:
        await _check_open(services, who.session_id)
    if who.organization_id is None:
        return Caller(actor, None, frozenset(), who.user_id, session_id=who.session_id, proven_at=who.proven_at)
    membership = who.organization_id, who.user_id
    role = services.memberships.recall_role(*membership, otherwise=_ASK)
    if role is _ASK:
        role = await run_in_threadpool(services.memberships.remember_role, *membership)
    if role is None:
        raise NotAuthenticated("You are not a member of this organization any more; log in again.")
    return Caller(
        actor,
        who.organization_id,
        role.scopes,
        who.user_id,
        role,
        session_id=who.session_id,
        proven_at=who.proven_at,
    )


async def _check_open(services: Services, session_id: UUID) -> None:
    """An access token counts no longer than the sign-in it came of."""
    is_open = services.login_sessions.recall_open(session_id, otherwise=_ASK)
    if is_open is _ASK:
        is_open = await run_in_threadpool(services.login_sessions.remember_open, session_id)
    if not is_open:
        raise NotAuthenticated("This sign-in has ended; log in again.")


def _organization_in(request: Request) -> UUID | None:
    """The one that the address names; what is no id is refused by the route."""
    try:
        return UUID(request.path_params["organization_id"])
    except (KeyError, ValueError):
        return None
