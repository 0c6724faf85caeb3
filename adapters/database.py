"""A pool of Postgres connections for everything that is plain SQL."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from domain.errors import Unavailable

Row = tuple[str, Sequence[Any] | Mapping[str, Any]]
"""One statement and its parameters."""
AWAY = (
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
"""What Postgres raises when it is gone, is not the server that may be written to, or has given us up."""
HOLD_BRIEFLY = (
    "set idle_in_transaction_session_timeout = '2s'; set tcp_keepalives_idle = 2;"
    " set tcp_keepalives_interval = 1; set tcp_keepalives_count = 2"
)
"""A process that stands still inside a transaction, or whose machine is gone, keeps its locks, the log's among them:
nobody could write until it goes on. For connections whose transactions are short."""
_CLOSE_SOON = "; set transaction_timeout = '3s'"
_CONNECTING = {
    "connect_timeout": "2",  # seconds for each host
    "target_session_attrs": "read-write",  # of several hosts the one that may be written to
    "tcp_user_timeout": "6000",  # a server whose machine is gone says nothing: TCP would ask it for 15 minutes
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
}


def address(url: str) -> str:
    """How every connection of ours is made: as `url` says, and where it is silent as suits servers that fail over."""
    return make_conninfo("", **{**_CONNECTING, **conninfo_to_dict(url)})


def hold_briefly(server_version: int) -> str:
    """For a connection that sends several statements without waiting for answers: one that stops among them is not
    idle to PostgreSQL, and only from 17 on there is a limit for the whole of a transaction."""
    return HOLD_BRIEFLY + _CLOSE_SOON if server_version >= 170_000 else HOLD_BRIEFLY


def is_lost(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether an idle connection was ended by the server, perhaps long ago: it has something to say, a farewell or just
    the end. Nothing was sent over it, so what is stored over another one cannot be stored twice. To ask the server
    would say no more (one whose machine is gone answers neither), and cost each statement a second round trip."""
    if connection.closed:
        return True
    wire = select.poll()
    wire.register(connection.fileno(), select.POLLIN)
    return bool(wire.poll(0))


class Database:
    """`size` connections at most, opened as needed; a caller waits at most `timeout` seconds for one."""

    def __init__(self, url: str, *, size: int = 8, timeout: float = 3.0) -> None:
        self.url = address(url)
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            self.url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            configure=_configure,
            min_size=1,
            max_size=size,
            timeout=timeout,
            max_idle=60,
            num_workers=1,
            check=self._check,
            reconnect_timeout=1,  # then whoever asks tries again; the pool's own pauses double, to a minute and more
            open=False,
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[DictRow]]:
        """A connection in autocommit mode; `Unavailable` when Postgres is away."""
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except psycopg.errors.ReadOnlySqlTransaction as error:
            self._pool.drain()
            raise Unavailable(retry_after=2) from error
        except (*AWAY, PoolTimeout) as error:
            raise Unavailable(retry_after=2) from error

    def _check(self, connection: psycopg.Connection[DictRow]) -> None:
        """Where one is lost all are: found one by one, with longer and longer pauses, they cost callers seconds."""
        if is_lost(connection):
            self._pool.drain()
            raise psycopg.OperationalError("the server has ended this connection")

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

    @property
    def asked(self) -> int:
        """How often a connection was asked for so far."""
        return int(self._pool.get_stats().get("requests_num", 0))

    def close(self) -> None:
        self._pool.close()


def _configure(connection: psycopg.Connection[DictRow]) -> None:
    connection.execute(HOLD_BRIEFLY)
