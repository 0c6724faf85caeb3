"""When to try again what is still not done: at once, then after pauses that double."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Patience(Generic[K]):
    """`first` and `longest` are seconds. Kept in memory: after a restart everything is tried at once again."""

    def __init__(self, *, first: float = 5.0, longest: float = 600.0) -> None:
        self._first = first
        self._longest = longest
        self._tried: dict[K, tuple[float, float]] = {}  # not before, pause

    def due(self, found: Iterable[K], now: float, *, most: int = 5_000) -> list[K]:
        """Of everything `found` that is not done: those whose pause is over, `most` of them, each with a new pause.

        `now` is in seconds of any steady clock. What is not found any more is forgotten.
        """
        known, due = self._tried, []
        self._tried = {}
        for each in found:
            not_before, pause = known.get(each, (now, 0.0))
            if now >= not_before and len(due) < most:
                due.append(each)
                pause = min(max(pause * 2, self._first), self._longest)
                not_before = now + pause
            self._tried[each] = (not_before, pause)
        return due
