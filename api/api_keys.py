"""API keys: programs' credentials. The secret is shown once, when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Line, Moment
from api.idempotency import RepeatableRoute
from api.paging import Listing, Page, page_of
from domain.api_key import Scope

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.api_keys import KnownKey, NewSecret

router = APIRouter(tags=["API keys"], route_class=RepeatableRoute)


class ApiKeyBody(Body):
    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="No more than your own.")
    organization_id: UUID | None = Field(None, description="For the vendor: whose key it is; null, the vendor's own.")


class ApiKeyAnswer(BaseModel):
    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    organization_id: UUID | None
    created_at: Moment
    rotated_at: Moment | None
    last_used_at: Moment | None


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
    return _new(services.api_keys.issue(name=body.name, scopes=body.scopes, organization_id=organization_id))


@router.post("/api-keys/{key_id}/rotate")
def rotate_api_key(
    key_id: UUID, caller: Caller = require(Scope.API_KEYS), services: Services = Depends(services_of)
) -> NewApiKeyAnswer:
    """A new secret for the key; the old one is refused from now on."""
    _own(services, caller, key_id)
    return _new(services.api_keys.rotate(key_id))


@router.delete("/api-keys/{key_id}", status_code=204)
def revoke_api_key(
    key_id: UUID, caller: Caller = require(Scope.API_KEYS), services: Services = Depends(services_of)
) -> None:
    """The key is refused from now on."""
    _own(services, caller, key_id)
    services.api_keys.revoke(key_id)


def _own(services: Services, caller: Caller, key_id: UUID) -> None:
    """Nobody gets hold of, or ends, a key that can do more than themselves."""
    key = services.api_keys.find(key_id)
    caller.must_see(key.organization_id, "API key", key_id)
    caller.require(*key.scopes)


def _new(made: NewSecret) -> NewApiKeyAnswer:
    return NewApiKeyAnswer(**_facts(made.key), secret=made.secret)


def _shown(key: KnownKey) -> ApiKeyAnswer:
    return ApiKeyAnswer(**_facts(key))


def _facts(key: KnownKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "organization_id": key.organization_id,
        "created_at": key.created_at,
        "rotated_at": key.rotated_at,
        "last_used_at": key.last_used_at,
    }
