"""Signs of life of the engine's processes, so that readiness can tell the truth."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

from adapters.database import Database
from domain.errors import Unavailable

EVERY = 3.0
"""Seconds between two signs of life."""
LOST_AFTER = 15.0
"""Seconds without one after which a process counts as gone."""


class ProcessBeats:
    """`beat` is called as often as is convenient and writes now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._next: dict[str, float] = {}

    def beat(self, kind: str) -> None:
        """This process, a `worker`, `projector`, `dispatcher` or `scheduler`, is at work. With Postgres away nobody
        can be told, which is no reason to stop."""
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            return
        self._next[kind] = now + EVERY
        with suppress(Unavailable):
            self._database.execute(
                "insert into process_beats (kind, instance, beat_at) values (%s, %s, clock_timestamp())"
                " on conflict (kind, instance) do update set beat_at = excluded.beat_at",
                (kind, self._instance),
            )

    def stop(self, kind: str) -> None:
        """This process ends in good order."""
        with suppress(Unavailable):
            sql = "delete from process_beats where kind = %s and instance = %s"
            self._database.execute(sql, (kind, self._instance))

    def alive(self) -> dict[str, int]:
        """How many of each kind are alive; forgets those that have been gone for a day."""
        self._database.execute("delete from process_beats where beat_at < clock_timestamp() - interval '1 day'")
        found = self._database.fetch_all(
            "select kind, count(*) as n from process_beats"
            " where beat_at > clock_timestamp() - make_interval(secs => %s) group by kind",
            (LOST_AFTER,),
        )
        return {row["kind"]: row["n"] for row in found}
