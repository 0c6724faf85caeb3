"""Where each follower of the log stands, and whether the tables of a read model are those that the code means."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from projections.log import EVENTS, Log, log_of
from projections.read_model import Follower, ReadModel

_PATIENCE = 0.5
"""Seconds that a list waits at most for its read model; after that it says how far it is."""
_LOOK_AGAIN = 0.02


class NeedsRebuild(Exception):
    """The tables have another shape than the code: writing on would spoil them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the tables of {name} are of another version: run `usher projections rebuild {name}`")


class Place(NamedTuple):
    """A row of `follower_positions`."""

    name: str
    position: int
    digest: str
    error: str | None
    failed_at: datetime | None
    updated_at: datetime


def register(connection: psycopg.Connection[Any], consumers: Iterable[Follower]) -> None:
    """Gives every consumer that has none a position, at the beginning of the log."""
    for consumer in consumers:
        connection.execute("insert into follower_positions (name) values (%s) on conflict do nothing", (consumer.name,))


def places(connection: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, Place]:
    """How the named followers stand; those that never ran are missing."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(f"select {', '.join(Place._fields)} from follower_positions where name = any(%s)", (list(names),))
    return {row[0]: Place(*row) for row in cursor.fetchall()}


def prepare(connection: psycopg.Connection[Any], read_models: Sequence[ReadModel]) -> list[str]:
    """Makes the tables that were never made; answers the names of those that have to be built again."""
    register(connection, read_models)
    return [read_model.name for read_model in read_models if not _prepared(connection, read_model)]


def _prepared(connection: psycopg.Connection[Any], read_model: ReadModel) -> bool:
    with connection.transaction():
        place = lock(connection, read_model)
        existing = _existing(connection, read_model)
        if existing or place.position > 0:
            return place.digest == read_model.digest and existing == set(read_model.tables)
        connection.execute(read_model.making.encode())
        connection.execute(
            "update follower_positions set digest = %s where name = %s", (read_model.digest, read_model.name)
        )
        return True


def lock(connection: psycopg.Connection[Any], read_model: ReadModel) -> Place:
    """The follower's place, which stays as it is until the transaction ends: its live tables do not change either."""
    connection.execute("select from follower_positions where name = %s for update", (read_model.name,))
    return places(connection, [read_model.name])[read_model.name]


def status(connection: psycopg.Connection[Any], consumers: Sequence[Follower]) -> list[dict[str, Any]]:
    """For each follower its name, position, the log's position, lag (events), error and since when, last move, and
    whether its tables have to be built again."""
    known = places(connection, [consumer.name for consumer in consumers])
    heads = {log: log.head(connection) for log in {log_of(consumer) for consumer in consumers}}
    return [_status(connection, consumer, known.get(consumer.name), heads[log_of(consumer)]) for consumer in consumers]


def _status(
    connection: psycopg.Connection[Any], consumer: Follower, place: Place | None, log_position: int
) -> dict[str, Any]:
    position = place.position if place else 0
    return {
        "name": consumer.name,
        "position": position,
        "log_position": log_position,
        "lag": max(log_position - position, 0),
        "error": place.error if place else None,
        "failed_at": place.failed_at if place else None,
        "updated_at": place.updated_at if place else None,
        "needs_rebuild": isinstance(consumer, ReadModel) and needs_rebuild(connection, consumer),
    }


def needs_rebuild(connection: psycopg.Connection[Any], read_model: ReadModel) -> bool:
    """Whether the live tables are missing or of another version than the code."""
    place = places(connection, [read_model.name]).get(read_model.name)
    if place is None or is_stale(read_model, place.digest):
        return True
    return _existing(connection, read_model) != set(read_model.tables)


def is_stale(consumer: Follower, digest: str) -> bool:
    """Whether tables recorded under `digest` are other ones than this consumer writes."""
    return isinstance(consumer, ReadModel) and consumer.digest != digest


def position_of(connection: psycopg.Connection[Any], name: str, log: Log = EVENTS) -> int:
    """Up to which position of its log a read model speaks (the header `X-Log-Position`).

    Waits a moment for one that is behind: whoever was answered by a command finds its effect in the next list. Not for
    one that has stopped, or that nobody moves.
    """
    (position, is_stopped, wanted), patience = _reached(connection, name, log), _PATIENCE
    while position < wanted and patience > 0 and not is_stopped and _is_followed(connection):
        time.sleep(_LOOK_AGAIN)
        patience -= _LOOK_AGAIN
        position, is_stopped, _ = _reached(connection, name, log)
    return position


def _reached(connection: psycopg.Connection[Any], name: str, log: Log) -> tuple[int, bool, int]:
    """Where a follower is, whether it has stopped there, and where its log is: asked by every list."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        f"select coalesce(max(position), 0), coalesce(bool_or(error is not null), false), {log.end}"
        " from follower_positions where name = %s",
        (name,),
    )
    position, is_stopped, last = cursor.fetchone() or (0, False, 0)
    return int(position), bool(is_stopped), int(last)


def _is_followed(connection: psycopg.Connection[Any]) -> bool:
    """Whether a projector is alive (see adapters/process_beats.py)."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        "select from process_beats where kind = 'projector' and beat_at > clock_timestamp() - interval '15 seconds'"
    )
    return cursor.fetchone() is not None


def _existing(connection: psycopg.Connection[Any], read_model: ReadModel) -> set[str]:
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        "select tablename from pg_tables where schemaname = 'public' and tablename = any(%s)",
        (list(read_model.tables),),
    )
    return {name for (name,) in cursor.fetchall()}
