"""Short histories, told call by call, for the tests of the checker."""

from __future__ import annotations

from typing import Any

from tests.faults.checker import Rules, Violation, violations
from tests.faults.history import Call, Closed, History, Kind, Opened, Outcome, Window

LEASE = 10.0


class Story:
    """A licence `ten` of so many seats; every call takes a tenth of a second from `at`. A granted session is in the log
    unless it is told otherwise."""

    def __init__(self, seats: int = 2) -> None:
        self.history = History({"ten": seats}, LEASE)

    def acquire(self, at: float, session: str, seat: int = 1, *, machine: str = "", **fields: Any) -> Story:
        """Granted, with a full lease, unless the fields say something else."""
        who = {"session": session, "seat": seat, "machine": machine or f"machine of {session}"}
        if not any(each.session == session for each in self.history.opened):
            self.history.opened.append(Opened(session, "ten", seat, at))
        return self._say(Kind.ACQUIRE, at, {**who, "status": 201, "ends": at + LEASE, **fields})

    def heartbeat(self, at: float, session: str, **fields: Any) -> Story:
        return self._say(Kind.HEARTBEAT, at, {"session": session, "status": 200, "ends": at + LEASE, **fields})

    def is_told(self, at: float, session: str, reason: str) -> Story:
        """Its heartbeat is answered 410."""
        closed = {"outcome": Outcome.REFUSED, "status": 410, "code": "session_closed", "reason": reason, "ends": 0.0}
        return self.heartbeat(at, session, **closed)

    def release(self, at: float, session: str, **fields: Any) -> Story:
        return self._say(Kind.RELEASE, at, {"session": session, "status": 204, **fields})

    def evict(self, at: float, session: str) -> Story:
        return self._say(Kind.EVICT, at, {"session": session, "status": 204})

    def change(self, kind: Kind, at: float, **fields: Any) -> Story:
        return self._say(kind, at, {"status": 200, **fields})

    def closed(self, at: float, session: str, reason: str) -> Story:
        self.history.closed.append(Closed(session, reason, at))
        return self

    def fault(self, kind: str, target: str, begin: float, end: float) -> Story:
        self.history.faults.append(Window(kind, target, begin, end))
        return self

    def unavailable(self, at: float, kind: Kind = Kind.HEARTBEAT, **fields: Any) -> Story:
        away = {"outcome": Outcome.UNKNOWN, "status": 503, "code": "unavailable"}
        return self._say(kind, at, {**away, **fields})

    def _say(self, kind: Kind, at: float, fields: dict[str, Any]) -> Story:
        told = {
            "client": "somebody",
            "license": "ten",
            "begin": at,
            "end": at + 0.1,
            "outcome": Outcome.OK,
            "via": "api-1",
        }
        self.history.calls.append(Call(kind, **told | fields))
        return self

    def violations(self, **rules: Any) -> list[Violation]:
        return violations(self.history, Rules(**rules))

    def broken(self, **rules: Any) -> list[str]:
        """The rules that it breaks."""
        return [each.rule for each in self.violations(**rules)]
