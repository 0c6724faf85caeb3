"""Answers that nearly every request needs, kept in memory until PostgreSQL says that they have changed.

A trigger tells each change of a row on the channel `usher_access`; every process listens, over one connection of its
own. An answer counts only while that connection proves alive: otherwise the database is asked, as if nothing were
remembered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from adapters.database import address

log = structlog.get_logger()

TRUST = 0.9
"""Seconds after the last sign of life of the connection for which an answer still counts: so long, at most, does a key
that was revoked work on in a process that is not told."""
_ROUND = 0.25
_MOST = 100_000


class Remembered:
    """One for each process; any thread may ask. Keys are those that the triggers tell, e.g.
    `membership:<org>:<user>` or `api_key:<digest>`."""

    def __init__(self, database_url: str, *, trust: float = TRUST) -> None:
        self._url = address(database_url)
        self._trust = trust
        self._answers: dict[str, Any] = {}
        self._changes = 0
        self._heard_at = float("-inf")
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._listening: threading.Thread | None = None

    def recall(self, key: str, otherwise: Any) -> Any:
        """The answer, or `otherwise` when none is remembered that can be relied on. Never waits."""
        if time.monotonic() - self._heard_at > self._trust:
            return otherwise
        return self._answers.get(key, otherwise)

    def ask(self, key: str, look: Callable[[], Any], *, keep_none: bool = True) -> Any:
        """What `look` finds, remembered unless something changed meanwhile: it may have looked just before."""
        self._listen()
        before = self._changes
        answer = look()
        if answer is None and not keep_none:
            return None
        with self._lock:
            if before == self._changes:
                if len(self._answers) >= _MOST:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def forget(self, key: str) -> None:
        """For whoever has just changed it in this process, and does not want to wait to be told."""
        with self._lock:
            self._changes += 1
            self._answers.pop(key, None)

    def close(self) -> None:
        self._stop.set()

    def _listen(self) -> None:
        with self._lock:
            if self._listening is None:
                self._listening = threading.Thread(target=self._follow, name="remembered", daemon=True)
                self._listening.start()

    def _follow(self) -> None:
        is_away = False
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    connection.execute("listen usher_access")
                    self.forget_all()
                    is_away = False
                    while not self._stop.is_set():
                        self._go_round(connection)
            except psycopg.Error as error:
                self._heard_at = float("-inf")
                if not is_away and not self._stop.is_set():  # said once, however long it lasts
                    log.warning("remembered.not_told", error=type(error).__name__)
                is_away = True
                self._stop.wait(_ROUND)

    def _go_round(self, connection: psycopg.Connection[Any]) -> None:
        asked_at = time.monotonic()
        connection.execute("select 1")
        for told in connection.notifies(timeout=0):
            self.forget(told.payload)
        self._heard_at = asked_at
        for told in connection.notifies(timeout=_ROUND):
            self.forget(told.payload)

    def forget_all(self) -> None:
        """What changed while nobody listened was not told."""
        with self._lock:
            self._changes += 1
            self._answers.clear()
