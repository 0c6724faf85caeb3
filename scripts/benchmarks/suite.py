"""Every benchmark by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.floor import floor
from scripts.benchmarks.hot_routes import acquire, heartbeat, servers, validate
from scripts.benchmarks.intake import webhooks
from scripts.benchmarks.log_reading import follower, verify
from scripts.benchmarks.log_writing import group_commit
from scripts.benchmarks.memory import memory

Benchmark = Callable[[Installation, Effort], Iterator[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "heartbeat": heartbeat,
    "acquire": acquire,
    "validate": validate,
    "webhooks": webhooks,
    "group-commit": group_commit,
    "follower": follower,
    "verify": verify,
    "memory": memory,
    "floor": floor,
    "servers": servers,
}
DEFAULT = tuple(name for name in BENCHMARKS if name != "servers")
"""What runs when nothing is named: every figure that has a goal, and the ground under them."""
