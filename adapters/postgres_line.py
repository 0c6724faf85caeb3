"""Some connections to Postgres for what an event loop asks of it all the time: short calls, many at once."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg

from adapters.database import AWAY, address
from domain.errors import Unavailable

TIMEOUT = 2.0
"""Seconds for a call, and for the wait before it: a server that is stopped keeps its connections open."""

Connection = psycopg.AsyncConnection[Any]


class PostgresLine:
    """At most `size` calls at a time, each a transaction of its own. For one event loop."""

    def __init__(self, url: str, *, size: int = 4, timeout: float = TIMEOUT) -> None:
        self._url = address(url)
        self._timeout = timeout
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Connection] = []

    async def fetch(self, sql: str, params: Sequence[Any]) -> list[Any]:
        """The rows of one statement. `Unavailable` when Postgres cannot answer: whether it acted is then unknown.

        A connection that was idle may have been lost long ago: then the statement is sent once more.
        """
        await self._turn()
        try:
            if self._idle:
                with suppress(*AWAY):
                    return await self._ask(self._idle.pop(), sql, params)
                await self.close()  # where one is lost all are
            return await self._ask(await self._connected(), sql, params)
        except (*AWAY, OSError) as error:
            raise Unavailable(retry_after=1) from error
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Those in use are closed when their call is over."""
        while self._idle:
            await self._idle.pop().close()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Unavailable(retry_after=1) from error

    async def _ask(self, connection: Connection, sql: str, params: Sequence[Any]) -> list[Any]:
        """The connection is kept when it is good for another call."""
        watch = asyncio.get_running_loop().call_later(self._timeout, hang_up, connection)
        try:
            cursor = await connection.execute(sql, params, prepare=True, binary=True)
            rows = await cursor.fetchall()
        except (*AWAY, asyncio.CancelledError):
            await connection.close()
            raise
        finally:
            watch.cancel()
            if not connection.closed:
                self._idle.append(connection)
        return rows

    async def _connected(self) -> Connection:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        try:
            await connection.execute("set timezone = 'UTC'; set synchronous_commit = off")
        except BaseException:  # nobody else knows of it yet
            await connection.close()
            raise
        return connection


def hang_up(connection: Connection) -> None:
    """Whoever waits on the connection sees it closed. A cancellation would wait for a server that does not answer."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
