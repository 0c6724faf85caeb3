"""The usage log as something to be followed. Its records stay in Postgres: whoever follows is given a range of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from projections.log import Decode, Log

BATCH = 5_000
"""Positions a transaction: a second's work at most, since a transaction may take three."""
TOPIC = "usage"


class UsageRange(NamedTuple):
    """The records after one position up to another."""

    after: int
    position: int
    topic: str = TOPIC


class UsageReader:
    """Cuts the log into ranges."""

    def __init__(self, _: Decode) -> None: ...

    def read(self, connection: psycopg.Connection[Any], after: int, until: int | None = None) -> Sequence[UsageRange]:
        """The next range, alone; nothing when there is none."""
        last = usage_head(connection) if until is None else until
        return [UsageRange(after, min(after + BATCH, last))] if last > after else []

    def forget(self) -> None: ...


def usage_head(connection: psycopg.Connection[Any]) -> int:
    """The position of the last record, 0 when there is none."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute("select coalesce(max(position), 0) from usage_records")
    (position,) = cursor.fetchone() or (0,)
    return int(position)


USAGE = Log("usher_usage", usage_head, UsageReader, far=200_000)
