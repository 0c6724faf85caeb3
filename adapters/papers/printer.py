"""The way to the press: one child process, begun when the first paper is printed; it ends by itself when it has had
nothing to do for a while, or when we are gone."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from domain.errors import Unavailable

log = structlog.get_logger()

_LONGEST = 30.0
"""Seconds that one paper may take, the start of the press included; a thousand lines take two."""


_MOST_WAITING = 16
"""Threads; more would keep an API's other requests waiting for theirs."""


class Unprintable(Exception):
    """The press says that it cannot print a paper; a fault of ours."""


class Printer:
    """For any thread; papers are printed one after the other, some 100 a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue = threading.BoundedSemaphore(_MOST_WAITING)
        self._press: subprocess.Popen[bytes] | None = None

    def print(self, document: Mapping[str, Any]) -> bytes:
        """A document of application/paper_document.py as a PDF. `Unprintable`; `Unavailable` when the press takes too
        long or dies, or when too many wait for it."""
        request = orjson.dumps(document)
        if not self._queue.acquire(blocking=False):
            raise Unavailable("Many papers are being printed; ask again in a moment.", retry_after=2)
        try:
            with self._lock:
                answer = self._answer(b"%08x\n" % len(request) + request)
        finally:
            self._queue.release()
        if answer[:1] != b"+":
            raise Unprintable(answer[1:].decode(errors="replace"))
        return answer[1:]

    def close(self) -> None:
        with self._lock:
            self._end()

    def _answer(self, request: bytes) -> bytes:
        try:
            try:
                return self._printed(request)
            except (BrokenPipeError, EOFError):  # it had just ended, being idle: once more, by a new one
                self._end()
                return self._printed(request)
        except (OSError, EOFError) as error:
            self._end()
            log.warning("press.lost", error=type(error).__name__)
            raise Unavailable("The paper cannot be printed now.", retry_after=5) from error

    def _printed(self, request: bytes) -> bytes:
        press, until = self._running(), time.monotonic() + _LONGEST
        assert press.stdin is not None and press.stdout is not None
        press.stdin.write(request)
        press.stdin.flush()
        answers = press.stdout.fileno()
        return _read(answers, int(_read(answers, 9, until), 16), until)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._press is None or self._press.poll() is not None:
            self._end()
            command = [sys.executable, "-m", "adapters.papers.press"]
            self._press = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._press

    def _end(self) -> None:
        press, self._press = self._press, None
        if press is not None:
            press.kill()
            press.communicate()


def _read(pipe: int, length: int, until: float) -> bytes:
    """So many bytes; `EOFError` when the other end is gone, `TimeoutError` when it takes too long."""
    parts: list[bytes] = []
    while length:
        if not select.select([pipe], [], [], max(until - time.monotonic(), 0))[0]:
            raise TimeoutError
        if not (part := os.read(pipe, min(length, 1 << 20))):
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
