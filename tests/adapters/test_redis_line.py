"""The shared connection to Redis: in order, reopened, never waiting for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

import hiredis
import pytest
import uvloop
from redis import Redis

from adapters.lua_script import Script
from adapters.redis_line import REIGN, RedisLine
from domain.errors import Unavailable

Story = Callable[[RedisLine], Coroutine[Any, Any, None]]


def on_a_line(url: str, story: Story, **options: Any) -> None:
    async def run() -> None:
        line = RedisLine(url, **options)
        try:
            await story(line)
        finally:
            await line.close()

    asyncio.run(run())


def test_a_thousand_concurrent_calls_get_each_their_own_answer(empty_redis_url):
    async def story(line: RedisLine) -> None:
        answers = await asyncio.gather(*(line.call("ECHO", f"word {n}") for n in range(1000)))
        assert answers == [f"word {n}".encode() for n in range(1000)]

    on_a_line(empty_redis_url, story)


def test_it_works_on_the_loop_that_the_server_runs_on(empty_redis_url):
    async def run() -> bytes:
        line = RedisLine(empty_redis_url)
        try:
            return await line.call("ECHO", "uvloop")
        finally:
            await line.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == b"uvloop"


def test_an_error_goes_to_its_own_caller_alone(empty_redis_url):
    async def story(line: RedisLine) -> None:
        calls = (line.call("ECHO", 1), line.call("NO-SUCH-COMMAND"), line.call("ECHO", 2))
        first, error, last = await asyncio.gather(*calls, return_exceptions=True)
        assert (first, last) == (b"1", b"2")
        assert isinstance(error, hiredis.ReplyError)

    on_a_line(empty_redis_url, story)


def test_an_answer_to_a_caller_who_left_is_not_given_to_another(empty_redis_url):
    async def story(line: RedisLine) -> None:
        await line.call("PING")
        impatient = asyncio.ensure_future(line.call("ECHO", "for nobody"))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await line.call("ECHO", "for me") == b"for me"

    on_a_line(empty_redis_url, story)


def test_a_connection_that_was_cut_is_opened_again(empty_redis_url, redis: Redis):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "a", 1)
        number = await line.call("CLIENT", "ID")
        stuck = asyncio.ensure_future(line.call("BLPOP", "nothing-comes", 0))
        while number not in {int(each["id"]) for each in redis.client_list() if each["cmd"] == "blpop"}:
            await asyncio.sleep(0)
        redis.execute_command("CLIENT", "KILL", "ID", number)
        with pytest.raises(Unavailable):
            await stuck
        assert await line.call("GET", "a") == b"1"

    on_a_line(empty_redis_url, story)


def test_scripts_are_told_again_to_a_server_that_lost_them(empty_redis_url, redis: Redis):
    async def story(line: RedisLine) -> None:
        script = Script("clock", "due")
        assert await line.run(script, ("due",), 0, 10) == []
        redis.script_flush()
        answers = await asyncio.gather(*(line.run(script, ("due",), 0, 10) for _ in range(20)))
        assert answers == [[]] * 20

    on_a_line(empty_redis_url, story)


def test_nobody_waits_for_a_server_that_stopped(servers, empty_redis_url):
    async def story(line: RedisLine) -> None:
        await line.call("PING")
        os.kill(servers.valkey_pid, signal.SIGSTOP)
        try:
            answers = await asyncio.gather(*(line.call("PING") for _ in range(5)), return_exceptions=True)
        finally:
            os.kill(servers.valkey_pid, signal.SIGCONT)
        assert all(isinstance(each, Unavailable) for each in answers)
        assert await line.call("PING") == b"PONG"

    on_a_line(empty_redis_url, story, timeout=0.3)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_stall_of_our_own_is_not_taken_for_a_dead_server(empty_redis_url, new_loop, is_open):
    async def story() -> None:
        line = RedisLine(empty_redis_url, timeout=0.05)
        if is_open:
            await line.call("PING")
            await asyncio.sleep(0.06)  # nobody watches an idle line
        answers = [asyncio.ensure_future(line.call("ECHO", n)) for n in range(3)]
        for _ in range(5):  # wherever the stall comes: before the command left, or before its answer was read
            await asyncio.sleep(0)
            time.sleep(0.12)
        assert await asyncio.gather(*answers) == [b"0", b"1", b"2"]
        await line.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


def test_a_server_that_became_a_replica_is_left(empty_redis_url, redis: Redis):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "a", 1)
        before = await line.call("CLIENT", "ID")
        redis.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(Unavailable):
                await line.call("SET", "a", 2)
            assert await line.call("CLIENT", "ID") > before
        finally:
            redis.replicaof("no", "one")
        assert await line.call("SET", "a", 3) == b"OK"

    on_a_line(empty_redis_url, story)


def test_a_script_is_told_in_whose_life_it_runs(empty_redis_url, redis: Redis):
    async def story(line: RedisLine) -> None:
        script = Script("due")
        script.source, script.sha = "return ARGV[2]", redis.script_load("return ARGV[2]")
        assert await line.run(script, (), "first", REIGN) == redis.info("server")["run_id"][:16].encode()

    on_a_line(empty_redis_url, story)


def test_a_server_that_is_not_there_is_unavailable(tmp_path):
    async def story(line: RedisLine) -> None:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await line.call("PING")

    on_a_line(f"unix://{tmp_path}/nobody.sock", story)
    on_a_line("redis://127.0.0.1:1/0", story)


def test_the_database_number_of_the_url_counts(empty_redis_url, redis: Redis):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "b", 1)

    on_a_line(empty_redis_url.replace("db=0", "db=5"), story)
    assert redis.get("b") is None
    assert redis.info("keyspace")["db5"]["keys"] == 1
