"""The line to a cluster: every command finds its node, wherever its slot went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from hashlib import sha1
from typing import Any

import hiredis
import pytest
from redis.crc import key_slot

from adapters.lua_script import Script
from adapters.redis_client import AWAY, client_of
from adapters.redis_cluster import ClusterLine, line_to
from adapters.redis_line import REIGN, RedisLine
from adapters.seat_keys import SHARDS
from domain.errors import Unavailable
from tests.scale_out.valkey_cluster import Node, ValkeyCluster

Story = Callable[[RedisLine], Coroutine[Any, Any, None]]
SLOT = key_slot(b"{ab}")


def on_a_line(url: str, story: Story, **options: Any) -> None:
    async def run() -> None:
        line = ClusterLine(url, **options)
        try:
            await story(line)
        finally:
            await line.close()

    asyncio.run(run())


def script(source: str) -> Script:
    made = Script("due")
    made.source, made.sha = source, sha1(source.encode()).hexdigest()
    return made


GET_BOTH = script("return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}")


def another(cluster: ValkeyCluster, than: Node) -> Node:
    return next(node for node in cluster.masters if node is not than)


def test_every_shard_finds_its_master(cluster):
    async def story(line: RedisLine) -> None:
        await asyncio.gather(*(line.call("SET", f"seats:{{{shard}}}:x", shard) for shard in SHARDS))
        found = await asyncio.gather(*(line.call("GET", f"seats:{{{shard}}}:x") for shard in SHARDS))
        assert found == [shard.encode() for shard in SHARDS]

    on_a_line(cluster.url, story)
    held = [node.client.dbsize() for node in cluster.masters]
    assert sum(held) == 256 and min(held) > 0


def test_nodes_are_asked_once_who_has_what(cluster):
    async def story(line: RedisLine) -> None:
        for shard in SHARDS[:5]:
            await line.call("SET", f"{{{shard}}}", shard)
            await asyncio.sleep(0.06)

    for node in cluster.masters:
        node.client.config_resetstat()
    on_a_line(cluster.url, story)
    stats = [node.client.info("commandstats").get("cmdstat_cluster|slots", {"calls": 0}) for node in cluster.masters]
    assert sum(each["calls"] for each in stats) <= 3  # three are asked at once, the first answer is taken


def test_one_node_of_all_is_enough_to_begin_with(cluster):
    async def story(line: RedisLine) -> None:
        assert await line.call("PING") == b"PONG"
        assert await line.call("SET", "{ab}", 1) == b"OK"

    on_a_line(f"redis+cluster://127.0.0.1:1,127.0.0.1:{cluster.masters[0].port}/0", story)


def test_a_cluster_that_is_not_there_is_unavailable(servers):
    async def story(line: RedisLine) -> None:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await line.call("PING")

    on_a_line("redis+cluster://127.0.0.1:1,127.0.0.1:2", story)


def test_a_moved_slot_is_followed(cluster):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "{ab}", "here")
        for _ in range(3):
            cluster.move(SLOT, another(cluster, cluster.owner(SLOT)))
            assert await asyncio.gather(*(line.call("GET", "{ab}") for _ in range(20))) == [b"here"] * 20
        cluster.move_at_once(SLOT, another(cluster, cluster.owner(SLOT)))
        assert await line.call("GET", "{ab}") == b"here"

    on_a_line(cluster.url, story)


def test_a_key_that_went_ahead_of_its_slot_is_followed(cluster):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "{ab}:1", "moved")
        with cluster.moving(SLOT, another(cluster, cluster.owner(SLOT))) as move_keys:
            move_keys()
            answers = await asyncio.gather(*(line.call("GET", "{ab}:1") for _ in range(20)))
            assert answers == [b"moved"] * 20
            once = script("return redis.call('GET', KEYS[1])")  # which the new node was not told yet
            assert await line.run(once, ("{ab}:1",)) == b"moved"

    on_a_line(cluster.url, story)


def test_a_script_waits_until_all_its_keys_are_together_again(cluster):
    async def story(line: RedisLine) -> None:
        await asyncio.gather(line.call("SET", "{ab}:1", "a"), line.call("SET", "{ab}:2", "b"))
        with cluster.moving(SLOT, another(cluster, cluster.owner(SLOT))) as move_keys:
            move_keys(1)
            asked = asyncio.ensure_future(line.run(GET_BOTH, ("{ab}:1", "{ab}:2")))
            await asyncio.sleep(0.03)
            assert not asked.done()
        assert await asked == [b"a", b"b"]

    on_a_line(cluster.url, story)


def test_a_script_whose_slot_does_not_settle_is_given_up_soon(cluster):
    async def story(line: RedisLine) -> None:
        await asyncio.gather(line.call("SET", "{ab}:1", "a"), line.call("SET", "{ab}:2", "b"))
        with cluster.moving(SLOT, another(cluster, cluster.owner(SLOT))) as move_keys:
            move_keys(1)
            with pytest.raises(Unavailable):
                await line.run(GET_BOTH, ("{ab}:1", "{ab}:2"))
            assert await line.call("SET", "{another}", 1) == b"OK"

    on_a_line(cluster.url, story)


def test_a_script_that_a_moving_slot_stopped_in_the_middle_is_run_again(cluster):
    """A key that it deleted counts as moved, for the rest of the script."""
    remade = script("redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], ARGV[1])")

    async def story(line: RedisLine) -> None:
        await line.call("SET", "{ab}:1", "a")
        with cluster.moving(SLOT, another(cluster, cluster.owner(SLOT))):
            assert await line.run(remade, ("{ab}:1",), "again") == b"OK"
        assert await line.call("GET", "{ab}:1") == b"again"

    on_a_line(cluster.url, story)


def test_scripts_are_told_to_each_node_that_lost_them(cluster):
    async def story(line: RedisLine) -> None:
        echo = script("return ARGV[1]")
        for _ in range(2):
            for node in cluster.masters:
                node.client.script_flush()
            asked = (line.run(echo, (f"{{{shard}}}",), shard) for shard in SHARDS)
            assert await asyncio.gather(*asked) == [shard.encode() for shard in SHARDS]

    on_a_line(cluster.url, story)


def test_a_script_is_told_the_reign_of_the_very_node_that_runs_it(cluster):
    async def story(line: RedisLine) -> None:
        tell = script("return ARGV[1]")
        for _ in range(2):
            owner = cluster.owner(SLOT)
            assert (await line.run(tell, ("{ab}",), REIGN)).decode() == owner.client.info("server")["run_id"][:16]
            cluster.move(SLOT, another(cluster, owner))

    on_a_line(cluster.url, story)


def test_an_error_of_a_command_goes_to_its_caller(cluster):
    async def story(line: RedisLine) -> None:
        with pytest.raises(hiredis.ReplyError, match="CROSSSLOT"):
            await line.call("DEL", "a", "b")

    on_a_line(cluster.url, story)


def test_a_connection_that_was_cut_is_opened_again(cluster):
    async def story(line: RedisLine) -> None:
        await line.call("SET", "{ab}", 1)
        cluster.owner(SLOT).client.client_kill_filter(_type="normal", skipme=True)
        found = None
        while found is None:
            with suppress(Unavailable):  # until we hear of it
                found = await line.call("GET", "{ab}")
        assert found == b"1"

    on_a_line(cluster.url, story)


def test_sync_callers_reach_the_cluster_too(cluster):
    client = client_of(cluster.url)
    assert client.ping() and client.info("server")["server_name"] == "valkey"
    asked = [client.execute_command("SET", f"rate:{{{n}}}", n) for n in range(50)]
    assert asked == [True] * 50 and [client.execute_command("GET", "rate:{7}"), client.close()] == [b"7", None]
    assert min(node.client.dbsize() for node in cluster.masters) > 0


def test_sync_callers_hear_that_the_cluster_is_away():
    client = client_of("redis+cluster://127.0.0.1:1")
    for _ in range(2):
        with pytest.raises(AWAY):
            client.ping()


def test_the_url_says_which_line_it_is():
    assert isinstance(line_to("redis+cluster://a:1,[::1]:2"), ClusterLine)
    assert not isinstance(line_to("redis://a:1"), ClusterLine)
