"""Seat policies of every kind that a plan may have."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as some

from domain.seat_policy import BorrowRules, Leasing, QueueRules, SeatGroup, SeatPolicy

HOUR = 3600
DAY = 24 * HOUR


def _seconds(low: int, high: int) -> some.SearchStrategy[timedelta]:
    return some.integers(low, high).map(lambda seconds: timedelta(seconds=seconds))


def _group(name: str, reserved: int, room: int | None, priority: int) -> SeatGroup:
    return SeatGroup(name, reserved, None if room is None else max(reserved + room, 1), priority)


_names = some.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
_groups = some.builds(_group, _names, some.integers(0, 9), some.none() | some.integers(0, 99), some.integers(0, 9))

sane_policies = some.builds(
    SeatPolicy,
    resume=_seconds(0, 31 * DAY),
    leasing=some.just(Leasing.MACHINE),
    seats_per_user=some.none() | some.integers(1, 10**6),
    groups=some.lists(_groups, max_size=4, unique_by=lambda group: group.name).map(tuple),
    queue=some.none() | some.builds(QueueRules, some.integers(1, 10**5), _seconds(10, DAY), collect=_seconds(10, DAY)),
    borrow=some.none() | some.builds(BorrowRules, _seconds(HOUR, 366 * DAY), keep=some.integers(0, 10**6)),
    swap=some.booleans(),
) | some.builds(SeatPolicy, leasing=some.just(Leasing.USER), resume=_seconds(0, 31 * DAY))
