"""One connection to Redis for everything that an event loop asks of it.

All commands of one turn of the loop leave in one write, and answers come back in order: concurrent requests share
round trips without waiting for each other. Measured at 64 concurrent renewals, CPU of this process for each: 5 µs
here, 24 µs through a shared redis-py pipeline, 61 µs by redis-py calls.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any

import hiredis
from redis.connection import SSLConnection, parse_url

from adapters.lua_script import Script
from domain.errors import Unavailable

TIMEOUT = 2.0
"""Seconds without any answer after which the connection is given up."""
_MAX_WAITING = 50_000
_AWAY = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "BUSY", "MISCONF", "NOREPLICAS")

Argument = str | bytes | int | float


class RedisLine:
    """A connection that opens itself when it is needed. For one event loop; `redis://`, `rediss://` and `unix://`."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
        self._timeout = timeout
        self._wire: _Wire | None = None
        self._opening: asyncio.Task[_Wire] | None = None

    async def call(self, *command: Argument) -> Any:
        """One command. Raises `Unavailable` when Redis cannot answer: whether it acted is then unknown."""
        wire = self._wire
        if wire is None or wire.is_lost:
            wire = await self._opened()
        try:
            return await wire.send(command)
        except hiredis.ReplyError as error:
            if str(error).startswith(_AWAY):
                raise _unavailable(error) from error
            raise

    async def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Any:
        """One script call; a server that does not know the script (new, or restarted) is told it."""
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self.call("EVAL", script.source, len(keys), *keys, *arguments)

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._wire is not None:
            self._wire.hang_up()

    async def _opened(self) -> _Wire:
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="redis-line")
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Wire:
        try:
            async with asyncio.timeout(self._timeout):
                wire = await self._connect()
                await self._greet(wire)
        except (OSError, TimeoutError, hiredis.ReplyError) as error:
            raise _unavailable(error) from error
        self._wire = wire
        return wire

    async def _connect(self) -> _Wire:
        loop, options = asyncio.get_running_loop(), self._options
        if "path" in options:
            _, wire = await loop.create_unix_connection(lambda: _Wire(loop, self._timeout), options["path"])
            return wire
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        secure = ssl.create_default_context() if options.get("connection_class") is SSLConnection else None
        _, wire = await loop.create_connection(lambda: _Wire(loop, self._timeout), host, port, ssl=secure)
        return wire

    async def _greet(self, wire: _Wire) -> None:
        password = self._options.get("password")
        if password:
            await wire.send(("AUTH", self._options.get("username") or "default", password))
        if self._options.get("db"):
            await wire.send(("SELECT", self._options["db"]))


class _Wire(asyncio.Protocol):
    """A connection while it lasts; what waits on it when it breaks fails with `Unavailable`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float) -> None:
        self._loop = loop
        self._timeout = timeout
        self._replies = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._answered = 0
        self._watch: asyncio.TimerHandle | None = None
        self.is_lost = False

    def send(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        """Leaves with everything else of this turn of the loop."""
        if self.is_lost or len(self._waiting) >= _MAX_WAITING:
            raise Unavailable(retry_after=1)
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type]
        answer = self._loop.create_future()
        self._waiting.append(answer)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._look, self._answered)
        return answer

    def _flush(self) -> None:
        commands, self._unsent = self._unsent, []
        if not self.is_lost:
            self._transport.write(b"".join(commands))

    def _look(self, answered: int) -> None:
        """A server that is stopped keeps its connections open: without this look its callers would wait for ever."""
        self._watch = None
        if self._waiting and self._answered == answered:
            self.hang_up()
        elif self._waiting:
            self._watch = self._loop.call_later(self._timeout, self._look, self._answered)

    def hang_up(self) -> None:
        self._transport.abort()
        self.connection_lost(TimeoutError("Redis does not answer"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is not an asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        while (reply := self._replies.gets()) is not False:
            self._answered += 1
            answer = self._waiting.popleft()
            if answer.done():  # its caller was cancelled
                continue
            if isinstance(reply, hiredis.ReplyError):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if self._watch is not None:
            self._watch.cancel()
        waiting, self._waiting = self._waiting, deque()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(_unavailable(error))


def _unavailable(error: Exception | None) -> Unavailable:
    unavailable = Unavailable(retry_after=1)
    unavailable.__cause__ = error
    return unavailable
