"""Whether the read models say what the log says: built again beside the live ones, and every row compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from projections.building import Building, Progress
from projections.follower import connect
from projections.log import Decode, log_of
from projections.positions import lock, needs_rebuild, places, register
from projections.read_model import ReadModel

SCHEMA = "verification"


class Difference(NamedTuple):
    """Of one table: rows that the log gives and the live table lacks, rows that only the live table has, and one of
    them as text. A row that differs counts on both sides. A table of another version cannot be compared: one row
    is missing then, and `example` says so."""

    table: str
    missing: int
    surplus: int
    example: str


def compare(
    database_url: str, decode: Decode, read_models: Sequence[ReadModel], progress: Progress
) -> list[Difference]:
    """Every difference between the live tables and what the log gives at the very position where they stand.

    `UnderWay` when another process compares; whatever the log holds that cannot be handled is raised.
    """
    with connect(database_url) as connection:
        register(connection, read_models)
        known = places(connection, [read_model.name for read_model in read_models])
        stale = [each for each in read_models if needs_rebuild(connection, each)]
    comparable = [each for each in read_models if each not in stale]
    found = [Difference(table, 1, 0, "of another version: rebuild it") for each in stale for table in each.tables]
    for log in dict.fromkeys(map(log_of, comparable)):
        of_log = [each for each in comparable if log_of(each) == log]
        with Building.opened(database_url, decode, SCHEMA, of_log) as building:
            building.build(min(known[each.name].position for each in of_log), progress)
            for read_model in of_log:
                found += differences(building, read_model)
    return found


def differences(building: Building, read_model: ReadModel) -> list[Difference]:
    """Brings the copy to where the live tables stand, holds their follower there, and compares both ways."""
    with building.connection.transaction():
        building.bring(read_model, lock(building.connection, read_model).position)
        return [found for table in read_model.tables for found in _difference(building.connection, building, table)]


def _difference(connection: psycopg.Connection[Any], building: Building, table: str) -> Iterator[Difference]:
    live, built = sql.Identifier("public", table), sql.Identifier(building.schema, table)
    missing, example = _only_in(connection, built, live)
    surplus, other = _only_in(connection, live, built)
    if missing or surplus:
        yield Difference(table, missing, surplus, example or other)


def _only_in(connection: psycopg.Connection[Any], these: sql.Identifier, those: sql.Identifier) -> tuple[int, str]:
    query = sql.SQL(
        "select count(*), coalesce(min(differing::text), '')"
        " from (select * from {} except all select * from {}) as differing"
    ).format(these, those)
    with connection.cursor(row_factory=tuple_row) as cursor:
        count, example = cursor.execute(query).fetchone() or (0, "")
    return int(count), str(example)
