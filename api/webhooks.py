"""Payment providers' webhooks: verified, stored once, answered at once (contract §7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from eventsourcing.persistence import IntegrityError
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api.auth import holder_of
from api.hot import HotRoute, answer_json, operation
from domain.errors import NotFound, SignatureInvalid

if TYPE_CHECKING:
    from adapters.bootstrap import Services

_Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]


_Moment = Annotated[AwareDatetime, Field(strict=True)]
"""How thin events write their time."""


class StripeEvent(BaseModel):
    """As much of an event as is read before it is stored; the rest is kept as it came."""

    model_config = ConfigDict(extra="ignore")

    id: _Name
    type: _Name
    created: Annotated[int, Field(ge=0, le=253_402_300_799)] | _Moment

    @property
    def created_at(self) -> datetime:
        return self.created if isinstance(self.created, datetime) else datetime.fromtimestamp(self.created, UTC)


class WebhookAnswer(BaseModel):
    """`event` is the provider's id; `duplicate` says that it was stored before."""

    received: bool
    event: str
    duplicate: bool


async def stripe(request: Request) -> Response:
    """Stores the event in one transaction with its raw body; processing begins after the answer."""
    services: Services = request.scope["app"].state.services
    body = await request.body()
    if not services.webhook_signatures.is_open:
        raise NotFound("There is nothing at this address.")
    if not services.webhook_signatures.verify(body, request.headers.get("stripe-signature", "")):
        raise SignatureInvalid()
    event = _event(body)
    received, rows = services.billing.receive("stripe", event.id, event.type, event.created_at, body)
    duplicate = False
    try:
        await services.group_commit.append(
            received.collect_events(),  # type: ignore[arg-type]
            rows=rows,
            actor="provider:stripe",
            cause=f"request:{request.scope['request_id']}",
        )
    except IntegrityError:
        duplicate = True
    else:
        services.task_queue.process_provider_event_soon(received.id)  # a hint: one that is lost is made up for
    request.scope["quiet"] = True
    return answer_json({"received": True, "event": event.id, "duplicate": duplicate})


def _event(body: bytes) -> StripeEvent:
    try:
        return StripeEvent.model_validate_json(body)
    except ValidationError as error:
        problems: list[Any] = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
        raise RequestValidationError(problems) from None


def routes(base: str) -> list[HotRoute]:
    return [
        HotRoute(
            "POST",
            f"{base}/webhooks/stripe",
            stripe,
            rule=holder_of("Stripe's signature"),
            operation=operation(
                "A webhook of Stripe",
                {200: ("It is stored", WebhookAnswer)},
                refusals=(400, 404, 422, 503),
                tag="webhooks",
            )
            | {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
            models=[WebhookAnswer],
        )
    ]
