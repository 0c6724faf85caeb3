"""The outbox: what has to be done because of a fact, kept until it is done."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row

_CLAIM = 60
"""Seconds for which a claimed task is nobody else's; one that takes longer may be done twice, which is safe."""
_LONGEST_PAUSE = 3600


class Errand(NamedTuple):
    """One task because of one stored event."""

    id: UUID
    task: str
    stream_id: UUID
    version: int


class Outbox:
    """At least once: every task is idempotent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def put(id: UUID, task: str, stream_id: UUID, version: int) -> Row:
        """The statement that enters a task because of a stored event, due at once; entered again it stays as it is."""
        return (
            "insert into outbox (id, task, stream_id, version) values (%s, %s, %s, %s) on conflict do nothing",
            (id, task, stream_id, version),
        )

    def enter(self, id: UUID, task: str, stream_id: UUID, version: int) -> None:
        """As `put`, for what follows from time and not from a new fact."""
        self._database.execute(*self.put(id, task, stream_id, version))

    def claim(self, id: UUID) -> Errand | None:
        """Takes a task that is due; None when it is done, or another worker has it."""
        found = self._database.fetch_one(
            "update outbox set attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => %s)"
            " where id = %s and due_at <= clock_timestamp() returning id, task, stream_id, version",
            (_CLAIM, id),
        )
        return Errand(**found) if found else None

    def done(self, id: UUID) -> None:
        self._database.execute("delete from outbox where id = %s", (id,))

    def failed(self, id: UUID, error: str) -> None:
        """Tried again after a pause that doubles: 2 s, 4 s … an hour. `error` is a kind, never content."""
        self._database.execute(
            "update outbox set error = %s,"
            " due_at = clock_timestamp() + make_interval(secs => least(power(2, attempts), %s)) where id = %s",
            (error, _LONGEST_PAUSE, id),
        )

    def waiting(self) -> int:
        """How many tasks are not done."""
        found = self._database.fetch_one("select count(*) as n from outbox")
        return found["n"] if found else 0

    def due(self, limit: int) -> list[UUID]:
        """Tasks that nobody has done and nobody is at, oldest first."""
        found = self._database.fetch_all(
            "select id from outbox where due_at <= clock_timestamp() - interval '2 seconds' order by due_at limit %s",
            (limit,),
        )
        return [row["id"] for row in found]
