"""The yardsticks alone: what this machine can do at all, to read the other figures by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from statistics import median

import psycopg
import uvloop
from redis import Redis

from adapters.redis_line import RedisLine
from scripts.benchmarks.conversations import Session, bare_heartbeat_request, repeated
from scripts.benchmarks.engine import Installation, serving
from scripts.benchmarks.figures import Effort, Figure, timed, told
from scripts.benchmarks.load import Load

_LUA = "return redis.call('INCR', KEYS[1])"


def floor(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """A bare POST, a Redis PING, a small script, a durable insert: no goals, the ground under the others."""
    yield from _bare_post(effort)
    yield from _redis(installation, effort)
    yield from _insert(installation, effort)


def _bare_post(effort: Effort) -> Iterator[Figure]:
    session = Session("/x/00000000-0000-7000-8000-000000000001", b"e" * 520)
    with serving("yardstick") as server:
        conversations = [repeated(cycle([bare_heartbeat_request(session)])) for _ in range(effort.connections)]
        load = Load(server.address, conversations)
        uvloop.run(load.run(effort.warm_up))
        slices = [uvloop.run(timed(load, server, effort.seconds)) for _ in range(effort.rounds)]
    yield Figure("bare-post", median(slice.rate for slice, _ in slices), "requests/s", details=told(slices))


def _redis(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """One after the other from a sync client, then 64 at a time over the line that the API uses."""
    assert installation.settings.redis_url
    with Redis.from_url(installation.settings.redis_url) as client:
        sha = client.script_load(_LUA)
        yield Figure("redis-ping", rate(client.ping, effort), "calls/s", details={"at_a_time": 1})
        yield Figure(
            "redis-script", rate(lambda: client.evalsha(sha, 1, "n"), effort), "calls/s", details={"at_a_time": 1}
        )
    yield Figure(
        "redis-script-line",
        uvloop.run(_over_the_line(installation.settings.redis_url, sha, effort)),
        "calls/s",
        details={"at_a_time": effort.connections},
    )


async def _over_the_line(redis_url: str, sha: str, effort: Effort) -> float:
    line = RedisLine(redis_url)
    done, began = 0, time.perf_counter()

    async def call() -> None:
        nonlocal done
        while time.perf_counter() - began < effort.seconds * effort.rounds / 3:
            await line.call("EVALSHA", sha, 1, "n")
            done += 1

    await asyncio.gather(*(call() for _ in range(effort.connections)))
    await line.close()
    return done / (time.perf_counter() - began)


def _insert(installation: Installation, effort: Effort) -> Iterator[Figure]:
    assert installation.settings.database_url
    with psycopg.connect(installation.settings.database_url, autocommit=True) as connection:
        connection.execute("create table if not exists floor (id bigint generated always as identity, said text)")
        insert = rate(lambda: connection.execute("insert into floor (said) values (%s)", ("x" * 300,)), effort)
        connection.execute("drop table floor")
    yield Figure("durable-insert", insert, "inserts/s", details={"at_a_time": 1})


def rate(act: Callable[[], object], effort: Effort) -> float:
    """How often a second, one after the other."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < effort.seconds * effort.rounds / 3:
        act()
        done += 1
    return done / took
