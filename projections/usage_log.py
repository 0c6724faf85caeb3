"""The usage log as something to be followed. Its records stay in Postgres: whoever follows is given a range of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

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
        last = USAGE.head(connection) if until is None else until
        return [UsageRange(after, min(after + BATCH, last))] if last > after else []

    def forget(self) -> None: ...


USAGE = Log("usher_usage", "usage_log_head()", UsageReader, far=200_000)
