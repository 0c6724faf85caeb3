"""Whether a history keeps the promise: no seat is held by two, no client loses a seat that it renewed in time.

Pure: the same history gives the same violations. Every rule judges what clients may rightfully believe by what they
were told, with the one clock of the process that played all of them, as Jepsen's checkers do.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.faults.history import GAVE_UP, Call, History, Kind, Outcome, Window, told
from tests.faults.holding import ALLOWANCE, BY_ADMINISTRATOR, Allowed, Hold, Sessions, suspended_spans

_ALLOWED = {
    Kind.ACQUIRE: {(201, ""), (200, ""), (403, "license_suspended"), (429, "seats_exhausted"), (429, "rate_limited")},
    Kind.HEARTBEAT: {(200, ""), (410, "session_closed"), (429, "rate_limited")},
    Kind.RELEASE: {(204, "")},
    Kind.SUSPEND: {(200, "")},
    Kind.REINSTATE: {(200, "")},
    Kind.RESIZE: {(200, "")},
    Kind.EVICT: {(204, "")},
}
_SERVERS = ("valkey", "postgres")
_DEEDS = (Kind.SUSPEND, Kind.REINSTATE, Kind.RESIZE)
_SHOWN = 60
"""Calls of a violation that a person is shown, at most."""


class Violation(NamedTuple):
    """`at`: when it was seen. The rest says which calls belong to it: the client's when it is about no session."""

    rule: str
    text: str
    at: float
    license: str = ""
    sessions: tuple[str, ...] = ()
    client: str = ""


@dataclass(frozen=True)
class Rules:
    """What clients are promised while something is broken.

    `settle`: seconds after a fault in which calls may still fail of it. `redis_within`: seconds after the beginning of
    a fault of Redis alone within which a call must have begun to be answered 503 for it; None: as long as it lasts.
    """

    settle: float = 5.0
    redis_within: float | None = 1.0


def violations(history: History, rules: Rules) -> list[Violation]:
    """Everything that is wrong, in the order of time."""
    world = _World(history, rules)
    return sorted((each for rule in _RULES for each in rule(world)), key=lambda each: each.at)


def slice_of(history: History, violation: Violation, *, around: float = 15.0) -> str:
    """The calls and faults that belong to a violation, for a person; of very many the latest."""
    begin, end = violation.at - around, violation.at + around / 3
    holds = Sessions(history).holds()
    seats = {(hold.license, hold.seat) for hold in holds if hold.session in violation.sessions}

    def belongs(call: Call) -> bool:
        if not violation.sessions:
            return call.client == violation.client
        is_deed = call.license == violation.license and call.kind in _DEEDS
        return call.session in violation.sessions or (call.license, call.seat) in seats or is_deed

    calls = [call for call in history.calls if begin <= call.end and call.begin <= end and belongs(call)]
    faults = [each for each in history.faults if begin <= each.end and each.begin <= end]
    return told(sorted(calls, key=lambda call: call.begin)[-_SHOWN:], faults)


class _World:
    """A history with what every rule needs."""

    def __init__(self, history: History, rules: Rules) -> None:
        self.history, self.rules = history, rules
        self.sessions = Sessions(history)
        self.holds = self.sessions.holds()
        self.by_license: dict[str, list[Call]] = {license: [] for license in history.limits}
        for call in history.calls:
            self.by_license[call.license].append(call)

    def is_excused(self, call: Call) -> bool:
        """Whether a fault explains that the call was not served."""
        return any(self._explains(fault, call) for fault in self.history.faults)

    def _explains(self, fault: Window, call: Call) -> bool:
        """A call needs the servers, the API it went to, and that API's links; whatever happens to the others, and to
        the workers, it does not fail of it."""
        if fault.target not in _SERVERS and call.via not in fault.target.split(">"):
            return False
        if call.end < fault.begin or call.begin > fault.end + self.rules.settle:
            return False
        within = self.rules.redis_within
        if call.status != 503 or within is None or not fault.target.endswith("valkey"):
            return True
        return call.begin <= fault.begin + within

    def is_calm(self, begin: float, end: float) -> bool:
        """Whether nothing at all was broken, or had been just before."""
        return not any(each.begin <= end and each.end + self.rules.settle >= begin for each in self.history.faults)


def _answers(world: _World) -> Iterator[Violation]:
    """Only answers that the contract knows; none missing and no 503 without a fault."""
    for call in world.history.calls:
        said = (call.status, call.code)
        if said in ((0, ""), (503, "unavailable")):
            if not world.is_excused(call):
                yield _of_call("answers", call, f"{call.kind} failed ({call.status or call.outcome}) without a fault")
        elif said != (0, GAVE_UP) and said not in _ALLOWED[call.kind]:
            yield _of_call("answers", call, f"{call.kind} was answered {call.status} {call.code}")


def _identities(world: _World) -> Iterator[Violation]:
    """A session id belongs to one machine on one seat."""
    known: dict[str, Call] = {}
    for call in world.history.calls:
        if call.kind is Kind.ACQUIRE and call.outcome is Outcome.OK:
            first = known.setdefault(call.session, call)
            if (first.license, first.seat, first.machine) != (call.license, call.seat, call.machine):
                yield _of_call("identities", call, f"session {call.session} was given to {first.machine} as well")


def _one_holder(world: _World) -> Iterator[Violation]:
    """Nobody is seated where another may still believe to sit."""
    by_seat = _grouped(world.holds, lambda hold: (hold.license, hold.seat))
    for (license, seat), holds in by_seat.items():
        for former, hold in _overlapping(holds):
            text = f"seat {seat} of {license}: given to {hold.session} {former.end - hold.start:.3f} s too early,"
            text += f" {former.session} holds it to {former.end:.3f}"
            yield Violation("one holder", text, hold.start, license, (former.session, hold.session))


def _one_seat(world: _World) -> Iterator[Violation]:
    """A machine that asks again gets the seat it has, not a second one; unless an administrator is about to end it."""
    ending = {closed.session for closed in world.history.closed if closed.reason in BY_ADMINISTRATOR}
    by_machine = _grouped(world.holds, lambda hold: (hold.license, hold.machine))
    for (license, machine), holds in by_machine.items():
        for former, hold in _overlapping([each for each in holds if each.session not in ending]):
            text = f"{machine} was given seat {hold.seat} of {license} while it held seat {former.seat}"
            yield Violation("one seat", text, hold.start, license, (former.session, hold.session))


def _endings(world: _World) -> Iterator[Violation]:
    """Nobody loses a seat but for a reason that is true: its lease is over, it was released, an administrator acted."""
    causes = _Causes(world)
    for call in world.history.calls:
        if call.kind is Kind.HEARTBEAT and call.status == 410:
            promised = world.sessions.promised(call.session, before=call.end)
            why = causes.missing(call.session, call.license, call.reason, call.end, promised)
            if why:
                yield _of_call("endings", call, f"session {call.session} was told {call.reason}, {why}")
    licenses = {opened.session: opened.license for opened in world.history.opened}
    for closed in world.history.closed:
        license, promised = licenses.get(closed.session, ""), world.sessions.promised(closed.session)
        if why := causes.missing(closed.session, license, closed.reason, closed.at, promised):
            text = f"the log has the end of session {closed.session} as {closed.reason}, {why}"
            yield Violation("endings", text, closed.at, license, (closed.session,))


class _Causes:
    """When everything began that can end a session."""

    def __init__(self, world: _World) -> None:
        self._released: dict[str, float] = {}
        self._evicted: dict[str, float] = {}
        self._changed: dict[tuple[str, Kind], float] = {}
        for call in sorted(world.history.calls, key=lambda call: call.begin):
            if not call.may_have_acted:
                continue
            if call.kind is Kind.RELEASE:
                self._released.setdefault(call.session, call.begin)
            elif call.kind is Kind.EVICT:
                self._evicted.setdefault(call.session, call.begin)
            elif call.kind in BY_ADMINISTRATOR.values():
                self._changed.setdefault((call.license, call.kind), call.begin)

    def missing(self, session: str, license: str, reason: str, at: float, promised: float) -> str | None:
        """Why `reason` cannot have ended the session by then, of which it was `promised` a lease; None when it can."""
        if reason == "expired":
            early = promised - at
            return f"{early:.3f} s before its lease is over" if early > ALLOWANCE else None
        if reason == "released":
            began = self._released.get(session)
        elif reason == "evicted":
            began = self._evicted.get(session)
        else:
            kind = BY_ADMINISTRATOR.get(reason)
            began = self._changed.get((license, kind)) if kind else None
        return None if began is not None and began <= at + ALLOWANCE else "but nobody had done that"


def _within_limit(world: _World) -> Iterator[Violation]:
    """Whenever a session begins, all that are held then fit into what the licence allowed when the last was granted."""
    for license, holds in _grouped(world.holds, lambda hold: hold.license).items():
        allowed = Allowed(world.history.limits[license], world.by_license[license])
        held: list[tuple[float, Hold]] = []
        for hold in sorted(holds, key=lambda hold: hold.start):
            while held and held[0][0] - ALLOWANCE <= hold.start:
                heapq.heappop(held)
            heapq.heappush(held, (hold.end, hold))
            granted_after = max(each.asked for _, each in held)
            most = allowed.most(granted_after, hold.start)
            if len(held) > most:
                text = f"{license} has {len(held)} sessions of {most}"
                yield Violation("within limit", text, hold.start, license, tuple(each.session for _, each in held))


def _suspended_is_suspended(world: _World) -> Iterator[Violation]:
    """A suspended licence serves nobody; one that never was is not said to be."""
    for license, calls in world.by_license.items():
        spans = suspended_spans(calls)
        begun = min((each.begin for each in calls if each.kind is Kind.SUSPEND), default=float("inf"))
        for call in calls:
            if call.code == "license_suspended" and call.end < begun:
                yield _of_call("suspended", call, f"{license} was never suspended")
            if call.outcome is not Outcome.OK or call.kind not in (Kind.ACQUIRE, Kind.HEARTBEAT):
                continue
            for span in spans:
                if span.begin < call.begin and call.end < span.end and world.is_calm(span.begin, call.end):
                    yield _of_call("suspended", call, f"{call.kind} was served on {license}, which is suspended")


def _in_the_log(world: _World) -> Iterator[Violation]:
    """Every session that a client was told of is in the log, on its seat."""
    logged = {each.session: (each.license, each.seat) for each in world.history.opened}
    for hold in world.holds:
        if logged.get(hold.session) != (hold.license, hold.seat):
            text = f"seat {hold.seat} of {hold.license} was granted to {hold.session}: not in the log"
            yield Violation("in the log", text, hold.start, hold.license, (hold.session,))


_RULES = (
    _answers,
    _identities,
    _one_holder,
    _one_seat,
    _endings,
    _within_limit,
    _suspended_is_suspended,
    _in_the_log,
)


def _of_call(rule: str, call: Call, text: str) -> Violation:
    return Violation(rule, text, call.end, call.license, (call.session,) if call.session else (), call.client)


def _grouped(holds, key: Callable[[Hold], object]) -> dict:
    found = defaultdict(list)
    for hold in holds:
        if hold.end - hold.start > ALLOWANCE:
            found[key(hold)].append(hold)
    return found


def _overlapping(holds: list[Hold]) -> Iterator[tuple[Hold, Hold]]:
    """Each hold that begins before the end of an earlier one, with the one of these that ends last."""
    former = None
    for hold in sorted(holds, key=lambda hold: hold.start):
        if former and former.end - ALLOWANCE > hold.start:
            yield former, hold
        if former is None or hold.end > former.end:
            former = hold
