"""Heartbeat, acquire and release, validate: each against the same conversation with the yardstick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, cycle
from math import ceil

import uvloop

from scripts.benchmarks.conversations import (
    Session,
    acquire_request,
    bare_heartbeat_request,
    heartbeats,
    repeated,
    seated,
    sittings,
    validate_request,
)
from scripts.benchmarks.engine import Installation, Server, serving
from scripts.benchmarks.figures import Effort, Figure, compare
from scripts.benchmarks.load import Address, Conversation, Load

_POOL = 1_000
_SMALL_POOL = 10


@contextmanager
def both(installation: Installation) -> Iterator[tuple[Server, Server]]:
    """Usher's API and the yardstick, by the same HTTP server."""
    with serving("engine", installation.settings) as ours, serving("yardstick") as bare:
        yield ours, bare


def heartbeat(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Sessions of many machines, each heartbeat with the lease that the last one answered."""
    keys = installation.license_keys(ceil(effort.sessions / _POOL), seats=_POOL)
    with both(installation) as (ours, bare):
        sitting = uvloop.run(sit_down(ours.address, keys, effort))
        standing_in = uvloop.run(sit_down(bare.address, keys, effort))
        in_header, in_body = beating(bare.address, standing_in, effort), _bare(bare.address, standing_in, effort)
        own = beating(ours.address, sitting, effort)
        yield compare("heartbeat", 0.5, own, in_body, (ours, bare), effort)
        yield compare("heartbeat-without-body", None, own, in_header, (ours, bare), effort)


def acquire(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Acquire and release, two requests, each event durable before its answer; a new machine every time."""
    large = installation.license_keys(1, seats=_POOL)
    small = installation.license_keys(ceil(effort.connections / 4), seats=_SMALL_POOL)
    with both(installation) as (ours, bare):
        for name, keys in (("acquire", large), (f"acquire-pools-of-{_SMALL_POOL}", small)):
            own, their = (coming_and_going(server.address, keys, effort) for server in (ours, bare))
            yield compare(name, 0.3, own, their, (ours, bare), effort)


def validate(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Is this key good? A hundred licences in turn."""
    asked = [validate_request(key) for key in installation.license_keys(100, seats=_SMALL_POOL)]
    with both(installation) as (ours, bare):
        own, their = (
            Load(server.address, [repeated(cycle(asked)) for _ in range(effort.connections)]) for server in (ours, bare)
        )
        yield compare("validate", 0.5, own, their, (ours, bare), effort)


def servers(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Our own hot path by granian ÷ by uvicorn, one worker each: which server production should use."""
    keys = installation.license_keys(2 * ceil(effort.sessions / _POOL) + 2, seats=_POOL)
    with (
        serving("engine", installation.settings, http="granian") as granian,
        serving("engine", installation.settings) as uvicorn,
    ):
        both = granian, uvicorn
        sessions = [uvloop.run(sit_down(server.address, keys[at:-2:2], effort)) for at, server in enumerate(both)]
        beats = [beating(server.address, of, effort) for server, of in zip(both, sessions, strict=True)]
        pairs = [coming_and_going(server.address, [key], effort) for server, key in zip(both, keys[-2:], strict=True)]
        for name, loads in (("heartbeat-by-granian", beats), ("acquire-by-granian", pairs)):
            figure = compare(name, None, loads[0], loads[1], both, effort)
            yield replace(figure, unit="of uvicorn's requests/s")


async def sit_down(address: Address, keys: Sequence[str], effort: Effort) -> list[Session]:
    """So many sessions of as many machines, spread over the licences."""
    sessions: list[Session] = []
    machines = iter(range(effort.sessions))

    def come() -> Conversation:
        for machine in machines:
            sessions.append(seated((yield acquire_request(keys[machine % len(keys)], machine))))

    await Load(address, [come() for _ in range(effort.connections)]).run()
    return sessions


def beating(address: Address, sessions: Sequence[Session], effort: Effort) -> Load:
    """Heartbeats of all sessions, shared out over the connections."""
    return Load(address, [heartbeats(sessions[at :: effort.connections]) for at in range(effort.connections)])


def _bare(address: Address, sessions: Sequence[Session], effort: Effort) -> Load:
    """The heartbeat's words as the JSON body of a POST."""
    asked = [bare_heartbeat_request(session) for session in sessions]
    return Load(address, [repeated(cycle(asked[at :: effort.connections])) for at in range(effort.connections)])


def coming_and_going(address: Address, keys: Sequence[str], effort: Effort) -> Load:
    """Every connection takes a seat and gives it back, as a new machine each time."""
    machines = count(1_000_000)
    return Load(address, [sittings(keys[at % len(keys)], machines) for at in range(effort.connections)])
