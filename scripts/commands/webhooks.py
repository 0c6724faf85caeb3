"""Webhooks that go out: endpoints, what was sent to them, and sending it again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, fields, table

app = typer.Typer(help="Webhooks to customers and to the vendor.")

_ENDPOINTS = ("id", "organization_id", "url", "types", "state", "failing_since", "created_at")
_DELIVERIES = ("id", "endpoint_id", "type", "position", "state", "attempts", "status", "error", "due_at")
Endpoint = Annotated[UUID, typer.Argument(metavar="ENDPOINT", show_default=False)]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="A name, or its beginning and *; may be given again. Default: the endpoint's."),
]


@app.command(name="list")
def list_endpoints(
    organization: Annotated[
        UUID | None, typer.Option(help="Of this organization; without it everybody's.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """The endpoints, oldest first."""
    with engine(data) as services:
        found = [_endpoint(each) for each in services.webhook_endpoints.live(organization, limit=10_000)]
    answer(found, as_json, lambda rows: table(rows, _ENDPOINTS, empty="There is no endpoint."))


@app.command()
def deliveries(
    endpoint: Annotated[UUID | None, typer.Option(help="To this endpoint.", show_default=False)] = None,
    state: Annotated[
        str | None, typer.Option(help="waiting, delivered, given_up or canceled.", show_default=False)
    ] = None,
    type: Annotated[str | None, typer.Option(help="Such as license.issued.", show_default=False)] = None,
    object: Annotated[UUID | None, typer.Option(help="About this thing.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 25,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """What was sent, newest first."""
    from domain.webhook_delivery import DeliveryState

    if state is not None and state not in set(DeliveryState):
        raise typer.BadParameter(f"{state!r} is no state; there are {', '.join(DeliveryState)}", param_hint="--state")
    with engine(data) as services:
        log = services.webhook_delivery_log
        found = log.list(endpoint_id=endpoint, state=state, type=type, object_id=object, limit=limit)
    rows = [_delivery(each) for each in found]
    answer(rows, as_json, lambda rows: table(rows, _DELIVERIES, empty="There is none."))


@app.command()
def replay(
    endpoint: Endpoint,
    from_position: Annotated[int, typer.Option("--from", min=1, help="First position of the log.")],
    to_position: Annotated[
        int | None, typer.Option("--to", min=1, help="Last position; without it the end of the log.")
    ] = None,
    types: Types = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Tell an endpoint once more of what happened, at most a hundred events a second."""
    with engine(data) as services:
        started = services.webhook_endpoints.replay(
            endpoint, from_position=from_position, to_position=to_position, types=types or None
        )
    answer(started._asdict(), as_json, fields)


@app.command()
def retry(
    ids: Annotated[list[UUID], typer.Argument(metavar="DELIVERY...", show_default=False)],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send a delivery now, whatever became of it."""
    with engine(data) as services:
        tried = [_delivery(services.webhook_endpoints.retry(id)) for id in ids]

    def show(tried: list[dict[str, Any]]) -> None:
        for each in tried:
            print(f"{each['id']} is {each['state']}")

    answer(tried, as_json, show)


def _endpoint(known: Any) -> dict[str, Any]:
    facts: dict[str, Any] = known._asdict()
    reason = facts.pop("disabled")
    return {"id": facts.pop("endpoint_id"), **facts, "state": f"disabled ({reason})" if reason else "enabled"}


def _delivery(logged: Any) -> dict[str, Any]:
    facts: dict[str, Any] = logged._asdict()
    return {"id": facts.pop("delivery_id"), **facts}
