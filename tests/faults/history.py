"""What happened in a run: every call of every client with begin and end, the faults, and what the log has of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self


class Kind(StrEnum):
    """What was asked; the last four by the administrator."""

    ACQUIRE = "acquire"
    HEARTBEAT = "heartbeat"
    RELEASE = "release"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    RESIZE = "resize"
    EVICT = "evict"


class Outcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"  # answered with a definite no
    UNKNOWN = "unknown"  # no answer, or 503: it may have had its effect, or may have it later
    UNSENT = "unsent"  # nothing left the client


GAVE_UP = "gave_up"
"""The code of a call that its client dropped by its own will."""
MISSHAPEN = "misshapen"
"""The code of a refusal that is not in the one shape of an error."""


class Call(NamedTuple):
    """Times are seconds of the run, all from one clock; `ends` is the lease end that the answer told, on that clock.

    `reason` is that of a 410. `seats` is what a resize asks for. `machine` is the fingerprint.
    """

    kind: Kind
    client: str
    license: str
    begin: float
    end: float
    outcome: Outcome
    status: int = 0
    code: str = ""
    reason: str = ""
    machine: str = ""
    session: str = ""
    seat: int = 0
    ends: float = 0.0
    seats: int = 0
    via: str = ""

    @property
    def may_have_acted(self) -> bool:
        return self.outcome in (Outcome.OK, Outcome.UNKNOWN)


class Window(NamedTuple):
    """A fault as it was: `target` is a process, a server, or a link such as `api-1>valkey`."""

    kind: str
    target: str
    begin: float
    end: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target}"


class Opened(NamedTuple):
    """A session as the log has it."""

    session: str
    license: str
    seat: int
    at: float


class Closed(NamedTuple):
    session: str
    reason: str
    at: float


@dataclass
class History:
    """`limits`: licence -> seats at the beginning. `lease`: seconds."""

    limits: dict[str, int]
    lease: float
    calls: list[Call] = field(default_factory=list)
    faults: list[Window] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """JSON, one line a thing; `read` makes the same history of it."""
        with path.open("w") as file:
            print(json.dumps({"limits": self.limits, "lease": self.lease}), file=file)
            for name, kind in _PARTS.items():
                for each in getattr(self, name):
                    print(json.dumps({kind.__name__: each._asdict()}), file=file)

    @classmethod
    def read(cls, path: Path) -> Self:
        with path.open() as file:
            history = cls(**json.loads(next(file)))
            for line in file:
                [(name, values)] = json.loads(line).items()
                history._add(name, values)
        return history

    def _add(self, name: str, values: dict[str, Any]) -> None:
        part, kind = next((part, kind) for part, kind in _PARTS.items() if kind.__name__ == name)
        if kind is Call:
            values |= {"kind": Kind(values["kind"]), "outcome": Outcome(values["outcome"])}
        getattr(self, part).append(kind(**values))


_PARTS: dict[str, Any] = {"calls": Call, "faults": Window, "opened": Opened, "closed": Closed}


def told(calls: Iterable[Call], faults: Iterable[Window] = ()) -> str:
    """Calls and faults in the order in which they began, one line each, for a person."""
    lines = [(call.begin, _line(call)) for call in calls]
    lines += [(each.begin, f"{each.begin:9.3f} {each.end:9.3f}  FAULT {each.name}") for each in faults]
    return "\n".join(line for _, line in sorted(lines))


def _line(call: Call) -> str:
    said = f"{call.status or ''} {call.code} {call.reason}".strip()
    lease = f"lease to {call.ends:.3f}" if call.ends else f"to {call.seats}" if call.seats else ""
    who = f"{call.license}/{call.seat or '-'} {call.session[-12:] or '-'} {call.machine}"
    return f"{call.begin:9.3f} {call.end:9.3f}  {call.kind} {call.outcome} [{said}] {who} {lease} via {call.via}"
