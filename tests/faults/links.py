"""Links between processes and servers: small TCP proxies that can be cut, held up and broken."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any

Address = tuple[str, int]
_LOCAL = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on, outside of those that the system gives to outgoing connections: whoever listens
    here may be killed, and has to find the port free when it comes back."""
    while True:
        port = SystemRandom().randrange(12_000, 30_000)
        with socket.socket() as one, suppress(OSError):
            one.bind((_LOCAL, port))
            return port


class Link:
    """Listens on a port of its own and passes everything on to `target`, an address or the path of a socket."""

    def __init__(self, name: str, target: Address | Path) -> None:
        self.name = name
        self.port = free_port()
        self.is_held = False
        self.ends: set[End] = set()
        self._target = target
        self._server: asyncio.Server | None = None
        self._meeting: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        return _LOCAL, self.port

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: End(self, self._meet), _LOCAL, self.port, backlog=1024)

    def refuse(self) -> None:
        """Breaks what is connected and lets nobody in until `open`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.break_all()

    def hold(self) -> None:
        """From now on nothing passes; new connections are taken and pass nothing either."""
        self.is_held = True
        for end in self.ends:
            end.hold_up()

    def let_go(self) -> None:
        """What was held up passes, late."""
        self.is_held = False
        for end in self.ends:
            end.go_on()

    def break_all(self) -> None:
        """Every connection is reset; what was held up is lost."""
        for end in list(self.ends):
            end.transport.abort()

    def _meet(self, end: End) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(end))
        self._meeting.add(task)
        task.add_done_callback(self._meeting.discard)

    async def _connect(self, end: End) -> None:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self._target, Path):
                _, other = await loop.create_unix_connection(lambda: End(self), str(self._target))
            else:
                _, other = await loop.create_connection(lambda: End(self), *self._target)
        except OSError:
            end.transport.abort()
            return
        end.join(other)


class End(asyncio.Protocol):
    """One of the two ends of a connection through a link; what it reads it keeps until it may pass it on."""

    def __init__(self, link: Link, on_made: Any = None) -> None:
        self._link = link
        self._on_made = on_made
        self._other: End | None = None
        self._is_crowded = False
        self._kept: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's is not an asyncio.Transport
        self._link.ends.add(self)
        if self._on_made:
            self._on_made(self)

    def join(self, other: End) -> None:
        self._other, other._other = other, self
        if self.transport.is_closing() or other.transport.is_closing():
            self.transport.abort()
            other.transport.abort()
            return
        self.go_on()
        other.go_on()

    def hold_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Passes on what it has and reads again, unless the link is held or the other end has enough."""
        other = self._other
        if other is None or self._link.is_held or self.transport.is_closing() or other.transport.is_closing():
            return
        kept, self._kept = self._kept, []
        other.transport.writelines(kept)
        if not other._is_crowded:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._other is None or self._link.is_held:  # also paused it may be given what was read before
            self._kept.append(data)
            self.hold_up()
        elif not self._other.transport.is_closing():
            self._other.transport.write(data)

    def pause_writing(self) -> None:
        self._is_crowded = True
        if self._other is not None:
            self._other.hold_up()

    def resume_writing(self) -> None:
        self._is_crowded = False
        if self._other is not None:
            self._other.go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._link.ends.discard(self)
        if self._other is None:
            return
        if error is None:
            self._other.transport.close()
        else:
            self._other.transport.abort()
