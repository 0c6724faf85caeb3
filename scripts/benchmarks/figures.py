"""What a benchmark answers: a figure beside its goal, and the yardstick it was measured against in the same run."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import uvloop

from scripts.benchmarks.engine import Server
from scripts.benchmarks.load import Load, Slice


@dataclass(frozen=True)
class Effort:
    """How long a run may take. Rounds go A B A B, so that what disturbs the machine disturbs both."""

    rounds: int = 15
    seconds: float = 0.6
    warm_up: float = 1.0
    connections: int = 64
    sessions: int = 6_000
    webhooks: int = 1_000
    invoices: int = 10_000
    followed: int = 100_000
    verified: int = 1_000_000
    crowd: int = 1_000_000
    crowd_seconds: float = 600
    burst: int = 20_000
    burst_seconds: float = 10
    outbound: int = 1_000


SMOKE = Effort(
    rounds=1,
    seconds=0.2,
    warm_up=0.1,
    connections=4,
    sessions=400,
    webhooks=80,
    invoices=20,
    followed=2_000,
    verified=2_000,
    crowd=30_000,
    crowd_seconds=1,
    burst=40,
    burst_seconds=0.5,
    outbound=40,
)
"""Enough to see that every benchmark runs; says nothing about speed."""


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark. `goal` None: measured to understand others. `at_most`: less is better."""

    figure: str
    value: float
    unit: str
    yardstick: float | None = None
    goal: float | None = None
    at_most: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        reaches: Callable[[float, float], bool] = operator.le if self.at_most else operator.ge
        return reaches(self.value, self.goal)

    @property
    def line(self) -> dict[str, Any]:
        """As it is printed (contract §13), with what explains it after that."""
        told = {"figure": self.figure, "value": _short(self.value), "unit": self.unit, "yardstick": self.yardstick}
        return {**told, "goal": self.goal, "holds": self.holds, **self.details}


def compare(
    figure: str, goal: float | None, ours: Load, bare: Load, servers: tuple[Server, Server], effort: Effort
) -> Figure:
    """The median over the rounds of (our requests a second ÷ the yardstick's)."""
    return uvloop.run(_compare(figure, goal, (ours, bare), servers, effort))


async def _compare(
    figure: str, goal: float | None, loads: tuple[Load, Load], servers: tuple[Server, Server], effort: Effort
) -> Figure:
    for load in loads:
        await load.run(effort.warm_up)
    rounds = [
        [await timed(load, server, effort.seconds) for load, server in zip(loads, servers, strict=True)]
        for _ in range(effort.rounds)
    ]
    ours, bare = zip(*rounds, strict=True)
    ratios = [a.rate / b.rate for (a, _), (b, _) in rounds]
    details = {
        "ratios": [_short(ratio) for ratio in ratios],
        "cpu_ratio": _short(median(b for _, b in bare) / median(a for _, a in ours)),
        "ours": told(ours),
        "bare": told(bare),
    }
    rate = round(median(slice.rate for slice, _ in bare))
    return Figure(figure, median(ratios), "of a bare POST's requests/s", rate, goal, details=details)


Timed = tuple[Slice, float]
"""A slice and the server's processor time for each of its requests, in microseconds."""


async def timed(load: Load, server: Server, seconds: float | None = None) -> Timed:
    """A load for so long, or until all of it is answered."""
    before = server.cpu_seconds()
    slice = await load.run(seconds)
    return slice, (server.cpu_seconds() - before) / slice.answers * 1e6


def told(slices: Sequence[Timed]) -> dict[str, float]:
    """Requests a second, latencies and processor time, each the median over the slices."""
    return {
        "per_second": round(median(slice.rate for slice, _ in slices)),
        "p50_ms": _short(median(slice.milliseconds(0.5) for slice, _ in slices)),
        "p99_ms": _short(median(slice.milliseconds(0.99) for slice, _ in slices)),
        "cpu_us_each": round(median(cpu for _, cpu in slices)),
        "load_generator_cpu": _short(median(slice.own_cpu for slice, _ in slices)),
    }


def _short(value: float) -> float:
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)
