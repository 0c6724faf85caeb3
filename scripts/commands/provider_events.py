"""Webhooks that came in, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, table

app = typer.Typer(help="Webhooks of payment providers.")

_COLUMNS = ("id", "event", "type", "status", "received_at", "waiting_for", "problem")


@app.command(name="list")
def list_events(
    status: Annotated[
        str | None, typer.Option(help="received, deferred, processed, ignored or failed.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 25,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """The webhooks, newest first."""
    from domain.provider_event import Status
    from projections.provider_events import list_provider_events

    if status is not None and status not in set(Status):
        raise typer.BadParameter(f"{status!r} is no status; there are {', '.join(Status)}", param_hint="--status")
    with engine(data) as services, services.database.connection() as connection:
        rows = list_provider_events(connection, status=status, limit=limit)
    found = [{"id": row.pop("provider_event_id"), **row} for row in rows]
    answer(found, as_json, lambda shown: table(shown, _COLUMNS, empty="There is none."))


@app.command()
def retry(
    ids: Annotated[list[UUID], typer.Argument(metavar="ID...", show_default=False)],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Have a webhook processed again that failed, waits, or was ignored. One that is processed stays so."""
    with engine(data) as services:
        tried = [{"id": id, "status": services.billing.retry(id).status} for id in ids]

    def show(tried: list[dict[str, Any]]) -> None:
        for each in tried:
            print(f"{each['id']} is {each['status']}")

    answer(tried, as_json, show)
