"""Every benchmark by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripts.benchmarks.api_keys import keys
from scripts.benchmarks.crowd import million, monday
from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.floor import floor
from scripts.benchmarks.hot_routes import acquire, heartbeat, servers, validate
from scripts.benchmarks.intake import webhooks
from scripts.benchmarks.invoicing import invoices
from scripts.benchmarks.log_reading import follower, verify
from scripts.benchmarks.log_writing import group_commit
from scripts.benchmarks.memory import memory
from scripts.benchmarks.outbound import outbound
from scripts.benchmarks.pools import seats
from scripts.benchmarks.processing import processing
from scripts.benchmarks.scale_out import standby
from scripts.benchmarks.tenants import tenants
from scripts.benchmarks.usage import usage

Benchmark = Callable[[Installation, Effort], Iterator[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "heartbeat": heartbeat,
    "acquire": acquire,
    "validate": validate,
    "webhooks": webhooks,
    "usage": usage,
    "keys": keys,
    "processing": processing,
    "outbound": outbound,
    "invoices": invoices,
    "group-commit": group_commit,
    "follower": follower,
    "verify": verify,
    "memory": memory,
    "floor": floor,
    "monday": monday,
    "servers": servers,
    "seats": seats,
    "million": million,
    "standby": standby,
    "tenants": tenants,
}
_ONLY_NAMED = ("invoices", "servers", "seats", "million", "standby", "tenants")
DEFAULT = tuple(name for name in BENCHMARKS if name not in _ONLY_NAMED)
"""What runs when nothing is named: all that does not take long, and the ground under it."""
