"""The delivery log of outgoing webhooks: what was sent to whom, what it came to, sending it again (contract §10)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Code, Moment
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.past import plain
from domain.api_key import Scope
from domain.public_events import scopes_of
from domain.webhook_delivery import DeliveryState

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.webhook_delivery_log import LoggedAttempt, LoggedDelivery

router = APIRouter(
    prefix="/webhook-deliveries",
    tags=["webhooks"],
    route_class=RepeatableRoute,
    dependencies=[Depends(known_parameters)],
)

_RETRIES = Limit("webhook-retry", 60, timedelta(minutes=1))


class ObjectAnswer(BaseModel):
    """The thing that something happened to: of one thing, deliveries go out in their order."""

    type: str
    id: UUID


class DeliveryAnswer(BaseModel):
    id: UUID
    endpoint_id: UUID
    organization_id: UUID | None
    event_id: UUID = Field(description="The `webhook-id`: the same for every endpoint, attempt and replay.")
    type: str
    position: int | None = Field(description="Of the fact in the log; null: a test.")
    object: ObjectAnswer
    replay_id: UUID | None
    test: bool
    state: DeliveryState
    attempts: int
    status: int | None = Field(description="What the endpoint answered last.")
    error: str | None = Field(description="Why the last attempt failed.")
    next_attempt_at: Moment | None = Field(description="Not before; earlier ones of the same object go first.")
    created_at: Moment
    finished_at: Moment | None


class AttemptAnswer(BaseModel):
    number: int
    at: Moment
    status: int | None
    error: str | None
    latency_ms: int
    response: str | None = Field(description="The first 2 KiB of what was answered; forgotten after seven days.")


class WholeDeliveryAnswer(DeliveryAnswer):
    attempt_log: list[AttemptAnswer]
    payload: dict[str, Any] = Field(description="The body as it is sent.")


class DeliveryListing(Listing):
    data: list[DeliveryAnswer]


def own_delivery(
    delivery_id: UUID, caller: Caller = require(Scope.WEBHOOKS), services: Services = Depends(services_of)
) -> LoggedDelivery:
    """Dependency: a delivery that the caller may see, which takes the right to read what it tells."""
    delivery = services.webhook_endpoints.delivery(delivery_id)
    caller.must_see(delivery.organization_id, "webhook delivery", delivery_id)
    caller.require(*scopes_of([delivery.type]))
    return delivery


@router.get("")
def list_webhook_deliveries(
    endpoint_id: UUID | None = None,
    state: DeliveryState | None = None,
    type: Code | None = None,
    object_id: UUID | None = None,
    replay_id: UUID | None = None,
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.WEBHOOKS),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> DeliveryListing:
    """Deliveries, newest first. What is finished is kept for 30 days."""
    position = services.store.recorder.max_notification_id() or 0
    found = services.webhook_delivery_log.list(
        organization_id=caller.narrow(organization_id),
        endpoint_id=endpoint_id,
        object_id=object_id,
        replay_id=replay_id,
        state=state,
        type=type,
        after=page.after_number,
        limit=page.take,
    )
    return DeliveryListing(
        **page.answer(found, cursor=lambda each: (each.sequence,), show=delivery_answer, position=position)
    )


@router.get("/{delivery_id}")
def show_webhook_delivery(
    delivery: LoggedDelivery = Depends(own_delivery), services: Services = Depends(services_of)
) -> WholeDeliveryAnswer:
    """One delivery with its attempts and its payload."""
    attempts = services.webhook_delivery_log.attempts(delivery.delivery_id)
    payload = services.webhook_payloads.payload(delivery, delivery.replay_id)
    return WholeDeliveryAnswer(
        **_facts(delivery), attempt_log=[_attempt(each) for each in attempts], payload=plain(payload)
    )


@router.post("/{delivery_id}/retry", status_code=202)
def retry_webhook_delivery(
    delivery: LoggedDelivery = Depends(own_delivery), services: Services = Depends(services_of)
) -> DeliveryAnswer:
    """Sends a delivery now, whatever became of it, and for three days again if need be."""
    admit(services, _RETRIES, str(delivery.endpoint_id))
    return delivery_answer(services.webhook_endpoints.retry(delivery.delivery_id))


def delivery_answer(delivery: LoggedDelivery) -> DeliveryAnswer:
    return DeliveryAnswer(**_facts(delivery))


def _facts(delivery: LoggedDelivery) -> dict[str, Any]:
    return {
        **delivery._asdict(),
        "id": delivery.delivery_id,
        "object": ObjectAnswer(type=delivery.type.split(".")[0], id=delivery.object_id),
        "test": delivery.is_test,
        "next_attempt_at": delivery.due_at if delivery.state == DeliveryState.WAITING else None,
    }


def _attempt(attempt: LoggedAttempt) -> AttemptAnswer:
    response = None if attempt.body is None else bytes(attempt.body).decode(errors="replace").replace("\0", "�")
    return AttemptAnswer(**attempt._asdict(), response=response)
