"""Who waits for a seat of a licence, and how many seats must stay for those who stand before somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.seat_policy import SeatPolicy


class Waiting(NamedTuple):
    """A ticket in its queue. Until `ends_at` it keeps its place or, when `is_ready`, the seat that is kept for it."""

    ticket_id: UUID
    license_id: UUID
    groups: tuple[str, ...]
    is_ready: bool
    ends_at: datetime


class Change(NamedTuple):
    """What a ticket is to be, as long as it still is what `before` says."""

    before: Waiting
    is_ready: bool
    ends_at: datetime


class Judged(NamedTuple):
    """Somebody who waits: his place from 1, and whether there is a seat for him now."""

    waiting: Waiting
    place: int
    may_sit: bool


class Turn(NamedTuple):
    """Where somebody stands: his `ticket`, if he has one, and how many are `ahead`, by the groups that they are in."""

    ticket: UUID | None = None
    ahead: Mapping[tuple[str, ...], int] = {}


class SeatLine:
    """Seats are given in the order of the line, but one that is reserved for a group only to its members, and none to
    who may have none: nobody is kept waiting by somebody who could not take the seat.

    `taken` is how many sessions count for each claim name (`group:design`).
    """

    def __init__(self, policy: SeatPolicy, taken: Mapping[str, int]) -> None:
        used = {each.name: taken.get(f"group:{each.name}", 0) for each in policy.groups}
        self._reserved = {each.name: max(0, each.reserved - used[each.name]) for each in policy.groups}
        self._room = {each.name: each.limit - used[each.name] for each in policy.groups if each.limit is not None}
        self._kept = sum(self._reserved.values())
        self._unreserved = 0

    def let_in(self, groups: Collection[str], count: int = 1) -> None:
        """`count` members of these groups stand before whoever is asked about next."""
        count = min([count, *(max(0, room) for room in self._rooms(groups))])
        for name in groups:
            if name in self._room:
                self._room[name] -= count
        for name in groups:
            own = min(count, self._reserved.get(name, 0))
            if own:
                self._reserved[name] -= own
                count -= own
        self._unreserved += count

    def admits(self, groups: Collection[str]) -> bool:
        """Whether no group of the bidder has all that it may."""
        return all(room > 0 for room in self._rooms(groups))

    def leave(self, groups: Collection[str]) -> int:
        """How many of the seats that may be had must stay for others than the bidder."""
        own = sum(self._reserved.get(name, 0) for name in groups)
        return self._kept - own + (0 if own else self._unreserved)

    def _rooms(self, groups: Collection[str]) -> list[int]:
        return [self._room[name] for name in groups if name in self._room]


def judged(line: Sequence[Waiting], seats: SeatLine, available: float) -> Iterator[Judged]:
    """Everybody in line, those with a seat kept for them first, with `available` seats to be had; nobody stands in
    `seats` yet. Who has a seat kept waits for no other who has: one of them may be sitting down this moment."""
    ready = [each for each in line if each.is_ready]
    for place, waiting in enumerate(ready, start=1):
        yield Judged(waiting, place, available > seats.leave(waiting.groups))
    for waiting in ready:
        seats.let_in(waiting.groups)
    for place, waiting in enumerate((each for each in line if not each.is_ready), start=len(ready) + 1):
        yield Judged(waiting, place, seats.admits(waiting.groups) and available > seats.leave(waiting.groups))
        seats.let_in(waiting.groups)
