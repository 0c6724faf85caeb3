"""The periods in which a limit counts: of the calendar, of a subscription, and cut where the count began anew."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.durations import CalendarTerm
from domain.limit import LimitPeriod
from domain.problems import Problem

_EXACT = {LimitPeriod.HOUR: timedelta(hours=1), LimitPeriod.DAY: timedelta(days=1), LimitPeriod.WEEK: timedelta(days=7)}
_MONTHS = {LimitPeriod.MONTH: 1, LimitPeriod.YEAR: 12}
_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}")


class Period(NamedTuple):
    """From `start` to just before `end`, in UTC; None: without a beginning, without an end."""

    start: datetime | None
    end: datetime | None

    def __contains__(self, at: object) -> bool:
        assert isinstance(at, datetime)
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def within(self, outer: Period) -> Period:
        """What both have in common."""
        starts = [each for each in (self.start, outer.start) if each is not None]
        ends = [each for each in (self.end, outer.end) if each is not None]
        return Period(max(starts, default=None), min(ends, default=None))


@dataclass(frozen=True)
class Counting:
    """When a limit begins anew.

    Calendar days, weeks (from Monday), months and years are those of `zone`, whatever the clocks do; an hour is one of
    UTC. After an anchor, the beginning of a subscription's run of periods, they follow that: the month from 31 January
    ends on the last of February, and the next one on 31 March, as providers bill it. Before the first anchor, and
    without any, the calendar counts. At each of `cuts` the count begins anew whatever the period. Both are in order.
    """

    per: LimitPeriod
    zone: str = "UTC"
    anchors: tuple[datetime, ...] = ()
    cuts: tuple[datetime, ...] = ()

    def period(self, at: datetime) -> Period:
        """The one period that `at` lies in: they neither overlap nor leave a gap."""
        between_anchors = _between(self.anchors, at)
        return self._whole(at, between_anchors.start).within(between_anchors).within(_between(self.cuts, at))

    def _whole(self, at: datetime, anchor: datetime | None) -> Period:
        if self.per is LimitPeriod.TOTAL:
            return Period(None, None)
        return _calendar(self.per, at, ZoneInfo(self.zone)) if anchor is None else _anchored(self.per, at, anchor)


def runs(periods: Iterable[tuple[datetime, datetime]]) -> tuple[datetime, ...]:
    """The beginning of each run of paid periods: the first, and where it was moved."""
    begun: list[datetime] = []
    for start, end in sorted(periods):
        if not begun or not continues(begun[-1], start, end):
            begun.append(start)
    return tuple(begun)


def continues(anchor: datetime, start: datetime, end: datetime) -> bool:
    """Whether a paid period goes on with the run that began at `anchor`, in calendar months or in equal spans; the
    first one after a trial does not."""
    if start <= anchor:
        return True
    span = end - start
    in_spans = not _is_about_months(span) and (start - anchor) % span == timedelta(0)
    return in_spans or (_is_on_months(anchor, start) and _is_on_months(anchor, end))


def _is_on_months(anchor: datetime, at: datetime) -> bool:
    months = (at.year - anchor.year) * 12 + at.month - anchor.month
    return CalendarTerm(months=months).after(anchor) == at


def _is_about_months(span: timedelta) -> bool:
    return span >= timedelta(days=28)


def _between(moments: tuple[datetime, ...], at: datetime) -> Period:
    """From the last of them until the next one."""
    place = bisect_right(moments, at)
    return Period(moments[place - 1] if place else None, moments[place] if place < len(moments) else None)


def _anchored(per: LimitPeriod, at: datetime, anchor: datetime) -> Period:
    if per in _EXACT:
        start = anchor + (at - anchor) // _EXACT[per] * _EXACT[per]
        return Period(start, start + _EXACT[per])
    months = (at.year - anchor.year) * 12 + at.month - anchor.month
    turn = months // _MONTHS[per]
    if _turn(per, anchor, turn) > at:
        turn -= 1
    return Period(_turn(per, anchor, turn), _turn(per, anchor, turn + 1))


def _turn(per: LimitPeriod, anchor: datetime, turn: int) -> datetime:
    """Counted from the anchor, not from the turn before: or the 31st would become the 28th for ever."""
    return CalendarTerm(months=turn * _MONTHS[per]).after(anchor)


def _calendar(per: LimitPeriod, at: datetime, zone: ZoneInfo) -> Period:
    if per is LimitPeriod.HOUR:
        start = at.replace(minute=0, second=0, microsecond=0)
        return Period(start, start + _EXACT[per])
    first, following = _days(per, at.astimezone(zone).date())
    return Period(_midnight(first, zone), _midnight(following, zone))


def _days(per: LimitPeriod, day: date) -> tuple[date, date]:
    """The first day of the period, and of the next one."""
    match per:
        case LimitPeriod.WEEK:
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=7)
        case LimitPeriod.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)
        case LimitPeriod.YEAR:
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return day, day + timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where the clocks skip midnight, the moment at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def check_zone(path: str, zone: str) -> Iterable[Problem]:
    try:
        known = bool(_ZONE.fullmatch(zone)) and ZoneInfo(zone) is not None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        yield Problem(path, "must be a time zone such as Europe/Berlin or UTC")
