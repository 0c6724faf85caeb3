"""How a command reaches its engine, and the options that commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The engine's data directory (USHER_DATA_DIR).", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


class NoEngine(Exception):
    """There are no servers to talk to; the message is one line that says what to do."""


def settings_of(data: Path | None = None, *, host: str | None = None, port: int | None = None) -> Settings:
    """The settings of the environment, with the options of the command line over them."""
    from adapters.settings import Settings

    given = {"USHER_DATA_DIR": data, "USHER_HOST": host, "USHER_PORT": port}
    options = {name: str(value) for name, value in given.items() if value is not None}
    return Settings.from_environment({**os.environ, **options})


def connected(settings: Settings) -> Settings:
    """The settings with the servers' addresses: those that are set, or those of the engine that runs in the data
    directory. Raises `NoEngine`; nothing is started."""
    from adapters.embedded import running
    from scripts.stand_in import found_in

    settings = found_in(settings)
    if settings.database_url and settings.redis_url:
        return settings

    engine = running(settings.data_dir)
    if engine is None:
        raise NoEngine(
            f"No engine runs in {settings.data_dir}: start it with `usher up` first, name its directory with --data,"
            " or set USHER_DATABASE_URL and USHER_REDIS_URL."
        )
    return settings.with_servers(
        database_url=settings.database_url or engine.database_url, redis_url=settings.redis_url or engine.redis_url
    )


@contextmanager
def engine(data: Path | None) -> Iterator[Services]:
    """The services of the engine, for one command by the operator. Raises `NoEngine`, `NotMigrated`."""
    from adapters import logs
    from adapters.bootstrap import build
    from application.attribution import acting
    from scripts.processes import check_schema

    settings = connected(settings_of(data))
    logs.configure(level="warning", format="console", process="usher")
    services = build(settings)
    try:
        services.database.ping()
        check_schema(services.database.url)
        with acting("operator"):
            yield services
    finally:
        services.close()
