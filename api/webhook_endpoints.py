"""Webhooks to customers and the vendor: where they go, what they tell, and telling it again (contract §10)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.auth import Caller, require, services_of
from api.bodies import Body, Moment, text
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.webhook_deliveries import DeliveryAnswer, delivery_answer
from application.webhook_endpoints import Changes
from domain import durations
from domain.api_key import Scope
from domain.errors import InvalidRequest
from domain.public_events import MOST_FILTERS, checked_filters, scopes_of
from domain.webhook_endpoint import DisabledReason
from domain.webhook_url import LONGEST

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.webhook_book import KnownEndpoint
    from application.webhook_endpoints import NewEndpointSecret

router = APIRouter(
    prefix="/webhook-endpoints",
    tags=["webhooks"],
    route_class=RepeatableRoute,
    dependencies=[Depends(known_parameters)],
)

_ADDRESSES = Limit("webhook-url", 30, timedelta(minutes=1))
"""Each is asked a name server about."""
_TESTS = Limit("webhook-test", 10, timedelta(minutes=1))
_REPLAYS = Limit("webhook-replay", 10, timedelta(minutes=1))
_LARGEST = 2**63 - 1


def _duration(text: str) -> timedelta:
    return durations.parse(text)


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST)]
Description = text(200)
Filter = Annotated[str, StringConstraints(pattern=r"^([a-z_]+\.)?[a-z_]*\*?$", min_length=1, max_length=64)]
Types = Annotated[
    list[Filter],
    Field(
        min_length=1,
        max_length=MOST_FILTERS,
        description="Names of events, or beginnings that end in `*`: `license.*`, `invoice.paid`, `*`.",
    ),
]
Position = Annotated[int, Field(ge=1, le=_LARGEST)]
Duration = Annotated[str, StringConstraints(max_length=32), AfterValidator(_duration)]


class EndpointBody(Body):
    """`url` is https with port 443 or one from 1024 on, without a user, and leads to a public address."""

    url: Url
    types: Types
    description: Description | None = None  # type: ignore[valid-type]
    enabled: bool = True
    organization_id: UUID | None = Field(
        None, description="For the vendor: whose endpoint it is; null, the vendor's own, which is told of everything."
    )


class EndpointChange(Body):
    """What is left out stays as it is."""

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None  # type: ignore[valid-type]
    enabled: bool | None = None
    from_position: Position | None = Field(
        None, description="With `enabled: true`: goes on from this position of the log; left out, from now on."
    )


class RotationBody(Body):
    overlap: Duration = Field(
        default="P1D", validate_default=True, description="So long the former secret signs, too; at most P7D."
    )


class ReplayBody(Body):
    """What happened from one position to the other, both included, is told once more."""

    from_position: Position
    to_position: Position | None = Field(None, description="Left out: the end of the log at this moment.")
    types: Types | None = Field(None, description="Left out: those of the endpoint.")


class EndpointAnswer(BaseModel):
    id: UUID
    organization_id: UUID | None = Field(description="null: the vendor's.")
    url: str | None = Field(description="null: erased.")
    description: str | None
    types: list[str]
    enabled: bool
    disabled_reason: DisabledReason | None
    resumes_at: int | None = Field(description="Of a disabled endpoint: the first position that it was not told of.")
    failing_since: Moment | None = Field(description="Nothing but failures came of it since then.")
    rests_until: Moment | None = Field(description="It is left in peace until then.")
    former_secret_until: Moment | None = Field(description="Until then the former secret signs, too.")
    created_at: Moment


class NewEndpointAnswer(EndpointAnswer):
    secret: str = Field(description="`whsec_…`, to check signatures with. It cannot be shown again.")


class EndpointListing(Listing):
    data: list[EndpointAnswer]


class ReplayAnswer(BaseModel):
    id: UUID
    from_position: int
    to_position: int
    types: list[str]
    state: Literal["running", "stopped", "finished"]
    position: int = Field(description="Everything up to here has been handed over for delivery.")
    created_at: Moment


class ReplayListing(BaseModel):
    data: list[ReplayAnswer]


def own_endpoint(
    endpoint_id: UUID, caller: Caller = require(Scope.WEBHOOKS), services: Services = Depends(services_of)
) -> KnownEndpoint:
    """Dependency: an endpoint that the caller may see."""
    endpoint = services.webhook_endpoints.find(endpoint_id)
    caller.must_see(endpoint.organization_id, "webhook endpoint", endpoint_id)
    return endpoint


def ruled_endpoint(
    endpoint: KnownEndpoint = Depends(own_endpoint), caller: Caller = require(Scope.WEBHOOKS)
) -> KnownEndpoint:
    """Dependency: one that the caller may change, which takes the right to read all that it is told of."""
    caller.require(*scopes_of(endpoint.types))
    return endpoint


@router.get("")
def list_webhook_endpoints(
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.WEBHOOKS),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> EndpointListing:
    """Endpoints, oldest first."""
    position = services.store.recorder.max_notification_id() or 0
    narrowed = caller.narrow(organization_id)
    found = services.webhook_endpoints.live(narrowed, after=page.after_time_and_id, limit=page.take)
    return EndpointListing(
        **page.answer(found, cursor=lambda each: (each.created_at, each.endpoint_id), show=_shown, position=position)
    )


@router.post("", status_code=201)
def create_webhook_endpoint(
    body: EndpointBody, caller: Caller = require(Scope.WEBHOOKS), services: Services = Depends(services_of)
) -> NewEndpointAnswer:
    """A new endpoint, with its secret this once. It is told of nothing that its maker may not read."""
    caller.require(*scopes_of(checked_filters(body.types)))
    organization_id = caller.narrow(body.organization_id)
    if organization_id is not None:
        services.organizations.fetch(organization_id)
    admit(services, _ADDRESSES, caller.actor)
    made = services.webhook_endpoints.add(
        organization_id, url=body.url, types=body.types, description=body.description, enabled=body.enabled
    )
    return _with_secret(made)


@router.get("/{endpoint_id}")
def show_webhook_endpoint(endpoint: KnownEndpoint = Depends(own_endpoint)) -> EndpointAnswer:
    """One endpoint."""
    return _shown(endpoint)


@router.patch("/{endpoint_id}")
def change_webhook_endpoint(
    body: EndpointChange,
    endpoint: KnownEndpoint = Depends(ruled_endpoint),
    caller: Caller = require(Scope.WEBHOOKS),
    services: Services = Depends(services_of),
) -> EndpointAnswer:
    """Another address (for what waits as well), other types (from now on), another description; off and on again."""
    if body.types is not None:
        caller.require(*scopes_of(checked_filters(body.types)))
    if body.from_position is not None and body.enabled is not True:
        raise InvalidRequest.field("from_position", "goes with enabled: true; see also POST …/replay")
    if body.url is not None:
        admit(services, _ADDRESSES, caller.actor)
    wanted = Changes(**body.model_dump(), is_described="description" in body.model_fields_set)
    return _shown(services.webhook_endpoints.change(endpoint.endpoint_id, wanted))


@router.delete("/{endpoint_id}", status_code=204)
def remove_webhook_endpoint(
    endpoint: KnownEndpoint = Depends(own_endpoint), services: Services = Depends(services_of)
) -> Response:
    """The endpoint is told nothing more; its address and secrets are forgotten."""
    services.webhook_endpoints.remove(endpoint.endpoint_id)
    return Response(status_code=204)


@router.post("/{endpoint_id}/rotate-secret")
def rotate_webhook_secret(
    body: RotationBody | None = None,
    endpoint: KnownEndpoint = Depends(ruled_endpoint),
    services: Services = Depends(services_of),
) -> NewEndpointAnswer:
    """A new secret, shown this once. During the overlap every webhook carries the signatures of both."""
    overlap = (body or RotationBody()).overlap
    return _with_secret(services.webhook_endpoints.rotate_secret(endpoint.endpoint_id, overlap))


@router.post("/{endpoint_id}/test", status_code=202)
def test_webhook_endpoint(
    endpoint: KnownEndpoint = Depends(own_endpoint), services: Services = Depends(services_of)
) -> DeliveryAnswer:
    """Sends a signed `webhook.test`, once, also while the endpoint is disabled. Ask the delivery what came of it."""
    admit(services, _TESTS, str(endpoint.endpoint_id))
    return delivery_answer(services.webhook_endpoints.test(endpoint.endpoint_id))


@router.post("/{endpoint_id}/replay", status_code=202)
def replay_to_webhook_endpoint(
    body: ReplayBody,
    endpoint: KnownEndpoint = Depends(ruled_endpoint),
    caller: Caller = require(Scope.WEBHOOKS),
    services: Services = Depends(services_of),
) -> ReplayAnswer:
    """Tells an endpoint once more of what happened, marked with the replay's id, at most a hundred events a second."""
    admit(services, _REPLAYS, str(endpoint.endpoint_id))
    if body.types is not None:
        caller.require(*scopes_of(checked_filters(body.types)))
    replay = services.webhook_endpoints.replay(
        endpoint.endpoint_id, from_position=body.from_position, to_position=body.to_position, types=body.types
    )
    return ReplayAnswer(**replay._asdict())


@router.get("/{endpoint_id}/replays")
def list_webhook_replays(
    endpoint: KnownEndpoint = Depends(own_endpoint), services: Services = Depends(services_of)
) -> ReplayListing:
    """The last hundred replays to an endpoint, newest first."""
    found = services.webhook_delivery_log.replays(endpoint.endpoint_id)
    return ReplayListing(data=[ReplayAnswer(**each._asdict()) for each in found])


@router.delete("/{endpoint_id}/replays/{replay_id}", status_code=204)
def stop_webhook_replay(
    replay_id: UUID, endpoint: KnownEndpoint = Depends(own_endpoint), services: Services = Depends(services_of)
) -> Response:
    """What of the replay was not sent yet is not sent any more."""
    services.webhook_endpoints.stop_replay(endpoint.endpoint_id, replay_id)
    return Response(status_code=204)


def _with_secret(made: NewEndpointSecret) -> NewEndpointAnswer:
    return NewEndpointAnswer(**_facts(made.endpoint), secret=made.secret)


def _shown(endpoint: KnownEndpoint) -> EndpointAnswer:
    return EndpointAnswer(**_facts(endpoint))


def _facts(endpoint: KnownEndpoint) -> dict[str, Any]:
    return {
        **endpoint._asdict(),
        "id": endpoint.endpoint_id,
        "enabled": endpoint.disabled is None,
        "disabled_reason": endpoint.disabled,
        "former_secret_until": endpoint.former_until,
    }
