"""A worker process that is killed (`kill -9`) at one of the steps by which it processes a webhook."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from adapters.bootstrap import Services, build
from adapters.settings import Settings


class Steps:
    """Counts what a thread does from outside while it processes a webhook: each statement sent to Postgres, each call
    to the seat pool and the queue, before it and after it."""

    def __init__(self, dies_at: int) -> None:
        self._dies_at = dies_at
        self._steps = count(1)
        self._thread = threading.local()

    def take(self) -> None:
        if getattr(self._thread, "processes", False) and next(self._steps) == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        act = getattr(owner, name)

        @wraps(act)
        def stepwise(*args: Any, **options: Any) -> Any:
            self.take()
            answer = act(*args, **options)
            self.take()
            return answer

        setattr(owner, name, stepwise)

    def around_connections(self, database: Any) -> None:
        open_connection = database.connection

        @contextmanager
        def connection() -> Iterator[Any]:
            self.take()
            with open_connection() as opened:
                yield opened
            self.take()

        database.connection = connection

    def within(self, owner: Any, name: str, then: Callable[[], None]) -> None:
        """Counts while this is done; `then` when nothing has died."""
        act = getattr(owner, name)

        @wraps(act)
        def counted(*args: Any) -> None:
            self._thread.processes = True
            self.take()
            act(*args)
            self.take()
            self._thread.processes = False
            then()

        setattr(owner, name, counted)


def work(settings: Settings, dies_at: int, said: Connection) -> None:
    """The process: says "ready", and "done" when it has processed a webhook and still lives."""
    from workers import worker

    services: Services = build(settings)
    steps = Steps(dies_at)
    steps.around_connections(services.unwalled)
    for name in ("tighten", "publish"):
        steps.around(services.seat_work, name)
    steps.around(services.quota_work, "forget")
    steps.around(services.task_queue, "_send")
    steps.within(services.billing, "process", lambda: said.send("done"))
    said.send("ready")
    worker.run(services, threading.Event())
