"""Who is calling, and what that caller may do and see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from domain.api_key import OWNER_SCOPES, Scope
from domain.errors import NotAllowed, NotAuthenticated, NotFound

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.key_index import KnownKey

_documented = HTTPBearer(
    auto_error=False, scheme_name="credential", description="A user's access token or an API key (`usk_…`)."
)
_LONGEST = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """`organization_id` None: the vendor, whose keys see every organization, each within its scopes."""

    actor: str
    organization_id: UUID | None
    scopes: frozenset[Scope]
    user_id: UUID | None = None
    key_id: UUID | None = None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def sees_all(self) -> bool:
        return self.organization_id is None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or self.is_admin

    def require(self, *scopes: Scope) -> None:
        """`NotAllowed` naming what is missing."""
        missing = sorted(scope for scope in scopes if not self.allows(scope))
        if missing:
            raise NotAllowed(f"This credential lacks the scope {', '.join(missing)}.", details={"missing": missing})

    def must_see(self, organization_id: UUID | None, noun: str, id: object) -> None:
        """Another organization's thing is as absent as one that never was: `NotFound`."""
        if not self.sees_all and organization_id != self.organization_id:
            raise NotFound.of(noun, id)

    def narrow(self, organization_id: UUID | None) -> UUID | None:
        """Which organization a list is about: the caller's own; the vendor may name one, or None for all."""
        if self.sees_all:
            return organization_id
        if organization_id is not None and organization_id != self.organization_id:
            raise NotFound.of("organization", organization_id)
        return self.organization_id


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


async def caller_of(request: Request, _: Any = Depends(_documented)) -> Caller:
    """Dependency: any authenticated caller."""
    return await identify(request)


def require(*scopes: Scope) -> Any:
    """Dependency: a caller with these scopes, e.g. `caller: Caller = require(Scope.LICENSES_READ)`."""

    async def allowed(caller: Caller = Depends(caller_of)) -> Caller:
        caller.require(*scopes)
        return caller

    return Depends(allowed)


async def person_of(caller: Caller = Depends(caller_of)) -> UUID:
    """Dependency: the id of the person who is logged in; `NotAllowed` for an API key."""
    if caller.user_id is None:
        raise NotAllowed("This is for a person who is logged in, not for an API key.")
    return caller.user_id


def address_of(request: Request) -> str:
    """The client's network address, for rate limits; a trusted proxy's word is taken by the server in front."""
    return request.client.host if request.client else "unknown"


async def _read(request: Request) -> Caller:
    services: Services = request.app.state.services
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential or len(credential) > _LONGEST:
        raise NotAuthenticated()
    if credential.startswith("eyJ"):
        return _person(services, credential)
    known = services.api_keys.remembered(credential)
    return _program(known) if known else await run_in_threadpool(_look_up, services, credential)


def _person(services: Services, token: str) -> Caller:
    who = services.logins.who(token)
    if who is None:
        raise NotAuthenticated("This access token is not valid or has expired; refresh it or log in again.")
    return Caller(f"user:{who.user_id}", who.organization_id, OWNER_SCOPES, who.user_id)


def _look_up(services: Services, secret: str) -> Caller:
    key = services.api_keys.identify(secret)
    if key is None:
        raise NotAuthenticated("This API key is not known, or was rotated or revoked.")
    return _program(key)


def _program(key: KnownKey) -> Caller:
    return Caller(f"key:{key.key_id}", key.organization_id, key.scopes, key_id=key.key_id)
