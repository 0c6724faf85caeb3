"""One event loop for all threads that wait: what it opens stays open, and is closed at the end in good order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 5.0
"""Seconds for connections to be closed; a server that is away must not keep a process from ending."""


class LoopThread:
    """Begins with the first call. What a thread runs here sees that thread's context variables."""

    def __init__(self, name: str = "loop") -> None:
        self._name = name
        self._begin = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Waits for the outcome. For any thread but the loop's own, which would wait for itself."""
        return asyncio.run_coroutine_threadsafe(work, self._begun()).result(timeout)

    def close(self) -> None:
        """Ends what is still under way. Those who kept something open here have closed it before."""
        with self._begin:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_PATIENCE)

    def _begun(self) -> asyncio.AbstractEventLoop:
        with self._begin:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_turn, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return self._loop


class KeptOpen(Generic[R]):
    """Something with connections, opened in a loop when it is first needed and used by many calls at a time."""

    def __init__(self, loop: LoopThread, open: Callable[[], AbstractAsyncContextManager[R]]) -> None:
        self._loop = loop
        self._open = open
        self._opened: tuple[AbstractAsyncContextManager[R], R] | None = None
        self._opening = asyncio.Lock()

    def run(self, act: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        """Calls `act` with it, and waits for the outcome."""
        return self._loop.run(self._act(act))

    def close(self) -> None:
        """The next call opens it anew."""
        if self._opened is not None:
            with suppress(TimeoutError):
                self._loop.run(self._shut(), _PATIENCE)

    async def _act(self, act: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        async with self._opening:
            if self._opened is None:
                manager = self._open()
                self._opened = manager, await manager.__aenter__()
            opened = self._opened[1]
        return await act(opened)

    async def _shut(self) -> None:
        async with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].__aexit__(None, None, None)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """Until it is stopped; then what is left is cancelled, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=lambda: loop):
        asyncio.set_event_loop(loop)
        loop.run_forever()
