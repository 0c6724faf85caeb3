"""The processes one by one, as in production, against servers that somebody else runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from adapters.embedded import EmbeddedServers
from scripts.processes import prepare

ROOT = Path(__file__).parents[2]
WORKERS = ("worker", "projector", "dispatcher", "scheduler")


class Started:
    """Processes of `usher`, each started by its own command line."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self.log = log
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, kind: str, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "scripts.cli", kind],
                cwd=ROOT,
                env={**self._environment, **environment},
                stdout=log,
                stderr=log,
            )
        self.running[kind] = process
        return process

    def stop(self) -> dict[str, int]:
        """Asks all of them to end; answers their exit codes."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        return {kind: process.wait(20) for kind, process in self.running.items()}


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def started(settings, port, tmp_path) -> Iterator[Started]:
    environment = {"PATH": os.environ["PATH"], **settings.as_environment(), "USHER_PORT": str(port)}
    started = Started(environment, tmp_path / "log")
    yield started
    for process in started.running.values():
        process.kill()
        process.wait()


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def answers(port: int, path: str = "/health/live") -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def readiness(port: int) -> tuple[int, str]:
    """What the API says of the engine; 0 while it does not listen."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30)
    except httpx.HTTPError:
        return 0, ""
    return answer.status_code, answer.json()["status"]


@pytest.fixture
def own_servers(tmp_path) -> Iterator[EmbeddedServers]:
    """Servers that this test may take away."""
    with EmbeddedServers(tmp_path / "servers", durable=False) as servers:
        yield servers


def test_together_they_are_an_engine_that_outlives_its_servers_and_ends_in_good_order(
    settings, own_servers, started, port
):
    addresses = {"database_url": own_servers.database_url, "redis_url": own_servers.redis_url}
    settings = replace(settings, port=port, broker_url=own_servers.redis_url, **addresses)
    prepare(settings)
    for kind in ("api", *WORKERS):
        started.start(kind, **settings.as_environment())
    until(lambda: readiness(port) == (200, "ok"))

    for server, without in ((own_servers._valkey, (200, "degraded")), (own_servers._postgres, (503, "unavailable"))):
        server.process.stop()
        until(lambda expected=without: readiness(port) == expected)
        server.start()
        until(lambda: readiness(port) == (200, "ok"))

    assert {kind for kind, process in started.running.items() if process.poll() is None} == {"api", *WORKERS}
    assert started.stop() == dict.fromkeys(("api", *WORKERS), 0)
    assert "Traceback" not in started.log.read_text()


def test_several_apis_are_kept_running_by_one_command(settings, started, port):
    prepare(settings)
    api = started.start("api", USHER_API_WORKERS="2")
    until(lambda: answers(port) and len(psutil.Process(api.pid).children()) == 2)
    first, second = psutil.Process(api.pid).children()
    first.kill()
    until(
        lambda: (
            len({child.pid for child in psutil.Process(api.pid).children() if child.is_running()} - {first.pid}) == 2
        )
    )
    until(lambda: answers(port))
    before = lives_counted(port)
    for _ in range(20):
        assert answers(port)
    assert lives_counted(port) == before + 20
    children = psutil.Process(api.pid).children()
    assert second in children
    assert started.stop() == {"api": 0}
    assert not any(child.is_running() for child in children)


def test_a_request_that_is_under_way_is_finished_before_the_api_ends(settings, started, port):
    prepare(settings)
    api = started.start("api")
    until(lambda: answers(port))
    body = b'{"email": "ada@example.com", "password": "wrong horse battery"}'
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: usher\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head + body[:10])
        until(lambda: len(connections_of(api.pid, port)) == 1)
        api.send_signal(signal.SIGTERM)
        until(lambda: not answers(port))
        client.sendall(body[10:])
        assert client.recv(1000).startswith(b"HTTP/1.1 401 ")
    assert api.wait(20) == 0


def lives_counted(port: int) -> float:
    """By all processes together, whichever answers."""
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith("usher_http_request_seconds_count") and "/health/live" in line
    )


def connections_of(pid: int, port: int) -> list[object]:
    found = psutil.Process(pid).net_connections("tcp")
    return [each for each in found if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port]


def test_a_process_waits_for_a_database_that_is_not_there_yet(started, settings):
    worker = started.start("worker", USHER_DATABASE_URL="postgresql://usher@127.0.0.1:1/usher")
    until(lambda: "process.waits_for_database" in started.log.read_text())
    assert worker.poll() is None
    assert started.stop() == {"worker": 0}
