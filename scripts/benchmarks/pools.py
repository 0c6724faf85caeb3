"""What a seat costs: by the size of its pool, by the number of API processes, and that no seat was ever held twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from math import ceil
from statistics import median

import uvloop

from scripts.benchmarks.conversations import Session, heartbeats
from scripts.benchmarks.engine import Installation, Server, serving
from scripts.benchmarks.figures import Effort, Figure, Timed, timed, told
from scripts.benchmarks.floor import floor
from scripts.benchmarks.ledger import Ledger, sittings
from scripts.benchmarks.load import Conversation, Load, Slice
from scripts.benchmarks.seating import issue, load, seat

SIZES = (10, 1_000, 100_000)
_PROCESSES = (1, 2, 4)
_DEARER = 1.3
"""How much more a seat of the largest pool may cost than one of the smallest."""


@dataclass(frozen=True)
class _Pool:
    """Licences of one size: some whose sessions send heartbeats, others where machines come and go."""

    size: int
    sessions: Sequence[Session]
    keys: Sequence[str]


def seats(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Acquire and heartbeat for pools of 10 to 100,000 seats and 1 to 4 API processes, beside their yardsticks."""
    yield from floor(installation, effort)
    pools = [_pool(installation, size, effort) for size in _sizes(effort)]
    ledger = Ledger()
    for number in _PROCESSES:
        with ExitStack() as stack:
            servers = [stack.enter_context(serving("engine", installation.settings)) for _ in range(number)]
            yield from _compare(
                "heartbeat", pools, [_beating(servers, pool, effort) for pool in pools], servers, effort
            )
            coming = [_coming(servers, pool, ledger, effort) for pool in pools]
            yield from _compare("acquire", pools, coming, servers, effort)
            yield _contest(installation, servers, ledger, effort)


def _sizes(effort: Effort) -> list[int]:
    return [min(size, effort.crowd // 10) for size in SIZES]


def _pool(installation: Installation, size: int, effort: Effort) -> _Pool:
    """Its heartbeats come from at least as many sessions as there are connections, so that none has to wait."""
    licenses = issue(installation, ceil(max(effort.sessions, effort.connections) / size), seats=size)
    seating = seat(installation, licenses, size)
    load(installation, licenses)
    keys = installation.license_keys(ceil(4 * effort.connections / size), seats=size)
    return _Pool(size, seating.sessions, keys)


class Together:
    """Loads on several servers at once, as one."""

    def __init__(self, loads: Sequence[Load]) -> None:
        self._loads = loads

    async def run(self, seconds: float | None = None) -> Slice:
        slices = await asyncio.gather(*(load.run(seconds) for load in self._loads))
        each = sorted(took for slice in slices for took in slice.seconds_each)
        return Slice(len(each), max(slice.seconds for slice in slices), each, max(slice.own_cpu for slice in slices))


class _All:
    """Several servers as one, for the processor time that they use."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers

    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self._servers)


def _compare(
    verb: str, pools: Sequence[_Pool], loads: Sequence[Together], servers: Sequence[Server], effort: Effort
) -> Iterator[Figure]:
    """Each size in turn, round after round; then what the largest costs beside the smallest."""
    rounds = uvloop.run(_rounds(loads, _All(servers), effort))
    for pool, slices in zip(pools, rounds, strict=True):
        details = told(slices)
        yield Figure(
            f"{verb}-pool-{pool.size}-api-{len(servers)}", details["per_second"], "requests/s", details=details
        )
    dearer = median(large[1] / small[1] for small, large in zip(rounds[0], rounds[-1], strict=True))
    name = f"{verb}-cost-{pools[-1].size}-to-{pools[0].size}-api-{len(servers)}"
    yield Figure(name, dearer, "times the processor time", goal=_DEARER, at_most=True)


async def _rounds(loads: Sequence[Together], servers: _All, effort: Effort) -> list[list[Timed]]:
    for each in loads:
        await each.run(effort.warm_up)
    taken: list[list[Timed]] = [[] for _ in loads]
    for _ in range(ceil(effort.rounds / 3)):
        for each, slices in zip(loads, taken, strict=True):
            slices.append(await timed(each, servers, effort.seconds))
    return taken


def _beating(servers: Sequence[Server], pool: _Pool, effort: Effort) -> Together:
    """A client keeps its connection; the connections are spread over the servers."""
    shares = [pool.sessions[at :: effort.connections] for at in range(effort.connections)]
    return _spread(servers, [heartbeats(share) for share in shares])


def _coming(servers: Sequence[Server], pool: _Pool, ledger: Ledger, effort: Effort) -> Together:
    machines = count(len(servers) * 10**12 + 1_000_000 * pool.size)  # some of those of before sit still
    keys = [pool.keys[at % len(pool.keys)] for at in range(effort.connections)]
    return _spread(servers, [sittings(key, machines, ledger) for key in keys])


def _contest(installation: Installation, servers: Sequence[Server], ledger: Ledger, effort: Effort) -> Figure:
    """Everybody wants one of ten seats: most are refused, and whoever is not has a seat alone."""
    (key,) = installation.license_keys(1, seats=10)
    machines = count(10**12)
    before = ledger.granted, ledger.refused
    clients = [sittings(key, machines, ledger, contested=True) for _ in range(max(32, 2 * effort.connections))]
    contest = _spread(servers, clients)
    slice = uvloop.run(contest.run(effort.seconds * max(1, effort.rounds / 3)))
    granted, refused = ledger.granted - before[0], ledger.refused - before[1]
    details = {"granted": granted, "refused": refused, "held_twice": 0, "p99_ms": round(slice.milliseconds(0.99), 1)}
    return Figure(f"contest-for-10-seats-api-{len(servers)}", slice.rate, "answers/s", details=details)


def _spread(servers: Sequence[Server], conversations: Sequence[Conversation]) -> Together:
    shares = [list(conversations[at :: len(servers)]) for at in range(len(servers))]
    return Together([Load(server.address, share) for server, share in zip(servers, shares, strict=True)])
