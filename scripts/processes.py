"""The processes of an engine: what each kind runs, how it begins, and how it ends in good order."""

from __future__ import annotations

import importlib
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog

from adapters import logs
from adapters.bootstrap import Services, build
from adapters.migrate import migrate, missing
from adapters.settings import Settings
from domain.errors import Unavailable
from projections.all import read_models
from projections.rebuild import rebuild_outdated

KINDS = ("api", "worker", "projector", "dispatcher", "scheduler")
Progress = Callable[[int, int], None]

log = structlog.get_logger()


class NotMigrated(Exception):
    """The database lacks what this version needs; the message is one line that says what to do."""


def run(kind: str, settings: Settings, listening: socket.socket | None = None) -> None:
    """Runs a process of `kind` in this one, until SIGTERM or SIGINT. An API takes its listening socket along."""
    logs.configure(level=settings.log_level, format=settings.log_format, process=kind)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    services = build(settings)
    if _is_ready(kind, services, stop):
        log.info("process.started")
        _work(kind, services, stop, listening)
    services.close()
    log.info("process.stopped")


def prepare(settings: Settings, progress: Progress = lambda position, last: None) -> dict[str, list[str]]:
    """Brings a database to what this version needs, with its first keys; answers what was `migrated` and `rebuilt`.

    Raises `SchemaTooNew` for a database of a newer version; any number may do this at once.
    """
    services = build(settings)
    try:
        migrated = migrate(services.database.url)
        decode = services.codec.to_domain_event
        rebuilt = rebuild_outdated(services.database.url, decode, read_models(), progress)
        _ensure_keys(services)
    finally:
        services.close()
    return {"migrated": migrated, "rebuilt": rebuilt}


def check_schema(database_url: str) -> None:
    """Raises `NotMigrated`, or `SchemaTooNew` for a database of a newer version."""
    advice = "run `usher migrate` first"
    with psycopg.connect(database_url, autocommit=True) as connection:
        try:
            lacking = missing(connection)
        except psycopg.errors.UndefinedTable:
            raise NotMigrated(f"The database is empty: {advice}.") from None
    if lacking:
        raise NotMigrated(f"The database lacks {', '.join(lacking)}: {advice}.")


def _work(kind: str, services: Services, stop: threading.Event, listening: socket.socket | None) -> None:
    """Each kind imports what it needs and nothing else: that is most of its memory."""
    if kind == "api":
        from api.server import serve

        if listening is None:
            raise ValueError("an API needs a socket to listen on")
        serve(services, listening)
    elif kind == "stripe":
        from scripts import stand_in

        if listening is None:
            raise ValueError("the stand-in for Stripe needs a socket to listen on")
        stand_in.serve(services, listening)
    else:
        importlib.import_module(f"workers.{kind}").run(services, stop)


def _ensure_keys(services: Services) -> None:
    services.signing.ensure(services.clock.now())
    if services.settings.admin_key:
        services.api_keys.ensure_admin_key(services.settings.admin_key)


def _is_ready(kind: str, services: Services, stop: threading.Event) -> bool:
    """Waits for a database that may be away at any moment of it; False when asked to stop meanwhile."""
    is_said = False
    while not stop.is_set():
        with suppress(psycopg.OperationalError, Unavailable):
            check_schema(services.database.url)
            if kind == "api":
                _ensure_keys(services)
            return True
        if not is_said:
            log.warning("process.waits_for_database")
            is_said = True
        stop.wait(0.5)
    return False
