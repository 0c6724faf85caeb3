"""Reading the log as it is stored: one stream, what comes after a position, or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Event as Signal
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from adapters.database import Database
from domain.errors import Conflict, Unavailable

BATCH = 500
_CHUNK = 2_000
_LOOK_AGAIN = timedelta(seconds=2)
_COLUMNS = "notification_id, originator_id, originator_version, topic, convert_to(state::text, 'UTF8'), actor, cause"
_KIND = "split_part(topic, '.', 1)"


class LogRow(NamedTuple):
    """An event as it is stored, with its place and its attribution; the codec reads it."""

    position: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    actor: str
    cause: str

    @property
    def stream(self) -> str:
        """The kind of its aggregate, as its topic says."""
        return self.topic.partition(".")[0]


class LogScan:
    """Past every read model: what it answers is the log itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> int:
        """The position of the last event, 0 when there is none."""
        found = self._database.fetch_one("select log_head() as head")
        return int(found["head"]) if found else 0

    def stream(self, stream_id: UUID) -> list[LogRow]:
        """All events of one aggregate; for a tenant none, unless it is or once was the tenant's."""
        return self._fetch(f"select {_COLUMNS} from past_stream(%s) order by 3", (stream_id,))

    def after(self, position: int, limit: int = BATCH) -> list[LogRow]:
        """The next events of the log."""
        sql = f"select {_COLUMNS} from stored_events where notification_id > %s order by 1 limit %s"
        return self._fetch(sql, (position, limit))

    def follow(self, position: int, stop: Signal) -> Iterator[LogRow]:
        """Every event after a position, those that are still to come too, until `stop` is set."""
        with psycopg.connect(self._database.url, autocommit=True) as connection:
            connection.execute("listen usher_log")
            while not stop.is_set():
                rows = self.after(position)
                yield from rows
                if rows:
                    position = rows[-1].position
                else:
                    _wait(connection)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """`Conflict` while another process is inside; `Unavailable` when Postgres goes away."""
        try:
            with psycopg.connect(self._database.url, autocommit=True) as connection:
                free = connection.execute("select pg_try_advisory_lock(hashtextextended('usher events verify', 0))")
                if free.fetchone() != (True,):
                    raise Conflict("The log is being verified by another process; wait for it to end.")
                yield
        except psycopg.OperationalError as error:
            raise Unavailable(retry_after=2) from error

    @contextmanager
    def whole(self) -> Iterator[WholeLog]:
        """The log as it is at this moment, whatever is appended meanwhile."""
        with psycopg.connect(self._database.url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield WholeLog(connection)

    @staticmethod
    def is_away(error: Exception) -> bool:
        """Whether it was the database that failed, and not what is in it."""
        return isinstance(error, psycopg.OperationalError)

    def _fetch(self, sql: str, params: Sequence[Any]) -> list[LogRow]:
        with self._database.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            return [LogRow._make(row) for row in cursor.execute(sql, params).fetchall()]


class WholeLog:
    """Every event exactly once, streamed in chunks over one connection. `events` and `streams` are how many it has."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        found = connection.execute("select count(*), count(distinct originator_id) from stored_events").fetchone()
        self.events, self.streams = found or (0, 0)

    def in_order(self, *kinds: str) -> Iterator[LogRow]:
        """The events of these kinds of aggregates, in log order."""
        return self._stream(f"{_KIND} = any(%s) order by notification_id", kinds)

    def stream_by_stream(self, *without: str) -> Iterator[LogRow]:
        """The events of all other kinds of aggregates, one stream after the other, each in its order."""
        return self._stream(f"{_KIND} <> all(%s) order by originator_id, originator_version", without)

    def _stream(self, condition: str, kinds: Sequence[str]) -> Iterator[LogRow]:
        with self._connection.cursor("whole_log", row_factory=tuple_row) as cursor:
            cursor.itersize = _CHUNK
            cursor.execute(f"select {_COLUMNS} from stored_events where {condition}", (list(kinds),), binary=True)
            yield from map(LogRow._make, cursor)


def _wait(connection: psycopg.Connection[Any]) -> None:
    for _ in connection.notifies(timeout=_LOOK_AGAIN.total_seconds(), stop_after=1):
        break
