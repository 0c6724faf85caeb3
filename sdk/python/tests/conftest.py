"""An Usher to talk to, programs that have a licence key, and what they are told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "examples"), str(HERE)]

from office import Office  # noqa: E402
from stand_in import KEY, Engine  # noqa: E402

from usher_client import LicenseClient, State, Status  # noqa: E402
from usher_client.clock import Clock  # noqa: E402

MACHINE = "fingerprint-of-ada"


class Told:
    """What `on_change` was told, in order."""

    def __init__(self) -> None:
        self.statuses: list[Status] = []
        self._changed = threading.Condition()

    def __call__(self, status: Status) -> None:
        with self._changed:
            self.statuses.append(status)
            self._changed.notify_all()

    @property
    def states(self) -> list[State]:
        return [status.state for status in self.statuses]

    def until(self, state: State, within: float = 10) -> Status:
        """Waits until that is the last thing told."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.states[-1:] == [state], within), self.states
            return self.statuses[-1]


class MovableClock(Clock):
    """`sleep` is the machine's sleep, `set` somebody who sets its clock. Chance takes the shortest wait there is: no
    test waits for it."""

    def __init__(self) -> None:
        self.slept, self.shifted = 0.0, 0.0

    def wall(self) -> float:
        return super().wall() + self.slept + self.shifted

    def steady(self) -> float:
        return super().steady() + self.slept

    def between(self, low: float, high: float) -> float:
        return low or min(high, 0.01)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def set(self, by: float) -> None:
        self.shifted += by


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def office(engine) -> Iterator[Office]:
    office = Office(engine)
    yield office
    office.close()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def options(clock, told, tmp_path) -> dict[str, Any]:
    """What every program of a test is made with, whichever client it uses."""
    return {
        "product": "coditect",
        "fingerprint": MACHINE,
        "on_change": told,
        "state_dir": tmp_path / "state",
        "timeout": 5.0,
        "patience": 0.5,
        "clock": clock,
    }


@pytest.fixture
def program(office, options) -> Callable[..., LicenseClient]:
    """A program; the options may be others."""
    return lambda **other: LicenseClient(office.url, other.pop("license_key", KEY), **{**options, **other})


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "usher-seat"] == []
