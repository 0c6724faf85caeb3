"""What will happen by itself, and when: the account's own time line and one for each test clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

Json = dict[str, Any]
Clock = str | None
"""The id of a test clock; None is the account's own time."""


class Due(NamedTuple):
    """At `at` (epoch seconds) `act` is done with the object."""

    at: int
    act: Callable[[Json], object]


class Agenda:
    """Notes of which object has to be looked at when. A note may be out of date: the object itself says what is due."""

    def __init__(self) -> None:
        self._notes: defaultdict[Clock, list[tuple[int, int, int, str, str]]] = defaultdict(list)
        self._count = count()

    def note(self, clock: Clock, at: int, kind: str, id: str, *, rank: int = 0) -> None:
        """Of notes for one moment the lower rank comes first, then the older note."""
        heappush(self._notes[clock], (at, rank, next(self._count), kind, id))

    def take(self, clock: Clock, until: int) -> tuple[int, str, str] | None:
        """The earliest (moment, kind, id) that is noted up to and including `until`, taken off the agenda."""
        notes = self._notes[clock]
        if not notes or notes[0][0] > until:
            return None
        at, _, _, kind, id = heappop(notes)
        return at, kind, id
