"""The process that keeps time: one of them leads and does the chores, the others wait to take over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import structlog

from workers.chores import chores
from workers.timetable import Timetable

if TYPE_CHECKING:
    from adapters.bootstrap import Services

log = structlog.get_logger()

LEADS = 7310868735423
"""The advisory lock of the one that leads; it falls with its connection."""
_LET_GO = "set idle_session_timeout = '3s'"
"""One that stands still, or whose machine is gone, leads no longer."""
_TICK = 0.25


def run(services: Services, stop: threading.Event) -> None:
    """Keeps time until `stop` is set."""
    timetable, is_away = Timetable(chores(services)), False
    while not stop.is_set():
        try:
            with psycopg.connect(services.database.url, autocommit=True) as connection:
                connection.execute(_LET_GO)
                is_away = False
                while not stop.wait(_TICK):
                    services.process_beats.beat("scheduler")
                    if _leads(connection):
                        timetable.do_what_is_due(lambda: stop.is_set() or not _leads(connection))
        except psycopg.OperationalError as error:  # also when it was given up because a chore took longer
            if not is_away:
                log.warning("scheduler.database_away", error=type(error).__name__)
            is_away = True
            stop.wait(0.5)
    services.process_beats.stop("scheduler")


def _leads(connection: psycopg.Connection) -> bool:
    """Whether this process holds the lock; asking again while it does finds a connection that was lost."""
    return connection.execute("select pg_try_advisory_lock(%s)", (LEADS,)).fetchone() == (True,)
