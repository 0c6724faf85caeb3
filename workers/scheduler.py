"""The process that keeps time: one of them leads and does the chores, the others wait to take over."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import structlog

from domain.errors import Unavailable
from workers.chores import Chore, chores

if TYPE_CHECKING:
    from adapters.bootstrap import Services

log = structlog.get_logger()

LEADS = 7310868735423
"""The advisory lock of the one that leads; it falls with its connection."""
_TICK = 0.25


def run(services: Services, stop: threading.Event) -> None:
    """Keeps time until `stop` is set."""
    timetable = [(chore, 0.0) for chore in chores(services)]
    while not stop.is_set():
        try:
            with psycopg.connect(services.database.url, autocommit=True, connect_timeout=3) as connection:
                while not stop.wait(_TICK):
                    services.process_beats.beat("scheduler")
                    if _leads(connection):
                        timetable = [_done(chore, due) for chore, due in timetable]
        except psycopg.OperationalError as error:
            log.warning("scheduler.database_away", error=type(error).__name__)
            stop.wait(1.0)
    services.process_beats.stop("scheduler")


def _leads(connection: psycopg.Connection) -> bool:
    """Whether this process holds the lock; asking again while it does finds a connection that was lost."""
    return connection.execute("select pg_try_advisory_lock(%s)", (LEADS,)).fetchone() == (True,)


def _done(chore: Chore, due: float) -> tuple[Chore, float]:
    """The chore, done if it is due, and when it is due again."""
    if time.monotonic() < due:
        return chore, due
    try:
        chore.do()
    except Unavailable:
        log.warning("chore.put_off", chore=chore.do.__name__)
    except Exception as error:
        log.exception("chore.failed", chore=chore.do.__name__, error=type(error).__name__)
    return chore, time.monotonic() + chore.every
