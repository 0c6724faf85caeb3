"""ISO 8601 durations: exact ones (`PT6M`, `P7D`) as timedelta, calendar ones (`P1M`, `P1Y`) as CalendarTerm.

A month has no length until it has a start, so months and years are never read as a number of days, and the two kinds
are read by two functions. Whole numbers only; weeks may stand beside days (ISO 8601-2).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_TIME = r"(?:T(?!$)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?"
_EXACT = re.compile(r"P(?!$)(?:(\d{1,9})W)?(?:(\d{1,9})D)?" + _TIME, re.A)
_CALENDAR = re.compile(r"P(?!$)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?", re.A)


def parse(text: str) -> timedelta:
    """`PT6M` → six minutes. ValueError for anything else than weeks, days, hours, minutes and seconds."""
    match = _EXACT.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not an ISO 8601 duration such as PT6M')
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f'"{text}" is longer than any calendar') from None


def text(duration: timedelta) -> str:
    """The shortest ISO 8601 text of a duration of whole seconds, not negative: `P7D`, `PT1H30M`, `PT0S`."""
    hours, rest = divmod(duration.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    date = f"{duration.days}D" if duration.days else ""
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count)
    return f"P{date}" + (f"T{time}" if time else "") if date or time else "PT0S"


@dataclass(frozen=True)
class CalendarTerm:
    """A span that follows the calendar: `months` (12 a year), then `days`."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> CalendarTerm:
        """`P1Y`, `P18M`, `P30D`, `P2W`. ValueError when it has a time of day or is not ISO 8601."""
        match = _CALENDAR.fullmatch(text)
        if match is None:
            raise ValueError(f'"{text}" is not an ISO 8601 duration of whole days, weeks, months or years such as P1Y')
        years, months, weeks, days = (int(part or 0) for part in match.groups())
        return cls(months=12 * years + months, days=7 * weeks + days)

    def after(self, start: datetime) -> datetime:
        """The moment this term ends; 31 January and one month end on the last day of February.

        OverflowError past the year 9999.
        """
        years, month = divmod(start.year * 12 + start.month - 1 + self.months, 12)
        if years > 9999:
            raise OverflowError("the term ends after the year 9999")
        day = min(start.day, calendar.monthrange(years, month + 1)[1])
        return start.replace(year=years, month=month + 1, day=day) + timedelta(days=self.days)

    def __str__(self) -> str:
        years, months = divmod(self.months, 12)
        parts = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if count)
        return f"P{parts or '0D'}"
