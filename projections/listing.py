"""Lists out of read models: only the conditions that were asked for, in one stable order, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]


def select(connection: psycopg.Connection[Any], sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
    """All rows of a query."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.encode(), params).fetchall()


def page(
    connection: psycopg.Connection[Any],
    sql: str,
    conditions: Sequence[tuple[str, str, Any]],
    *,
    order: str,
    limit: int,
    params: Mapping[str, Any] | None = None,
) -> list[Row]:
    """The rows of `sql` that meet the conditions: (parameter's name, SQL that may use it, value), left out when the
    value is None, so that each combination gets the index it needs."""
    given = [(name, text, value) for name, text, value in conditions if value is not None]
    where = " and ".join(f"({text})" for _, text, _ in given) or "true"
    values = {**(params or {}), **{name: value for name, _, value in given}, "limit": limit}
    return select(connection, f"{sql} where {where} order by {order} limit %(limit)s", values)


def containing(search: str | None) -> str | None:
    """A pattern for ILIKE; the % and _ of the one who searches mean themselves. None for nothing to search."""
    if not search:
        return None
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
