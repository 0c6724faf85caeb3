"""A seat without threads, network or time that passes: the flows of the client, answered by the stand-in directly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stand_in import KEY, Engine, Refused

from usher_client.acquiring import acquire
from usher_client.calls import Machine
from usher_client.clock import Clock
from usher_client.conversation import Conversation
from usher_client.errors import Unavailable
from usher_client.flow import Answer, Call, Flow, run
from usher_client.sitting import Sitting
from usher_client.state_dir import StateDir
from usher_client.status import Status


class StandingClock(Clock):
    """Time goes by when the test says so. Chance takes the longest wait."""

    def __init__(self, wall: float) -> None:
        self._wall, self._steady = wall, 1000.0

    def wall(self) -> float:
        return self._wall

    def steady(self) -> float:
        return self._steady

    def between(self, low: float, high: float) -> float:
        return high

    def passes(self, seconds: float) -> None:
        self._wall += seconds
        self._steady += seconds

    def is_set(self, by: float) -> None:
        self._wall += by


class Table:
    """One program at one stand-in, which has the same time. `calls` is what was said, `pauses` how long it waited;
    `answering` False: the stand-in is away."""

    def __init__(self, engine: Engine, directory: Path | None = None, **more: Any) -> None:
        self.engine = engine
        self.clock = StandingClock(1_760_000_000.0)
        engine.now = self.clock.wall
        self.answering = True
        self.calls: list[Call] = []
        self.pauses: list[float] = []
        self.statuses: list[Status] = []
        self.before_call: Callable[[Call], object] = lambda call: None
        self._made = {"state": StateDir(directory), **more}
        self.talk = self.new_run()

    def new_run(self, **more: Any) -> Conversation:
        """The program is started again, with what its last run left on the disk."""
        machine = Machine(more.pop("license_key", KEY), more.pop("fingerprint", "fingerprint-of-ada"))
        product = more.pop("product", "coditect")
        url = "https://usher.example"
        self.talk = Conversation(url, machine, product, clock=self.clock, **{**self._made, **more})
        return self.talk

    def sit(self, *, wait: float = 0, on_place: Callable[[int], object] | None = None) -> Sitting:
        return self.run(acquire(self.talk, wait=wait, on_place=on_place, on_change=self.statuses.append))

    def look(self, sitting: Sitting, after: float = 0.0) -> list[str]:
        """Time passes as it does for a waking machine, in looks of five seconds; answers what was said meanwhile."""
        said = len(self.calls)
        while after > 0:
            self.clock.passes(min(after, 5.0))
            after -= 5.0
            self._turn(sitting)
        self._turn(sitting)
        return [f"{call.method} {call.path.rsplit('/', 1)[-1]}" for call in self.calls[said:]]

    def _turn(self, sitting: Sitting) -> None:
        self.run(sitting.turn())
        sitting.tell()

    def run(self, flow: Flow[Any]) -> Any:
        return run(flow, self.send, self._pause)

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        self.before_call(call)
        if not self.answering:
            raise Unavailable("It is away.")
        try:
            status, content = self.engine.answer(call.method, call.path, call.credential or "", dict(call.body or {}))
        except Refused as refused:
            error = {"code": refused.code, "details": refused.details}
            wait = {} if refused.retry_after is None else {"retry-after": str(refused.retry_after)}
            return Answer(refused.status, wait, json.dumps({"error": error}).encode())
        return Answer(status, {}, b"" if content is None else json.dumps(content).encode())

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.passes(seconds)
