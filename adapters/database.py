"""A pool of Postgres connections for everything that is plain SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from domain.errors import Unavailable

Row = tuple[str, Sequence[Any] | Mapping[str, Any]]
"""One statement and its parameters."""


class Database:
    """`size` connections at most, opened as needed; a caller waits at most `timeout` seconds for one."""

    def __init__(self, url: str, *, size: int = 8, timeout: float = 3.0) -> None:
        self.url = url
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row, "connect_timeout": 3},
            min_size=1,
            max_size=size,
            timeout=timeout,
            max_idle=60,
            num_workers=1,
            check=ConnectionPool.check_connection,
            open=False,
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[DictRow]]:
        """A connection in autocommit mode; `Unavailable` when Postgres is away."""
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable(retry_after=2) from error

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[DictRow]]:
        with self.connection() as connection, connection.transaction():
            yield connection

    def fetch_all(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[DictRow]:
        with self.connection() as connection:
            return connection.execute(sql, params or None).fetchall()

    def fetch_one(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> DictRow | None:
        with self.connection() as connection:
            return connection.execute(sql, params or None).fetchone()

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Runs one statement; answers the number of rows it touched."""
        with self.connection() as connection:
            return connection.execute(sql, params or None).rowcount

    def ping(self) -> None:
        """Raises `Unavailable` when Postgres does not answer."""
        self.fetch_one("select 1")

    def close(self) -> None:
        self._pool.close()
