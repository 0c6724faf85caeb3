"""The followers of the log, and the read models that they build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, progress, table

if TYPE_CHECKING:
    from adapters.bootstrap import Services

app = typer.Typer(help="The followers of the log and their read models.")

_COLUMNS = ("name", "position", "lag", "updated_at", "state")


@app.command()
def status(data: Data = None, as_json: Json = False) -> None:
    """Where every follower stands. Exit code 1 when one has stopped or needs to be rebuilt."""
    with engine(data) as services:
        found = standing(services)
    answer(found, as_json, lambda rows: table(rows, _COLUMNS, empty="There is none."))
    raise typer.Exit(int(any(row["state"] != "ok" for row in found)))


@app.command()
def rebuild(
    name: Annotated[
        str | None, typer.Argument(help="A read model; all of them without it.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Build a read model anew beside the live one, which serves until the new one takes its place."""
    from projections.all import read_models
    from projections.rebuild import rebuild as build

    known = {read_model.name: read_model for read_model in read_models()}
    if name is not None and name not in known:
        raise typer.BadParameter(f"{name!r} is no read model; there are {', '.join(known)}", param_hint="NAME")
    done = []
    with engine(data) as services:
        for each in [known[name]] if name else known.values():
            with progress(f"Building {each.name}") as say:
                position = build(services.database.url, services.codec.to_domain_event, each, say)
            done.append({"name": each.name, "position": position})

    def show(done: list[dict[str, Any]]) -> None:
        for each in done:
            print(f"Rebuilt {each['name']} up to position {each['position']}")

    answer(done, as_json, show)


def standing(services: Services) -> list[dict[str, Any]]:
    """Every follower with its position, lag, error and `state`: `ok`, or what is wrong."""
    from projections.all import read_models
    from projections.dispatcher import Dispatcher
    from projections.positions import status as status_of
    from projections.quota_tellers import QUOTA_TELLERS
    from projections.seat_limits import SeatLimits
    from projections.webhook_feeds import WebhookFeeds

    with services.database.connection() as connection:
        others = (SeatLimits, Dispatcher, WebhookFeeds, *QUOTA_TELLERS)
        found = status_of(connection, [*read_models(), *others])
    return [{**row, "state": _state(row)} for row in found]


def _state(row: dict[str, Any]) -> str:
    if row["needs_rebuild"]:
        return f"of another version: run `usher projections rebuild {row['name']}`"
    return f"stopped: {row['error']}" if row["error"] else "ok"
