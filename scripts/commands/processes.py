"""Running the engine: everything at once, or one process each."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scripts.commands.engine import Data, Json, connected, settings_of
from scripts.commands.output import answer, progress

app = typer.Typer()

Host = Annotated[str | None, typer.Option(help="Address to listen on (USHER_HOST).", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port (USHER_PORT).", show_default="8000")]


@app.command()
def up(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Everything on one machine, until Ctrl-C: Postgres and Valkey unless their URLs are set, the API, the workers."""
    from scripts.supervisor import Supervisor

    settings = settings_of(data, host=host, port=port)
    for warning in settings.warnings:
        print(f"usher: {warning}", file=sys.stderr)
    raise typer.Exit(Supervisor(settings).run())


@app.command()
def api(host: Host = None, port: Port = None, data: Data = None) -> None:
    """The API process (API_WORKERS of them)."""
    from scripts.apis import run_apis

    run_apis(connected(settings_of(data, host=host, port=port)))


@app.command()
def worker(data: Data = None) -> None:
    """A worker: webhooks become licences, errands are run. Any number may run."""
    _run("worker", data)


@app.command()
def projector(data: Data = None) -> None:
    """A projector: follows the log and builds the read models. Any number may run."""
    _run("projector", data)


@app.command()
def dispatcher(data: Data = None) -> None:
    """A dispatcher: follows the log and turns facts into errands. Any number may run."""
    _run("dispatcher", data)


@app.command()
def scheduler(data: Data = None) -> None:
    """A scheduler: deadlines and what nobody has taken. Any number may run, one leads."""
    _run("scheduler", data)


@app.command()
def migrate(data: Data = None, as_json: Json = False) -> None:
    """Bring the database to this version: tables, read models, first keys. Running it again changes nothing."""
    from scripts.processes import prepare

    settings = connected(settings_of(data))
    with progress("Building read models") as say:
        done = prepare(settings, say)

    def show(done: dict[str, list[str]]) -> None:
        for name in done["migrated"]:
            print(f"Migrated {name}")
        for name in done["rebuilt"]:
            print(f"Rebuilt {name}")
        if not any(done.values()):
            print("The database is up to date.")

    answer(done, as_json, show)


def _run(kind: str, data: Data) -> None:
    from scripts.processes import run

    run(kind, connected(settings_of(data)))
