"""Very many: a million live seats, and everybody at nine o'clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, cycle
from statistics import median

import uvloop
from redis import Redis

from scripts.benchmarks.conversations import acquire_request
from scripts.benchmarks.engine import Installation, Server, serving
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.load import Answer, Slice, Unexpected
from scripts.benchmarks.paced import PacedLoad
from scripts.benchmarks.seating import issue, load, seat

_MB = 1_000_000
_SEATS_EACH = 100
_RENEWED_EVERY = 300
"""Seconds; what clients are told."""
_LAPSED = 100
_TIMES = 5


def million(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """A million live seats on this machine: renewed every five minutes, none lost; and what the reaper costs then."""
    licenses = issue(installation, max(1, effort.crowd // _SEATS_EACH), seats=_SEATS_EACH)
    seating = seat(installation, licenses, _SEATS_EACH)
    with _servers(installation, 2) as servers, Redis.from_url(installation.settings.redis_url or "") as redis:
        began = time.perf_counter()
        load(installation, licenses)
        loaded = time.perf_counter() - began
        sessions = len(seating.sessions)
        requests = (session.heartbeat() for session in cycle(seating.sessions))
        addresses = [server.address for server in servers.processes]
        rate = sessions / _RENEWED_EVERY

        def renew(seconds: float) -> Slice:
            return uvloop.run(PacedLoad(addresses, requests, _require_renewed, effort.connections).run(rate, seconds))

        cpu = servers.cpu_seconds()
        slice = renew(effort.crowd_seconds)
        details = _told(slice) | {
            "seats": sessions,
            "licenses": len(licenses),
            "seconds": round(slice.seconds),
            "api_cpu": round((servers.cpu_seconds() - cpu) / slice.seconds, 2),
            "seconds_to_load": round(loaded, 1),
        }
        yield Figure("million-heartbeats-p99", slice.milliseconds(0.99), "ms", rate, 100, at_most=True, details=details)
        valkey = redis.info("memory")["used_memory"] / _MB  # type: ignore[index]
        yield Figure("million-valkey", valkey, "MB", goal=1_000, at_most=True, details={"seats": sessions})
        redis.flushall()
        slice = renew(effort.crowd_seconds / 10)
        yield Figure("million-after-a-flush", slice.milliseconds(1), "ms", rate, details=_told(slice))
        load(installation, licenses)  # also those that nobody has renewed yet
        yield _reaper(installation, redis, sessions)


def _reaper(installation: Installation, redis: Redis, sessions: int) -> Figure:
    """What it takes to see that a hundred of them fell silent, and to end those; the median of five times."""
    took = [_reaped(installation, redis) for _ in range(_TIMES)]
    details = {"seated": sessions, "lapsed": _LAPSED, "each_ms": [round(each, 1) for each in took]}
    return Figure("million-reaper", median(took), "ms", goal=50, at_most=True, details=details)


def _reaped(installation: Installation, redis: Redis) -> float:
    """A hundred leases are over, everybody else sits: milliseconds until their sessions are ended."""
    silent = []
    for key in redis.scan_iter("seats:{*}:due", count=1_000):
        for member in redis.zrange(key, 0, 0):  # type: ignore[union-attr]
            name, _, number = member.decode().partition("/")
            redis.zadd(key, {member: 1})
            redis.zadd(f"seats:{{{name[-2:]}}}:{name}:leases", {number: 1})
            silent.append(member)
        if len(silent) >= _LAPSED:
            break
    began = time.perf_counter()
    closed = installation.services.seat_work.expire_lapsed()
    took = 1000 * (time.perf_counter() - began)
    if closed != len(silent):
        raise Unexpected(f"{closed} sessions were closed where {len(silent)} had lapsed")
    return took


def monday(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Nine o'clock: 20,000 machines ask for a seat within ten seconds, each of them once, on 2,000 licences."""
    for processes in (1, 2):
        keys = installation.license_keys(max(1, effort.burst // 10), seats=10)
        machines = count(processes * 10_000_000)
        requests = (acquire_request(keys[machine % len(keys)], machine) for machine in machines)
        with _servers(installation, processes) as servers:
            addresses = [server.address for server in servers.processes]
            paced = PacedLoad(addresses, requests, _require_seated, 4 * effort.connections)
            slice = uvloop.run(paced.run(effort.burst / effort.burst_seconds, effort.burst_seconds))
        name = f"monday-p99-{processes}-api"
        yield Figure(name, slice.milliseconds(0.99), "ms", goal=1_000, at_most=True, details=_told(slice))


class _Servers(ExitStack):
    """Several API processes."""

    processes: list[Server]

    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self.processes)


def _servers(installation: Installation, number: int) -> _Servers:
    servers = _Servers()
    servers.processes = [servers.enter_context(serving("engine", installation.settings)) for _ in range(number)]
    return servers


def _told(slice: Slice) -> dict[str, float]:
    return {
        "per_second": round(slice.rate),
        "p50_ms": round(slice.milliseconds(0.5), 2),
        "p99_ms": round(slice.milliseconds(0.99), 2),
        "longest_ms": round(slice.milliseconds(1), 1),
        "load_generator_cpu": round(slice.own_cpu, 2),
    }


def _require_renewed(answer: bytes) -> None:
    if answer[9:12] != b"200":
        raise Unexpected.of(Answer(int(answer[9:12]), answer))


def _require_seated(answer: bytes) -> None:
    if answer[9:12] != b"201":
        raise Unexpected.of(Answer(int(answer[9:12]), answer))
