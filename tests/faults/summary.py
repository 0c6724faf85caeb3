"""A run in figures, for a person."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from tests.faults.history import GAVE_UP, Call, History, Kind, Outcome
from tests.faults.rounds import Round

_SEATS = (Kind.ACQUIRE, Kind.HEARTBEAT, Kind.RELEASE)


def summary(rounds: Sequence[Round], logs: Iterable[Path], died: Sequence[str]) -> str:
    """What was asked and answered, what was broken and how long somebody had to wait for it, what was logged; `died`
    are the processes that ended by themselves."""
    calls = [call for round in rounds for call in round.history.calls]
    logged = Counter(_event_of(line) for log in logs for line in log.read_text(errors="replace").splitlines())
    switches = sum(times for event, times in logged.items() if "seat_pool.switched" in event)
    parts = [
        _table("Calls", _outcomes(calls)),
        _table("Faults", _faults(rounds)),
        _table("Logged as a warning or worse", [each for each in logged.most_common() if each[0]]),
        _table("Engine", [("switches of the seat pool", switches), ("ended by themselves", ", ".join(died) or "-")]),
        _table("Rounds", _rounds(rounds)),
    ]
    return "\n\n".join(parts)


def _table(title: str, rows: Iterable[Sequence[object]]) -> str:
    return "\n".join([title, *(f"  {row[0]!s:<34}" + "".join(f"{cell!s:>12}" for cell in row[1:]) for row in rows)])


def _outcomes(calls: Sequence[Call]) -> Iterator[Sequence[object]]:
    yield "", *Outcome, "503"
    for kind in Kind:
        found = [call for call in calls if call.kind is kind]
        counts = Counter(call.outcome for call in found)
        yield kind, *(counts[outcome] for outcome in Outcome), sum(call.status == 503 for call in found)
    yield "all", *(sum(call.outcome is outcome for call in calls) for outcome in Outcome), ""


def _faults(rounds: Sequence[Round]) -> Iterator[Sequence[object]]:
    """The worst of each kind, whatever else was broken at the same time: how long nobody was served, how long one
    client tried, how long after its end (and that of everything else) a call still failed."""
    times: Counter[str] = Counter()
    worst: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for round in rounds:
        gaps, vain = _gaps(round.history), _in_vain(round.history)
        for fault in round.history.faults:
            name = _kind_of(fault.name)
            times[name] += 1
            for number, spans in enumerate((gaps, vain)):
                during = (end - begin for begin, end in spans if begin <= fault.end and end >= fault.begin)
                worst[name][number] = max(worst[name][number], *during, 0.0)
        for name, seconds in _afterwards(round.history):
            worst[name][2] = max(worst[name][2], seconds)
    yield "", "times", "nobody", "one client", "afterwards"
    for name in sorted(times):
        yield name, times[name], *(f"{seconds:.1f} s" for seconds in worst[name])


def _kind_of(name: str) -> str:
    """The many links are told in groups."""
    what, _, target = name.partition(" ")
    one, _, other = target.partition(">")
    kind = "api" if one.startswith("api") else "clients" if one == "clients" else "workers"
    if other:
        return f"{what} {kind}>{other.partition('-')[0]}"
    return f"{what} {'api' if one.startswith('api') else one}"


def _gaps(history: History) -> list[tuple[float, float]]:
    """Times without a served call, one after the other."""
    ends = sorted(call.end for call in history.calls if call.kind in _SEATS and _is_served(call))
    return list(pairwise(ends))


def _in_vain(history: History) -> list[tuple[float, float]]:
    """For each client from a call that was not served to the next that was."""
    since: dict[str, float] = {}
    found = []
    for call in sorted(history.calls, key=lambda call: call.end):
        if call.kind not in _SEATS or call.code == GAVE_UP:
            continue
        if not _is_served(call):
            since.setdefault(call.client, call.begin)
        elif call.client in since:
            found.append((since.pop(call.client), call.end))
    return found


def _afterwards(history: History) -> Iterator[tuple[str, float]]:
    """Each call that failed while nothing was broken: the fault that had ended last, and how long ago."""
    for call in history.calls:
        if _is_served(call) or call.code == GAVE_UP:
            continue
        begun = [fault for fault in history.faults if fault.begin <= call.end]
        last = max(begun, key=lambda fault: fault.end, default=None)
        if last and last.end < call.begin:
            yield _kind_of(last.name), call.begin - last.end


def _is_served(call: Call) -> bool:
    return call.outcome in (Outcome.OK, Outcome.REFUSED)


def _event_of(line: str) -> str:
    """What a line of a process's log says; empty for what is no warning."""
    try:
        said = json.loads(line)
    except ValueError:
        return "not JSON: " + line[:60] if line.startswith(("Traceback", "Fatal")) else ""
    if not isinstance(said, dict) or said.get("level") not in ("warning", "error", "critical"):
        return ""
    what = str(said.get("event")).splitlines()[0].partition(": connection to server")[0]
    return f"{said['level']}: {what} {str(said.get('error', ''))[:60]}".strip()


def _rounds(rounds: Sequence[Round]) -> Iterator[Sequence[object]]:
    """`ready` and `in Redis`: seconds after the last fault; `filled`: seconds that it took to fill every licence."""
    yield "seed", "calls", "sessions", "ready", "filled", "in Redis", "events", "kept"
    for round in rounds:
        seconds = (f"{each:.1f} s" for each in (round.ready_after, round.filled_after, round.back_after))
        counts = len(round.history.calls), len(round.history.opened)
        yield round.plan.seed, *counts, *seconds, round.verified.get("events", "?"), "yes" if round.is_kept else "NO"
