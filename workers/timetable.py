"""Chores done again and again, each at its own pace, none kept from its turn by another that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from domain.errors import Unavailable

log = structlog.get_logger()


class Chore(NamedTuple):
    """Done every so many seconds."""

    every: float
    do: Callable[[], object]


class Timetable:
    def __init__(self, chores: Sequence[Chore]) -> None:
        self._due = dict.fromkeys(chores, 0.0)
        self._put_off: set[Chore] = set()

    def do_what_is_due(self, is_over: Callable[[], bool]) -> None:
        """Does each chore whose time has come, until `is_over`."""
        for chore, due in self._due.items():
            if time.monotonic() >= due and not is_over():
                self._do(chore)
                self._due[chore] = time.monotonic() + chore.every

    def _do(self, chore: Chore) -> None:
        try:
            chore.do()
            self._put_off.discard(chore)
        except Unavailable:
            if chore not in self._put_off:  # said once, however long it lasts
                log.warning("chore.put_off", chore=chore.do.__name__)
            self._put_off.add(chore)
        except Exception as error:
            log.exception("chore.failed", chore=chore.do.__name__, error=type(error).__name__)
