"""Whether Redis can keep seats now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import hiredis

from adapters.redis_line import RedisLine
from adapters.seat_keys import SHARDS
from domain.errors import Unavailable

LONGEST = 0.3
"""Seconds for the answer."""


async def redis_answers(open_line: Callable[[], RedisLine]) -> bool:
    """Whether it takes a write to every shard, over a connection of its own.

    A write, since a server may answer and refuse to change anything (a replica, no memory left, a script that does not
    end); every shard, since of a cluster a part may be away.
    """
    line = open_line()
    writes = (line.call("SET", f"seats:{{{shard}}}:probe", 1, "PX", 10_000) for shard in SHARDS)
    try:
        with suppress(Unavailable, hiredis.ReplyError):
            await asyncio.gather(*writes)
            return True
        return False
    finally:
        await line.close()
