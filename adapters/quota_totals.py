"""How limits stand by the usage log itself, read in one snapshot (migrations/0041 and 0042)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import IsolationLevel
from psycopg.rows import tuple_row

from adapters.database import Database
from domain.limit import Each
from domain.meter import Aggregation
from domain.quota_pool import Line
from domain.rights import Rights

LINE_TYPES = "text, text, text, text, text, timestamptz, timestamptz, uuid, text, numeric, numeric, boolean"
LINES = (
    f"array(select row(g.*)::quota_line from unnest({', '.join(f'%s::{each}[]' for each in LINE_TYPES.split(', '))}) g)"
)
"""As an argument of type `quota_line[]`; give it `line_columns`."""
_STANDING = f"select used, granted, position from quota_standing(%s, %s, {LINES})"
_VALUES = "select v::text from usage_values_in(%s, %s, %s, %s, %s, %s) v"
_LEVELS = "select subject, at, position, quantity from usage_levels_at(%s, %s, %s, %s, %s)"
_AXES = {Each.ORGANIZATION: "total", Each.SUBJECT: "subject", Each.KEY: "key"}


class Total(NamedTuple):
    """`used` without what was forgiven; `values` are what a pool has to know of each distinct value or subject."""

    used: int
    granted: int
    values: dict[str, str]


class QuotaTotals:
    """Asks Postgres: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, rights: Rights, lines: Sequence[Line], *, values: bool = False) -> tuple[int, list[Total]]:
        """The position of the account's last record in all of this, and each line's total; `values` only if asked."""
        accounts = list(rights.accounts)
        with self._database.connection() as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            try:
                with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
                    found = cursor.execute(
                        _STANDING, (rights.account_id, accounts, *line_columns(rights, lines))
                    ).fetchall()
                    head = "select coalesce(max(position), 0) from usage_heads where account_id = %s"
                    ((position,),) = cursor.execute(head, (rights.account_id,)).fetchall()
                    totals = [
                        Total(
                            line.standing.limit.terms.scaled(used),
                            line.standing.limit.terms.scaled(granted),
                            _values(cursor, accounts, line) if values else {},
                        )
                        for line, (used, granted, _) in zip(lines, found, strict=True)
                    ]
            finally:
                connection.isolation_level = None
        return int(position), totals


def line_columns(rights: Rights, lines: Sequence[Line]) -> list[list[Any]]:
    """A column for each field of `quota_line`."""
    rows = [_row(rights, line) for line in lines]
    return [[row[column] for row in rows] for column in range(len(LINE_TYPES.split(", ")))]


def order_of(at: datetime, position: int) -> str:
    """Later levels have greater ones."""
    return f"{int(at.timestamp() * 1_000_000):020d}/{position:020d}"


def _row(rights: Rights, line: Line) -> tuple[Any, ...]:
    standing, limit = line.standing, line.standing.limit
    return (
        standing.counter,
        limit.meter,
        line.kind.value,
        _AXES[limit.each],
        standing.of,
        standing.period.start.isoformat() if standing.period.start else "-infinity",
        standing.period.end.isoformat() if standing.period.end else "infinity",
        standing.quota_id(rights.account_id),
        line.tag if line.tag or line.kind is Aggregation.LAST else None,
        limit.terms.quantity(line.quantity),
        None if limit.amount is None else Decimal(limit.amount),
        limit.hard,
    )


def _values(cursor: Any, accounts: list[Any], line: Line) -> dict[str, str]:
    standing, limit = line.standing, line.standing.limit
    of = accounts, limit.meter, _AXES[limit.each], standing.of
    start, end = standing.period.start or "-infinity", standing.period.end or "infinity"
    if line.kind is Aggregation.UNIQUE:
        return {value: "1" for (value,) in cursor.execute(_VALUES, (*of, start, end)).fetchall()}
    if line.kind is Aggregation.LAST:
        levels = cursor.execute(_LEVELS, (*of, end)).fetchall()
        return {
            subject: f"{order_of(at, position)}|{limit.terms.scaled(quantity)}"
            for subject, at, position, quantity in levels
        }
    return {}
