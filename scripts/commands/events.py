"""The log: what happened, anything as it was, and whether all of it is whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, cell, fields, progress_in_steps, text
from scripts.commands.times import Time, time_of

if TYPE_CHECKING:
    from application.history import Entry

app = typer.Typer(help="The log of everything that happened.")

Stream = Annotated[str | None, typer.Option(help="A kind of aggregate, such as license.", show_default=False)]
StreamId = Annotated[UUID | None, typer.Option(help="One aggregate.", show_default=False)]
Type = Annotated[str | None, typer.Option(help="A kind of event, such as license.issued.", show_default=False)]
Organization = Annotated[UUID | None, typer.Option(help="Of one organization.", show_default=False)]
After = Annotated[int | None, typer.Option(min=0, help="After this position.", show_default=False)]


@app.command()
def show(
    stream: Annotated[str, typer.Argument(help="A kind of aggregate, such as license.", show_default=False)],
    stream_id: Annotated[UUID, typer.Argument(metavar="ID", show_default=False)],
    at: Time = None,
    version: Annotated[int | None, typer.Option(min=1, help="After so many of its events.")] = None,
    position: Annotated[int | None, typer.Option(min=1, help="At this position of the log.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """An aggregate as it was at a time, version or position (now, without one), and what had happened to it."""
    from application.history import Moment

    if sum(each is not None for each in (at, version, position)) > 1:
        raise typer.BadParameter("give only one of --at, --version and --position")
    with engine(data) as services:
        past = services.history.show(stream, stream_id, Moment(time_of(at), version, position))

    def shown(document: dict[str, Any]) -> None:
        fields(document["state"])
        print()
        for entry in past.events:
            print(_line(entry))

    document = past._asdict() | {"events": [entry._asdict() for entry in past.events]}
    del document["owners"]
    answer(document, as_json, shown)


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output without it.")] = None,
    format: Annotated[str, typer.Option(help="jsonl or csv.")] = "jsonl",
    stream: Stream = None,
    stream_id: StreamId = None,
    type: Type = None,
    organization: Organization = None,
    since: Time = None,
    until: Time = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """All events, or those asked for, in log order."""
    from api.audit import csv_lines, json_lines
    from application.history import Filters

    if format not in ("jsonl", "csv"):
        raise typer.BadParameter(f"{format!r} is no format; there are jsonl and csv", param_hint="--format")
    filters = Filters(stream, stream_id, type, organization, time_of(since), time_of(until))
    with engine(data) as services:
        batches = services.history.export(filters)
        parts = csv_lines(batches) if format == "csv" and not as_json else json_lines(batches)
        if output is None:
            sys.stdout.writelines(parts)
        else:
            with output.open("w") as file:
                file.writelines(parts)


@app.command()
def tail(
    after: After = None,
    stream: Stream = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more until Ctrl-C.")] = True,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Events as they are stored, from now on or from a position."""
    with engine(data) as services, suppress(KeyboardInterrupt):
        entries: Iterator[Entry] = services.history.tail(after) if follow else _until_now(services, after)
        for entry in entries:
            if stream is None or entry.stream == stream:
                print(text(entry._asdict()) if as_json else _line(entry), flush=True)


@app.command()
def verify(data: Data = None, as_json: Json = False) -> None:
    """Read and replay everything, check that no seat was held twice and no licence was above its limit, and compare
    every read model with the log. Exit code 1 when anything is wrong."""
    with engine(data) as services, progress_in_steps() as say:
        verified = services.verification.run(say)

    def show(counts: dict[str, Any]) -> None:
        for finding in verified.findings:
            where = f" (position {finding.position})" if finding.position else ""
            print(f"{finding.kind.value}: {cell(finding.text)}{where}")
        fields(counts)

    answer(verified.counts, as_json, show)
    raise typer.Exit(int(not verified.ok))


def _until_now(services: Any, after: int | None) -> Iterator[Entry]:
    from application.history import Filters

    for batch in services.history.export(Filters(), after=after):
        yield from batch


def _line(entry: Entry) -> str:
    time = entry.occurred_at.strftime("%Y-%m-%d %H:%M:%S") if entry.occurred_at else "?"
    return f"{entry.position:>8}  {time}  {cell(entry.sentence)}  [{entry.type} {entry.stream_id}, {cell(entry.actor)}]"
