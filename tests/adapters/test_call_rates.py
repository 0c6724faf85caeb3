"""Calls counted in Redis by several processes at once, and by each for itself while Redis is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta

from adapters.call_rates import CallRates
from adapters.redis_line import RedisLine
from domain.rate import Rate

HOUR = timedelta(hours=1)
_PROCESS = """
import asyncio, sys
from datetime import timedelta
from adapters.call_rates import CallRates
from adapters.redis_line import RedisLine
from domain.rate import Rate

async def call():
    line = RedisLine(sys.argv[1])
    rates, rate = CallRates(line), Rate(50, timedelta(hours=1))
    answers = await asyncio.gather(*(rates.take("key:shared:api", rate) for _ in range(40)))
    print(sum(answer.retry_after == 0 for answer in answers))
    await line.close()

asyncio.run(call())
"""


def test_many_processes_together_let_in_no_more_than_one_would(redis_url, redis):
    asking = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, redis_url], stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(3)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in asking) == 50


def test_while_redis_is_away_each_process_lets_in_its_share(tmp_path):
    async def calls() -> list[int]:
        line = RedisLine(f"unix://{tmp_path}/nobody.sock")
        rates = CallRates(line, processes=2)
        answers = [await rates.take("key:ada:api", Rate(6, HOUR)) for _ in range(5)]
        await line.close()
        return [answer.retry_after for answer in answers]

    waits = asyncio.run(calls())
    assert waits[:3] == [0, 0, 0] and all(0 < wait <= 1200 for wait in waits[3:])
