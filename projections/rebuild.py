"""A read model made anew from the log beside the live one, which serves until the new one takes its place."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from projections.building import Building, Progress
from projections.follower import connect
from projections.log import BATCH, Decode
from projections.positions import lock, needs_rebuild, prepare, register
from projections.read_model import ReadModel

_SWAPS_TRIED = 30
_NEAR = 2 * BATCH


def rebuild(database_url: str, decode: Decode, read_model: ReadModel, progress: Progress) -> int:
    """Builds the tables beside the live ones and swaps them at the end; answers the position they then stand for.

    Killed at any time, it leaves the live tables as they were, and the next one begins anew. `UnderWay` when another
    process rebuilds the same; whatever the log holds that cannot be handled is raised.
    """
    return _rebuild(database_url, decode, read_model, progress, wait=False) or 0


def rebuild_outdated(
    database_url: str, decode: Decode, read_models: Sequence[ReadModel], progress: Progress
) -> list[str]:
    """Makes the tables that are missing and rebuilds those of another version: the end of a migration. Answers the
    names of the rebuilt ones. Two at once wait for each other, and the second finds nothing to do."""
    with connect(database_url) as connection:
        outdated = prepare(connection, read_models)
    wanted = [read_model for read_model in read_models if read_model.name in outdated]
    return [each.name for each in wanted if _rebuild(database_url, decode, each, progress, wait=True) is not None]


def _rebuild(database_url: str, decode: Decode, read_model: ReadModel, progress: Progress, *, wait: bool) -> int | None:
    with Building.opened(database_url, decode, f"rebuild_{read_model.name}", [read_model], wait=wait) as building:
        if wait and not needs_rebuild(building.connection, read_model):
            return None  # whoever we waited for has done it
        register(building.connection, [read_model])
        built = 0
        while (last := building.log.head(building.connection)) - built > _NEAR:
            building.build(last, progress)
            built = last
        position = _swap(building, read_model)
        progress(position, position)
        return position


def _swap(building: Building, read_model: ReadModel) -> int:
    """Readers of the live tables are waited for, but not for long: whoever comes after us in the queue waits too."""
    mark = building.mark()
    for attempt in range(1, _SWAPS_TRIED + 1):
        try:
            with building.connection.transaction():
                return _take_over(building, read_model)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            building.back_to(mark)
            if attempt == _SWAPS_TRIED:
                raise
    raise AssertionError("the last attempt answers or raises")


def _take_over(building: Building, read_model: ReadModel) -> int:
    """While the follower's place is locked nobody writes into the live tables."""
    connection = building.connection
    lock(connection, read_model)
    last = building.log.head(connection)
    building.bring(read_model, last)
    connection.execute("set local lock_timeout = '2s'")
    live = sql.SQL(", ").join(sql.Identifier("public", table) for table in read_model.tables)
    connection.execute(sql.SQL("drop table if exists {}").format(live))  # together: policies may name one of the others
    for table in read_model.tables:
        name = sql.Identifier(building.schema, table)
        connection.execute(sql.SQL("alter table {} set schema public").format(name))
    connection.execute(
        "update follower_positions set position = %s, digest = %s, updated_at = now(), error = null, failed_at = null"
        " where name = %s",
        (last, read_model.digest, read_model.name),
    )
    return last
