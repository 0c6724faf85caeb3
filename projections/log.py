"""Reading a log in order: batches of recorded events, decoded once for all who follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from domain.aggregate import Event

BATCH = 500
"""Events a transaction: large enough to share its cost, small enough to keep locks short."""

Decode = Callable[["StoredRow"], Event]


class StoredRow(NamedTuple):
    """One row of the log as it is stored; has the shape that the codec reads."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes


class Recorded:
    """An event with its place in the log and its attribution; decoded when first looked at."""

    def __init__(self, position: int, stored: StoredRow, actor: str, cause: str, decode: Decode) -> None:
        self.position = position
        self.stored = stored
        self.topic = stored.topic
        self.actor = actor
        self.cause = cause
        self._decode = decode

    @cached_property
    def event(self) -> Any:
        """The domain event; raises when the stored state does not fit its class."""
        return self._decode(self.stored)

    @property
    def stream_id(self) -> UUID:
        """The aggregate it happened to."""
        return self.stored.originator_id


class LogReader:
    """Reads batches; keeps the last one, since followers that are level ask for the same."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._last: tuple[tuple[int, int | None], list[Recorded]] | None = None

    def read(self, connection: psycopg.Connection[Any], after: int, until: int | None = None) -> list[Recorded]:
        """Up to `BATCH` events after a position, in log order, none beyond `until`."""
        if self._last and self._last[0] == (after, until):
            return self._last[1]
        batch = self._select(connection, after, until)
        if batch:  # an empty one is outdated at once; any other stays true, as the log only grows at its end
            self._last = ((after, until), batch)
        return batch

    def forget(self) -> None:
        """Reads from the log again: an event that could not be handled may have been mended."""
        self._last = None

    def _select(self, connection: psycopg.Connection[Any], after: int, until: int | None) -> list[Recorded]:
        cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
        cursor.execute(
            "select notification_id, originator_id, originator_version, topic, state::text, actor, cause"
            " from stored_events where notification_id > %s and notification_id <= %s"
            " order by notification_id limit %s",
            (after, until if until is not None else 2**62, BATCH),
        )
        return [
            Recorded(position, StoredRow(stream, version, topic, state.encode()), actor, cause, self._decode)
            for position, stream, version, topic, state, actor, cause in cursor.fetchall()
        ]


class Reader(Protocol):
    """Reads batches of a log: what comes after a position, in order, none beyond `until`."""

    def read(self, connection: psycopg.Connection[Any], after: int, until: int | None = None) -> Sequence[Any]: ...

    def forget(self) -> None: ...


class Log(NamedTuple):
    """What can be followed: the channel that tells of more, where its `end` is (in SQL), and how it is read. A follower
    that is `far` behind shows what is too old."""

    channel: str
    end: str
    reader: Callable[[Decode], Reader]
    far: int

    def head(self, connection: psycopg.Connection[Any]) -> int:
        """The position of its last entry, 0 when it is empty."""
        cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
        cursor.execute(f"select {self.end}")
        (position,) = cursor.fetchone() or (0,)
        return int(position)


EVENTS = Log("usher_log", "log_head()", LogReader, far=5_000)


def log_of(follower: Any) -> Log:
    """Which log it follows; the events when it does not say."""
    log: Log = getattr(follower, "log", EVENTS)
    return log
