"""The embedded servers: real, durable, found again, replaced after a kill, and never a stranger's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from dramatiq.brokers.redis import RedisBroker
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from adapters.embedded import EmbeddedFailed, EmbeddedServers, EngineRuns, running
from adapters.embedded_postgres import DURABILITY, TUNING
from adapters.server_process import own_folder

ROOT = Path(__file__).parents[2]
KILLED_ENGINE = """
import os, sys
from pathlib import Path
import psycopg
from adapters.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]))
url, _ = servers.start()
with psycopg.connect(url) as connection:
    connection.execute("CREATE TABLE kept (what text)")
    connection.execute("INSERT INTO kept VALUES ('answered before the kill')")
print(servers.postgres_pid, servers.valkey_pid, flush=True)
os.kill(os.getpid(), 9)
"""
ASK_FROM_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from adapters.embedded import running
engine = running(Path(sys.argv[1]))
print(engine and engine.database_url)
"""


def python(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True
    )
    return done.stdout.strip()


def value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def engine(tmp_path):
    """Started servers of this test alone, in `tmp_path / "home"`."""
    with EmbeddedServers(tmp_path / "home", durable=False) as servers:
        yield servers


@pytest.fixture
def stranger():
    """A process that is none of ours."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_both_servers_are_real_and_listen_on_no_port(servers):
    assert str(value(servers.database_url, "SHOW server_version")).startswith("18.")
    assert value(servers.database_url, "SHOW listen_addresses") == ""
    with Redis.from_url(servers.redis_url) as client:
        assert client.info("server")["server_name"] == "valkey"
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
    assert servers.ping() == {"postgres": True, "valkey": True}


def test_the_tuning_is_in_force(servers):
    in_force = {name: value(servers.database_url, f"SHOW {name}") for name in TUNING}
    assert in_force == TUNING


def test_text_sorts_alike_on_every_system(servers):
    assert value(servers.database_url, "SELECT datlocprovider FROM pg_database WHERE datname = 'usher'") == "b"


def test_the_redis_url_serves_sync_async_and_the_task_queue(servers):
    async def ping() -> bool:
        async with AsyncRedis.from_url(servers.redis_url) as client:
            return await client.ping()

    assert asyncio.run(ping())
    broker = RedisBroker(url=servers.redis_url)
    assert broker.client.ping()
    broker.client.close()


def test_what_is_answered_is_on_disk_unless_a_test_says_otherwise(tmp_path):
    with EmbeddedServers(tmp_path, valkey=False) as servers:
        assert [value(servers.database_url, f"SHOW {name}") for name in DURABILITY] == ["on", "on"]


def test_data_outlive_a_restart_and_the_cache_does_not(tmp_path):
    with EmbeddedServers(tmp_path, durable=False) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        with Redis.from_url(servers.redis_url) as client:
            client.set("cached", 1)
    with EmbeddedServers(tmp_path, durable=False) as servers:
        assert value(servers.database_url, "SELECT one FROM kept") == 1
        with Redis.from_url(servers.redis_url) as client:
            assert client.dbsize() == 0


def test_after_stop_nothing_runs_and_nothing_is_found(tmp_path):
    servers = EmbeddedServers(tmp_path, durable=False)
    servers.start()
    pids = (servers.postgres_pid, servers.valkey_pid)
    servers.stop()
    servers.stop()
    assert not any(is_alive(pid) for pid in pids)
    assert (servers.postgres_pid, servers.valkey_pid, running(tmp_path)) == (None, None, None)


def test_another_process_finds_a_running_engine_by_its_data_directory(engine):
    assert python(ASK_FROM_ANOTHER_PROCESS, engine.data_dir) == engine.database_url
    found = running(engine.data_dir)
    assert (found.pid, found.redis_url, found.valkey_pid) == (os.getpid(), engine.redis_url, engine.valkey_pid)


def test_a_second_engine_on_the_same_data_directory_is_refused(engine):
    with pytest.raises(EngineRuns, match="stop it, or set another USHER_DATA_DIR"):
        EmbeddedServers(engine.data_dir, durable=False).start()
    assert engine.ping() == {"postgres": True, "valkey": True}


def test_only_our_own_account_reaches_the_servers(engine):
    for folder in ("run", "postgres", "valkey", "logs"):
        assert stat.S_IMODE((engine.data_dir / folder).stat().st_mode) == 0o700
    for file in ("engine.json", "engine.lock"):
        assert stat.S_IMODE((engine.data_dir / file).stat().st_mode) == 0o600


def test_the_servers_inherit_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("USHER_SECRET_KEY", "hidden")
    with EmbeddedServers(tmp_path, durable=False) as servers:
        for pid in (servers.postgres_pid, servers.valkey_pid):
            assert "hidden" not in str(psutil.Process(pid).environ())


def test_the_servers_of_a_killed_engine_are_replaced_and_lose_nothing(tmp_path):
    left = [int(pid) for pid in python(KILLED_ENGINE, tmp_path).split()]
    assert all(is_alive(pid) for pid in left)
    assert running(tmp_path) is not None
    with EmbeddedServers(tmp_path) as servers:
        assert not any(is_alive(pid) for pid in left)
        assert value(servers.database_url, "SELECT what FROM kept") == "answered before the kill"


def test_process_ids_that_belong_to_strangers_by_now_are_left_alone(tmp_path, stranger):
    with EmbeddedServers(tmp_path, durable=False):
        state = json.loads((tmp_path / "engine.json").read_text())
    state |= {"postgres_pid": stranger.pid, "valkey_pid": stranger.pid}
    (tmp_path / "engine.json").write_text(json.dumps(state))
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{tmp_path}/postgres\n1\n5432\n\n\n\n")
    assert running(tmp_path) is None
    with EmbeddedServers(tmp_path, durable=False) as servers:
        assert servers.ping() == {"postgres": True, "valkey": True}
    assert is_alive(stranger.pid)


def test_two_engines_with_data_directories_of_their_own_do_not_meet(engine, tmp_path):
    with EmbeddedServers(tmp_path / "other", durable=False) as other:
        assert {other.postgres_pid, other.valkey_pid}.isdisjoint({engine.postgres_pid, engine.valkey_pid})
    assert engine.ping() == {"postgres": True, "valkey": True}


def test_a_killed_valkey_comes_back_on_the_same_socket(engine):
    with Redis.from_url(engine.redis_url) as client:
        client.set("cached", 1)
        first = engine.valkey_pid
        os.kill(first, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(first)] if psutil.pid_exists(first) else [], timeout=10)
        assert engine.ping() == {"postgres": True, "valkey": False}
        engine.restart_valkey()
        assert client.dbsize() == 0
    assert engine.valkey_pid != first
    assert running(engine.data_dir).valkey_pid == engine.valkey_pid


def test_a_killed_postgres_recovers_on_the_same_socket(engine):
    with psycopg.connect(engine.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    os.kill(engine.postgres_pid, signal.SIGKILL)
    engine.restart_postgres()
    assert value(engine.database_url, "SELECT one FROM kept") == 1


@pytest.mark.parametrize("name", ["d" * 120, 'it\'s a "folder" with ümlauts & 100 % more?'])
def test_a_data_directory_may_have_any_path(tmp_path, name):
    with EmbeddedServers(tmp_path / name, durable=False) as servers:
        assert value(servers.database_url, "SELECT 1") == 1
        with Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_one_server_may_be_embedded_without_the_other(tmp_path):
    servers = EmbeddedServers(tmp_path, postgres=False)
    database_url, redis_url = servers.start()
    assert (database_url, servers.postgres_pid, servers.ping()) == (None, None, {"valkey": True})
    with Redis.from_url(redis_url) as client:
        assert client.ping()
    servers.stop()


def test_a_cluster_that_was_made_by_halves_is_made_again(tmp_path):
    own_folder(tmp_path / "postgres.new")
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(tmp_path, valkey=False, durable=False) as servers:
        assert value(servers.database_url, "SELECT 1") == 1


def test_data_of_another_major_version_are_refused_and_untouched(tmp_path):
    own_folder(tmp_path / "postgres")
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedFailed, match=r"was made by PostgreSQL 16, here is 18"):
        EmbeddedServers(tmp_path).start()
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["PG_VERSION"]
    assert running(tmp_path) is None


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path):
    with EmbeddedServers(tmp_path, durable=False):
        pass
    with (tmp_path / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'nonsense'\n")
    servers = EmbeddedServers(tmp_path, durable=False)
    with pytest.raises(EmbeddedFailed, match=r"postgres ended while starting: .*shared_buffers.*postgres\.log"):
        servers.start()
    assert (servers.valkey_pid, running(tmp_path)) == (None, None)
    (tmp_path / "postgres" / "postgresql.conf").write_text("include_if_exists = 'usher.conf'\n")
    servers.start()
    servers.stop()


def test_a_link_laid_under_our_name_is_refused(tmp_path):
    (tmp_path / "run").symlink_to("/tmp")
    with pytest.raises(EmbeddedFailed, match="belongs to another user"):
        EmbeddedServers(tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another account")
def test_root_opens_the_folders_above_for_passing_only(tmp_path):
    above = tmp_path / "above"
    above.mkdir(mode=0o700)
    with EmbeddedServers(above / "home", valkey=False, durable=False) as servers:
        assert psutil.Process(servers.postgres_pid).username() == "usher"
        assert stat.S_IMODE(above.stat().st_mode) == 0o701
