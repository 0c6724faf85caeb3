"""What goes wrong on purpose: answers that fail, come late or get lost, deliveries out of order, twice, or never."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from itertools import count
from random import Random
from typing import Any

ANSWERS = {
    "conflict": "409: another request with this idempotency key is being answered",
    "rate_limit": "429: too many requests",
    "error": "500: nothing was done, and the same key gets the same answer again, as at Stripe",
    "unavailable": "503: nothing was done, trying again helps",
    "slow": "done at once, answered after `seconds`",
    "lost": "done, then the connection ends without an answer",
}
DELIVERIES = {
    "duplicate": "delivered twice",
    "reorder": "delivered at a random moment of the next `seconds`, before or after others",
    "delay": "delivered after `seconds`",
    "drop": "never delivered",
    "stale_signature": "signed an hour ago, then tried again",
    "bad_signature": "signed with another secret, then tried again",
}
KINDS = ANSWERS | DELIVERIES
_SECONDS = {"slow": 5.0, "reorder": 0.5, "delay": 5.0}


@dataclass
class Fault:
    """Strikes a `share` of what matches, at most `times` (None: until it is removed).

    An answer matches by `method` and `path`, a delivery by the type of its `event`; `*` stands for anything.
    """

    number: int
    kind: str
    share: float = 1.0
    times: int | None = None
    method: str = "*"
    path: str = "*"
    event: str = "*"
    seconds: float = 0.0

    def matches(self, about: dict[str, str]) -> bool:
        return all(fnmatchcase(value, getattr(self, name)) for name, value in about.items())


class Faults:
    """Which struck is decided by `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._random = Random(seed)
        self._count = count(1)

    def add(self, kind: str, **options: Any) -> Fault:
        """Raises ValueError for a kind or an option that there is none of, or that makes no sense."""
        if kind not in KINDS:
            raise ValueError(f"There is no fault {kind!r}; there are {', '.join(KINDS)}.")
        if unknown := options.keys() - Fault.__dataclass_fields__.keys() | options.keys() & {"number"}:
            raise ValueError(f"A fault has no {sorted(unknown)[0]!r}.")
        fault = Fault(next(self._count), kind, **{"seconds": _SECONDS.get(kind, 0.0), **options})
        if not 0 <= fault.share <= 1 or fault.seconds < 0 or (fault.times is not None and fault.times < 1):
            raise ValueError("`share` is 0 to 1, `seconds` 0 or more, `times` 1 or more.")
        self._faults.append(fault)
        return fault

    def remove(self, number: int) -> bool:
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.number != number]
        return len(self._faults) < before

    def clear(self) -> None:
        self._faults = []

    def strike(self, kind: str, **about: str) -> Fault | None:
        """The fault of this kind that strikes now, counted."""
        for fault in self._faults:
            if fault.kind == kind and fault.matches(about) and self._random.random() < fault.share:
                if fault.times is not None:
                    fault.times -= 1
                if fault.times == 0:
                    self.remove(fault.number)
                return fault
        return None

    def random(self) -> float:
        return self._random.random()

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]
