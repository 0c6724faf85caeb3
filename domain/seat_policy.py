"""How a plan's seats are shared out: among machines or people, among groups, in turn, and away from the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from domain.problems import Problem, check_code, check_distinct, check_duration, check_range, under

HIGHEST_PRIORITY = 9
_MOST_SEATS = 1_000_000
_MOST_GROUPS = 50
_MOST_WAITING = 100_000
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Leasing(StrEnum):
    """Who holds a seat: each machine one, or a person one on any number of machines."""

    MACHINE = "machine"
    USER = "user"


@dataclass(frozen=True)
class SeatGroup:
    """A named group of people or machines; who is in it is said on each licence.

    `reserved` seats are kept free for the group, `limit` (None: none of its own) is the most it may hold, and
    `priority` (from 0 to 9) is its members' in the queue: the highest is served first.
    """

    name: str
    reserved: int = 0
    limit: int | None = None
    priority: int = 0

    def problems(self) -> Iterator[Problem]:
        yield from check_code("", self.name)
        yield from check_range("reserved", self.reserved, 0, _MOST_SEATS)
        if self.limit is not None:
            yield from check_range("limit", self.limit, 1, _MOST_SEATS)
            if self.limit < self.reserved:
                yield Problem("limit", "must be at least what is reserved for the group")
        yield from check_range("priority", self.priority, 0, HIGHEST_PRIORITY)


@dataclass(frozen=True)
class QueueRules:
    """Waiting for a seat: at most `length` wait, a ticket that nobody asks about for `patience` lapses, and a seat
    that is ready goes to the next one unless it is taken within `collect`."""

    length: int = 100
    patience: timedelta = timedelta(minutes=1)
    collect: timedelta = timedelta(minutes=1)

    def problems(self) -> Iterator[Problem]:
        yield from check_range("length", self.length, 1, _MOST_WAITING)
        yield from check_duration("patience", self.patience, 10 * _SECOND, _DAY)
        yield from check_duration("collect", self.collect, 10 * _SECOND, _DAY)


@dataclass(frozen=True)
class BorrowRules:
    """Holding a seat without a network for at most `longest`; `keep` seats are never borrowed."""

    longest: timedelta
    keep: int = 0

    def problems(self) -> Iterator[Problem]:
        yield from check_duration("longest", self.longest, timedelta(hours=1), 366 * _DAY)
        yield from check_range("keep", self.keep, 0, _MOST_SEATS)


@dataclass(frozen=True)
class SeatPolicy:
    """The rules of a plan's seats beyond their number; as it stands here a plan has none.

    A lapsed seat stays its holder's for `resume` unless somebody needs it. `seats_per_user` (None: no such limit) is
    the most that one user may hold at once, where machines hold seats. `queue` and `borrow` are None where they are
    not offered. With `swap` a client may move its seat to another machine.
    """

    resume: timedelta = timedelta(0)
    leasing: Leasing = Leasing.MACHINE
    seats_per_user: int | None = None
    groups: tuple[SeatGroup, ...] = ()
    queue: QueueRules | None = None
    borrow: BorrowRules | None = None
    swap: bool = True

    @property
    def reserved(self) -> int:
        """The seats that are kept for groups, all of them together."""
        return sum(group.reserved for group in self.groups)

    def group(self, name: str) -> SeatGroup | None:
        return next((each for each in self.groups if each.name == name), None)

    def in_order(self) -> SeatPolicy:
        """The same policy with its groups by name."""
        return replace(self, groups=tuple(sorted(self.groups, key=lambda each: each.name)))

    def problems(self) -> Iterator[Problem]:
        """Every rule of sanity that this policy breaks; the fields are those of `Entitlements` in the catalogue."""
        yield from check_duration("resume", self.resume, timedelta(0), 31 * _DAY)
        yield from self._user_problems()
        yield from self._group_problems()
        if self.queue is not None:
            yield from under("queue", self.queue.problems())
        if self.borrow is not None:
            yield from under("borrow", self.borrow.problems())

    def _user_problems(self) -> Iterator[Problem]:
        if self.seats_per_user is None:
            return
        yield from check_range("seats_per_user", self.seats_per_user, 1, _MOST_SEATS)
        if self.leasing is Leasing.USER:
            yield Problem("seats_per_user", "a person holds one seat with leasing: user; leave it out")

    def _group_problems(self) -> Iterator[Problem]:
        for group in self.groups:
            yield from under(f"groups.{group.name}", group.problems())
        yield from check_distinct("groups", [each.name for each in self.groups])
        if len(self.groups) > _MOST_GROUPS:
            yield Problem("groups", f"must have at most {_MOST_GROUPS} entries")
