"""One event loop that all threads share: what is opened there is opened once, and closed in good order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from application.loop_thread import KeptOpen, LoopThread


@pytest.fixture
def loop():
    loop = LoopThread()
    yield loop
    loop.close()


class Line:
    """Something with a connection."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        self.told.append("opened")
        yield id(asyncio.get_running_loop())
        self.told.append("closed")


def test_all_threads_use_what_the_first_one_opened_and_it_is_closed_once(loop):
    line, together = Line(), threading.Barrier(8)
    kept = KeptOpen(loop, line.open)

    async def which(opened: int) -> int:
        assert opened == id(asyncio.get_running_loop())
        return opened

    def call() -> int:
        together.wait()
        return kept.run(which)

    with ThreadPoolExecutor(8) as threads:
        assert len({each.result() for each in [threads.submit(call) for _ in range(8)]}) == 1
    assert line.told == ["opened"]
    kept.close()
    kept.close()
    assert line.told == ["opened", "closed"]
    kept.run(which)
    assert line.told == ["opened", "closed", "opened"], "who calls after the end opens it anew"
    kept.close()


def test_what_could_not_be_opened_is_opened_by_the_next_call_and_failures_reach_their_caller(loop):
    tries = iter([OSError("away"), None])

    @asynccontextmanager
    async def open() -> AsyncIterator[str]:
        if error := next(tries):
            raise error
        yield "there"

    async def fail(opened: str) -> None:
        raise KeyError(opened)

    kept = KeptOpen(loop, open)
    with pytest.raises(OSError, match="away"):
        kept.run(fail)
    with pytest.raises(KeyError, match="there"):
        kept.run(fail)


def test_a_call_sees_the_context_of_its_thread(loop):
    actor = ContextVar("actor", default="nobody")

    async def who() -> str:
        return actor.get()

    actor.set("worker")
    assert loop.run(who()) == "worker"


def test_what_is_under_way_ends_with_the_loop(loop):
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: loop.run(wait()))
        assert begun.wait(5)
        loop.close()
        assert isinstance(waiting.exception(5), BaseException)
