"""API keys: programs' credentials. The secret is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Code, Line, Moment, Time, text
from api.idempotency import RepeatableRoute
from api.paging import Listing, Page, page_of
from domain import durations
from domain.api_key import Scope
from domain.errors import InvalidRequest, NotAllowed
from domain.key_restrictions import MOST_NETWORKS, Restrictions, network

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.api_keys import KnownKey, NewSecret

router = APIRouter(tags=["API keys"], route_class=RepeatableRoute)

Note = text(1_000, shortest=0)


def _network(told: str) -> str:
    try:
        return str(network(told))
    except ValueError:
        raise ValueError("is no address and no network such as 203.0.113.0/24 or 2001:db8::/32") from None


Networks = Annotated[
    list[Annotated[str, Field(max_length=64), AfterValidator(_network)]],
    Field(max_length=MOST_NETWORKS, description="Addresses and networks (CIDR); empty: from anywhere."),
]


class ApiKeyBody(Body):
    name: Line
    note: Note = ""  # type: ignore[valid-type]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="No more than your own.")
    allowed_addresses: Networks = []
    expires_at: Time | None = Field(None, description="Null: never.")
    organization_id: UUID | None = Field(None, description="For the vendor: whose key it is; null, the vendor's own.")
    product: Code | None = Field(None, description="For the vendor: a solution's key, see docs/tokens.md.")


class ApiKeyChange(Body):
    """What is left out stays."""

    name: Line | None = None
    note: Note | None = None  # type: ignore[valid-type]
    allowed_addresses: Networks | None = None
    expires_at: Time | None = Field(None, description="Null takes the end away.")


class RotationBody(Body):
    overlap: str = Field("PT0S", max_length=20, description="For so long the old secret works as well: up to P30D.")

    @property
    def lasting(self) -> timedelta:
        try:
            return durations.parse(self.overlap)
        except ValueError:
            raise InvalidRequest.field("overlap", "must be an ISO 8601 duration from PT0S to P30D") from None


class ApiKeyAnswer(BaseModel):
    id: UUID
    name: str
    note: str
    prefix: str
    scopes: list[Scope]
    product: str | None
    allowed_addresses: list[str]
    expires_at: Moment | None
    organization_id: UUID | None
    created_at: Moment
    rotated_at: Moment | None
    former_secret_until: Moment | None = Field(description="Until then the secret before this one works as well.")
    last_used_at: Moment | None = Field(description="To the minute.")


class NewApiKeyAnswer(ApiKeyAnswer):
    secret: str = Field(description="The key to send as a bearer token. It cannot be shown again.")


class ApiKeyListing(Listing):
    data: list[ApiKeyAnswer]


@router.get("/api-keys")
def list_api_keys(
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.API_KEYS),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> ApiKeyListing:
    """Keys that are not revoked, oldest first."""
    position = services.store.recorder.max_notification_id() or 0
    found = services.api_keys.live(caller.narrow(organization_id), after=page.after_time_and_id, limit=page.take)
    return ApiKeyListing(
        **page.answer(found, cursor=lambda key: (key.created_at, key.key_id), show=_shown, position=position)
    )


@router.post("/api-keys", status_code=201)
def create_api_key(
    body: ApiKeyBody, caller: Caller = require(Scope.API_KEYS), services: Services = Depends(services_of)
) -> NewApiKeyAnswer:
    """A new key. It can do at most what its maker can."""
    caller.require(*body.scopes)
    organization_id = caller.narrow(body.organization_id)
    if organization_id is not None:
        services.organizations.fetch(organization_id)
    restrictions = _restrictions(body.allowed_addresses, body.expires_at)
    _require_covered(caller, restrictions)
    made = services.api_keys.issue(
        name=body.name,
        note=body.note,
        scopes=body.scopes,
        organization_id=organization_id,
        restrictions=restrictions,
        product=body.product,
    )
    return _new(made)


@router.get("/api-keys/{key_id}")
def show_api_key(
    key_id: UUID, caller: Caller = require(Scope.API_KEYS), services: Services = Depends(services_of)
) -> ApiKeyAnswer:
    """One key, also one that was revoked."""
    key = services.api_keys.find(key_id)
    caller.must_see(key.organization_id, "API key", key_id)
    return _shown(key)


@router.patch("/api-keys/{key_id}")
def change_api_key(
    key_id: UUID,
    body: ApiKeyChange,
    caller: Caller = require(Scope.API_KEYS),
    services: Services = Depends(services_of),
) -> ApiKeyAnswer:
    """Another name, note, end or other addresses, which count from now on. Its scopes stay: make another key."""
    key = _own(services, caller, key_id)
    networks = key.networks if body.allowed_addresses is None else tuple(map(network, body.allowed_addresses))
    ends = body.expires_at if "expires_at" in body.model_fields_set else key.expires_at
    restrictions = Restrictions(networks, ends)
    if restrictions != key.restrictions:
        _require_covered(caller, restrictions)
    name = key.name if body.name is None else body.name
    note = key.note if body.note is None else body.note
    return _shown(services.api_keys.describe(key_id, name=name, note=note, restrictions=restrictions))


@router.post("/api-keys/{key_id}/rotate")
def rotate_api_key(
    key_id: UUID,
    body: RotationBody | None = None,
    caller: Caller = require(Scope.API_KEYS),
    services: Services = Depends(services_of),
) -> NewApiKeyAnswer:
    """A new secret for the key; the old one is refused from now on, or from the end of the `overlap`."""
    key = _own(services, caller, key_id)
    _require_covered(caller, key.restrictions)
    return _new(services.api_keys.rotate(key_id, overlap=(body or RotationBody()).lasting))


@router.delete("/api-keys/{key_id}", status_code=204)
def revoke_api_key(
    key_id: UUID, caller: Caller = require(Scope.API_KEYS), services: Services = Depends(services_of)
) -> None:
    """The key is refused from now on."""
    _own(services, caller, key_id)
    services.api_keys.revoke(key_id)


def _own(services: Services, caller: Caller, key_id: UUID) -> KnownKey:
    """Nobody gets hold of, or ends, a key that can do more than themselves."""
    key = services.api_keys.find(key_id)
    caller.must_see(key.organization_id, "API key", key_id)
    caller.require(*key.scopes)
    return key


def _restrictions(networks: list[str], expires_at: datetime | None) -> Restrictions:
    return Restrictions(tuple(map(network, networks)), expires_at)


def _require_covered(caller: Caller, restrictions: Restrictions) -> None:
    """A key that is bound to addresses or to an end gets around neither by making, or changing, another."""
    if caller.key is not None and not caller.key.restrictions.cover(restrictions):
        raise NotAllowed("This key is bound to addresses or to an end; the other one must be as much.")


def _new(made: NewSecret) -> NewApiKeyAnswer:
    return NewApiKeyAnswer(**_facts(made.key), secret=made.secret)


def _shown(key: KnownKey) -> ApiKeyAnswer:
    return ApiKeyAnswer(**_facts(key))


def _facts(key: KnownKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "note": key.note,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "product": key.product,
        "allowed_addresses": [str(each) for each in key.networks],
        "expires_at": key.expires_at,
        "organization_id": key.organization_id,
        "created_at": key.created_at,
        "rotated_at": key.rotated_at,
        "former_secret_until": key.former_until,
        "last_used_at": key.last_used_at,
    }
