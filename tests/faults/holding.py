"""What clients may rightfully believe: who holds a seat from when to when, and what a licence allowed meanwhile."""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.history import Call, History, Kind, Outcome

ALLOWANCE = 0.05
"""Seconds by which two times may be told wrong: lease ends are told in milliseconds of the system's clock, which is
slewed now and then, everything else is read from the monotonic clock."""
LATEST = 60.0
"""Seconds within which a call without an answer has had its effect if it ever has: longer than any pause lasts."""
BY_ADMINISTRATOR = {"evicted": Kind.EVICT, "suspended": Kind.SUSPEND, "resized": Kind.RESIZE}


class Hold(NamedTuple):
    """A session from the end of the first answer that granted it to the end of what its client may believe.

    `asked`: when the call began that it may have been granted to.
    """

    session: str
    license: str
    seat: int
    machine: str
    asked: float
    start: float
    end: float


class Sessions:
    """What clients were told of each session: its promises (answers that told a lease end), and that it is closed."""

    def __init__(self, history: History) -> None:
        self._promises: dict[str, list[Call]] = defaultdict(list)
        self._refused: dict[str, list[float]] = defaultdict(list)
        self._over: dict[str, float] = defaultdict(lambda: math.inf)
        self._unanswered: dict[tuple[str, str], list[float]] = defaultdict(list)
        for call in sorted(history.calls, key=lambda call: call.begin):
            self._take(call)
        for closed in history.closed:
            if closed.reason in BY_ADMINISTRATOR:
                self._over[closed.session] = min(self._over[closed.session], closed.at)

    def _take(self, call: Call) -> None:
        if call.kind is Kind.RELEASE and call.may_have_acted:
            self._over[call.session] = min(self._over[call.session], call.begin)
        elif call.status == 410:
            self._refused[call.session].append(call.end)
        elif call.kind is Kind.ACQUIRE and call.outcome is Outcome.UNKNOWN:
            self._unanswered[call.license, call.machine].append(call.begin)
        elif call.outcome is Outcome.OK and call.kind in (Kind.ACQUIRE, Kind.HEARTBEAT):
            self._promises[call.session].append(call)

    def promised(self, session: str, before: float = math.inf) -> float:
        """The latest lease end that was told to calls that began by then."""
        return max((call.ends for call in self._promises[session] if call.begin <= before), default=-math.inf)

    def holds(self) -> list[Hold]:
        """Every session that an acquire has answered, for as long as its client may believe in it.

        It is held in one piece, also across a lease that ended before a late heartbeat was answered: had anybody been
        seated in between, that heartbeat could not have been. It ends with the last lease that was told, the first
        release that may have acted, or an administrator's end of it as the log has it. A refusal that says it is closed
        ends it too, until an acquire is answered with it again: of a lapsed session that was about to be closed Redis
        may have lost just that.
        """
        return [hold for session in list(self._promises) for hold in self._holds_of(session)]

    def _holds_of(self, session: str) -> Iterator[Hold]:
        refused = sorted(self._refused[session])
        pieces: dict[int, list[Call]] = defaultdict(list)
        for call in self._promises[session]:
            pieces[bisect(refused, call.begin)].append(call)
        for number, calls in pieces.items():
            granted = [call for call in calls if call.kind is Kind.ACQUIRE]
            if granted:
                told = max(call.ends for call in calls)
                end = min(told, self._over[session], *refused[number : number + 1])
                first = min(granted, key=lambda call: call.end)
                yield Hold(session, first.license, first.seat, first.machine, self._asked(session), first.end, end)

    def _asked(self, session: str) -> float:
        """A machine that was told that it sat before had been seated by a call of which it never heard the end."""
        granted = [call for call in self._promises[session] if call.kind is Kind.ACQUIRE]
        first = granted[0]
        new = [call.begin for call in granted if call.status == 201]
        lost = self._unanswered[first.license, first.machine]
        return min(new or [first.begin, *(begin for begin in lost if first.begin - LATEST < begin < first.begin)])


class _Possible(NamedTuple):
    """A state that a licence may have been in, from when to when; whoever asked for it was answered at `told`."""

    begin: float
    end: float
    value: int
    told: float


class Allowed:
    """How many seats a licence may have allowed at a time, by what the administrator was told of the resizes."""

    def __init__(self, seats: int, calls: list[Call]) -> None:
        resizes = [call for call in calls if call.kind is Kind.RESIZE and call.may_have_acted]
        self._possible = [_Possible(-math.inf, math.inf, seats, -math.inf)]
        for call in sorted(resizes, key=lambda call: call.begin):
            if call.outcome is Outcome.OK:
                self._possible = [_ended(each, call) for each in self._possible]
            self._possible.append(_Possible(call.begin, math.inf, call.seats, call.end))
            if call.outcome is Outcome.UNKNOWN:  # one that comes later may be overtaken by it
                self._possible.append(_Possible(call.begin, call.begin + LATEST, call.seats, call.end))

    def most(self, begin: float, end: float) -> int:
        """The highest limit that may have been in force at some time between the two."""
        return max(each.value for each in self._possible if each.begin <= end and each.end >= begin)


def _ended(possible: _Possible, by: Call) -> _Possible:
    """A state that somebody was told is over; one that has its own end keeps it, and one that was asked for at the same
    time may have come after it."""
    is_open = possible.end == math.inf and possible.told <= by.begin
    return possible._replace(end=by.end) if is_open else possible


class Span(NamedTuple):
    begin: float
    end: float


def suspended_spans(calls: list[Call]) -> list[Span]:
    """The times in which a licence was suspended for certain."""
    spans, reinstated = [], [each for each in calls if each.kind is Kind.REINSTATE and each.may_have_acted]
    for call in calls:
        if call.kind is not Kind.SUSPEND or call.outcome is not Outcome.OK:
            continue
        later = min((each.begin for each in reinstated if each.end > call.begin), default=math.inf)
        is_overtaken = any(
            each.outcome is Outcome.UNKNOWN and each.begin <= call.end < each.begin + LATEST for each in reinstated
        )
        if later > call.end and not is_overtaken:
            spans.append(Span(call.end, later))
    return spans
