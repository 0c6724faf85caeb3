"""One connection to Postgres on which durable transactions follow each other, for those who share them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from adapters.database import address, hold_briefly, is_lost

PATIENCE = 8.0
"""Seconds for a batch to be stored. One that waits for a standby that is away would wait until that is back."""

Connection = psycopg.AsyncConnection[Any]


class CommitLine:
    """Opens itself when it is needed; one user at a time. For one event loop."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._url = address(url)
        self._patience = patience
        self._connection: Connection | None = None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Connection]:
        """The connection, in autocommit mode; closed under whoever holds it for too long."""
        connection = await self._connected()
        watch = asyncio.get_running_loop().call_later(self._patience, _hang_up, connection)
        try:
            yield connection
        finally:
            watch.cancel()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Connection:
        if self._connection is not None and is_lost(self._connection):
            await self.close()
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            await self._connection.execute(hold_briefly(self._connection.info.server_version))
        return self._connection


def _hang_up(connection: Connection) -> None:
    """Not a cancellation: PostgreSQL ends a cancelled wait for the standby as if it were over. The event would be seen,
    answered for, and lost with this server."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
