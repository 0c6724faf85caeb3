"""HTTP as lean as Python allows, for hundreds of clients in one process, and as unreliable as it is wanted."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any, NamedTuple

from scripts.benchmarks.load import is_whole
from tests.faults.links import Address

_FRESH = 10.0
"""Seconds for which an idle connection is used again; the server closes it after thirty."""


class Heard(NamedTuple):
    """`status` 0: no answer. `sent`: something may have reached the server."""

    status: int
    body: bytes = b""
    sent: bool = True


class Voice:
    """The connections of one client, kept open between calls."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[_Wire]] = defaultdict(list)

    async def call(self, address: Address, request: bytes, *, patience: float, dawdle: float = 0.0) -> Heard:
        """One request and its answer, for which it waits `patience` seconds.

        With `dawdle` the last bytes of the request follow so many seconds after the first ones: a message that is late.
        """
        try:
            async with asyncio.timeout(patience):
                wire = await self._connected(address)
        except (OSError, TimeoutError):
            return Heard(0, sent=False)
        try:
            raw = await self._ask(wire, request, patience, dawdle)
        except (OSError, TimeoutError):
            wire.transport.abort()
            return Heard(0)
        except BaseException:
            wire.transport.abort()
            raise
        wire.idle_since = time.monotonic()
        self._idle[address].append(wire)
        return Heard(int(raw[9:12]), raw.partition(b"\r\n\r\n")[2])

    def close(self) -> None:
        for wire in [wire for wires in self._idle.values() for wire in wires]:
            wire.transport.abort()

    async def _connected(self, address: Address) -> _Wire:
        wires = self._idle[address]
        while wires:
            wire = wires.pop()
            if not wire.transport.is_closing() and time.monotonic() - wire.idle_since < _FRESH:
                return wire
            wire.transport.abort()
        _, wire = await asyncio.get_running_loop().create_connection(_Wire, *address)
        return wire

    @staticmethod
    async def _ask(wire: _Wire, request: bytes, patience: float, dawdle: float) -> bytes:
        wire.expect()
        first = len(request) // 2 if dawdle else len(request)
        wire.transport.write(request[:first])
        if dawdle:
            await asyncio.wait([wire.answer], timeout=dawdle)
            if not wire.is_lost:
                wire.transport.write(request[first:])
        async with asyncio.timeout(patience):
            return await wire.answer


class _Wire(asyncio.Protocol):
    idle_since = 0.0
    is_lost = False
    answer: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's is not an asyncio.Transport
        self.expect()

    def expect(self) -> None:
        self._received = b""
        self.answer = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if is_whole(self._received) and not self.answer.done():
            self.answer.set_result(self._received)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError("the server closed the connection"))
            self.answer.exception()  # seen: nobody may wait for it
