"""The engine's clock. In production it is the system's; in the sandbox it can be moved forward.

The sandbox offset lives in Postgres so that all processes agree; each looks for a change several times a second.
"""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from adapters.database import Database
from domain.errors import Conflict, Unavailable
from domain.ids import time_ordered_id

LOOK_EVERY = 0.1
"""Seconds between two looks at the offset; after a move every process follows within this time."""


class Clock:
    """The system's clock."""

    @property
    def offset(self) -> timedelta:
        """How far the engine is ahead of the system's clock."""
        return timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def new_id(self) -> UUID:
        """A time-ordered id."""
        return time_ordered_id(self.now(), secrets.token_bytes(10))

    def close(self) -> None: ...


class SandboxClock(Clock):
    """A clock that `advance` moves, for every process of the engine."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._offset = self._stored_offset()
        self._stop = threading.Event()
        threading.Thread(target=self._follow, name="sandbox-clock", daemon=True).start()

    @property
    def offset(self) -> timedelta:
        return self._offset

    def advance(self, by: timedelta) -> datetime:
        """Moves forward and answers the new time once all processes know it; `Conflict` for a move back."""
        if by < timedelta(0):
            raise Conflict("The clock only moves forward.")
        sql = "update sandbox_clock set ahead = ahead + %s returning ahead"
        moved = self._database.fetch_one(sql, (by,))
        if moved:
            self._offset = moved["ahead"]
        time.sleep(2 * LOOK_EVERY)
        return self.now()

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            try:
                self._offset = self._stored_offset()
            except Unavailable:
                continue  # Postgres is away: the last offset stays good

    def _stored_offset(self) -> timedelta:
        found = self._database.fetch_one("select ahead from sandbox_clock")
        return found["ahead"] if found else timedelta(0)
