"""The log in Postgres: one function call appends a batch, with the rows that must stand or fall with it.

The library's own recorder holds an exclusive table lock over several round trips (1,000 appends a second with 16
writers); `append_events` takes an advisory lock inside one round trip (3,100 a second) and lets followers miss nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, StoredEvent
from psycopg.rows import DictRow

from adapters.database import Database, Row
from adapters.walled import Walled

APPEND = "select append_events(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[]) as positions"
"""Binary arrays: as text, psycopg spends 30 µs an event on them, so 4 µs."""
_SELECT = "select originator_id, originator_version, topic, state::text as state from"
_ONE = "stored_events where originator_id = %s"
_SOME = "stored_events where originator_id = any(%s)"
_OWN = "unnest(%s::uuid[]) as asked (id), own_stream(asked.id) where true"
MAX_BATCH = 500
"""Events a transaction; larger batches hold the log's lock too long (and one of 2,000 once hung a pipeline)."""


def append_params(events: Sequence[StoredEvent], actors: Sequence[str], causes: Sequence[str]) -> tuple[list[Any], ...]:
    """The six arrays that `append_events` takes."""
    return (
        [event.originator_id for event in events],
        [event.originator_version for event in events],
        [event.topic for event in events],
        [event.state.decode() for event in events],
        list(actors),
        list(causes),
    )


class EventRecorder(ApplicationRecorder):
    """Appends and reads stored events; a version conflict is the library's `IntegrityError`.

    With `walled` a request for an organization reads no stream of another; what it decided is appended past the wall.
    """

    def __init__(self, database: Database, walled: Walled | None = None) -> None:
        self._database = database
        self._walled = walled

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        rows: Sequence[Row] = (),
        actor: str = "system",
        cause: str = "",
        **_: Any,
    ) -> Sequence[int]:
        """One transaction: the rows, then the events. Answers the events' positions."""
        if len(stored_events) > MAX_BATCH:
            raise ValueError(f"{len(stored_events)} events in one save; {MAX_BATCH} are the limit")
        count = len(stored_events)
        statements = list(rows)
        if stored_events:
            statements.append((APPEND, append_params(stored_events, [actor] * count, [cause] * count)))
        try:
            with self._database.connection() as connection:
                last = _at_once(connection, statements)
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error
        return last["positions"] if last and stored_events else []

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return self._stored(
            originator_id,
            "originator_version > %s and originator_version <= %s"
            f" order by originator_version {'desc' if desc else 'asc'} limit %s",
            (gt or 0, lte if lte is not None else 2**62, limit),
        )

    def select_streams(self, originator_ids: Sequence[UUID]) -> list[StoredEvent]:
        """All events of these streams, each stream in its order."""
        return self._stored(list(originator_ids), "true order by originator_id, originator_version", ())

    def _stored(self, streams: UUID | str | list[UUID], which: str, params: Sequence[Any]) -> list[StoredEvent]:
        database, source = self._database, _ONE if isinstance(streams, UUID | str) else _SOME
        if self._walled is not None and self._walled.confined_to is not None:
            database, source = self._walled, _OWN
            streams = streams if isinstance(streams, list) else [streams]
        return [
            StoredEvent(row["originator_id"], row["originator_version"], row["topic"], row["state"].encode())
            for row in database.fetch_all(f"{_SELECT} {source} and {which}", (streams, *params))
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 0 if start is None else start if inclusive_of_start else start + 1
        found = self._database.fetch_all(
            "select notification_id, originator_id, originator_version, topic, state::text as state from stored_events"
            " where notification_id >= %s and notification_id <= %s and (%s or topic = any(%s))"
            " order by notification_id limit %s",
            (first, stop if stop is not None else 2**62, not topics, list(topics), limit),
        )
        return [
            Notification(
                row["originator_id"],
                row["originator_version"],
                row["topic"],
                row["state"].encode(),
                row["notification_id"],
            )
            for row in found
        ]

    def max_notification_id(self) -> int | None:
        found = self._database.fetch_one("select max(notification_id) as last from stored_events")
        return found["last"] if found else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """Not offered: followers read the log with `projections/follower.py`."""
        raise NotImplementedError("followers read the log with projections/follower.py")


def _at_once(connection: psycopg.Connection[DictRow], statements: Sequence[Row]) -> DictRow | None:
    """One message with all of them, which PostgreSQL makes one transaction; answers the last one's row, if it has one.

    A process that stands still between its event and its commit would hold the log's lock, one thread after the other,
    and nobody could write. Costs 30 µs an event more than parameters of their own, and three round trips less.
    """
    with psycopg.ClientCursor(connection) as cursor:
        if statements:
            cursor.execute("; ".join(cursor.mogrify(sql, params) for sql, params in statements).encode())
        while cursor.nextset():
            pass
        return cursor.fetchone() if cursor.description else None
