"""Requests at a given rate, whether the server keeps up or not: an answer's time counts from when its turn was, so a
server that stalls is charged for everybody it kept waiting."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scripts.benchmarks.load import Address, Slice, is_whole

_TICK = 0.002
Check = Callable[[bytes], None]
"""Is given each whole answer; raises `Unexpected` for one that it does not want."""


class PacedLoad:
    """`requests` come one after the other at `rate` a second, over keep-alive connections to several servers."""

    def __init__(self, addresses: Sequence[Address], requests: Iterator[bytes], check: Check, connections: int) -> None:
        self._addresses = addresses
        self._requests = requests
        self._check = check
        self._connections = connections
        self._idle: deque[_Line] = deque()
        self._late: deque[float] = deque()
        self._seconds_each: list[float] = []
        self._failed: asyncio.Future[None]

    async def run(self, rate: float, seconds: float) -> Slice:
        """Raises what `check` raises, and `ConnectionError`."""
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()
        for number in range(self._connections):
            address = self._addresses[number % len(self._addresses)]
            _, line = await loop.create_connection(lambda: _Line(self), *address)
            self._idle.append(line)
        lines = list(self._idle)
        began, cpu = time.perf_counter(), time.process_time()
        await self._send(began, rate, seconds)
        while len(self._idle) < len(lines) and not self._failed.done():
            await asyncio.sleep(_TICK)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        for line in lines:
            line.hang_up()
        if self._failed.done():
            self._failed.result()
        return Slice(len(self._seconds_each), took, sorted(self._seconds_each), cpu / took)

    async def _send(self, began: float, rate: float, seconds: float) -> None:
        due = 0
        while not self._failed.done() and due < rate * seconds:
            now = time.perf_counter() - began
            while due < min(now, seconds) * rate:
                self._late.append(began + due / rate)
                due += 1
            while self._late and self._idle:
                self._idle.popleft().ask(next(self._requests), self._late.popleft())
            await asyncio.sleep(_TICK)
        while self._late and not self._failed.done():
            await asyncio.sleep(_TICK)

    def answered(self, line: _Line, answer: bytes, was_due: float) -> None:
        self._seconds_each.append(time.perf_counter() - was_due)
        try:
            self._check(answer)
        except Exception as error:
            self.fail(error)
        if self._late:
            line.ask(next(self._requests), self._late.popleft())
        else:
            self._idle.append(line)

    def fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


class _Line(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, load: PacedLoad) -> None:
        self._load = load
        self._received = b""
        self._was_due = 0.0
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is no subclass of asyncio.Transport

    def ask(self, request: bytes, was_due: float) -> None:
        self._was_due = was_due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        if not is_whole(received):
            self._received = received
            return
        self._received = b""
        self._load.answered(self, received, self._was_due)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_over:
            self._load.fail(error or ConnectionError("the server closed the connection"))

    def hang_up(self) -> None:
        self._is_over = True
        self._transport.close()
