"""`usher up` as a person runs it: everything comes up, what is killed comes back, in the end nothing is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[2]
KINDS = ["api", "dispatcher", "projector", "scheduler", "stripe", "worker"]


class Up:
    """A running `usher up` in a data directory of its own."""

    def __init__(self, data: Path, port: int, **environment: str) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.log = data.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*USHER, "up", "--data", str(data), "--port", str(port)],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def until_ready(self) -> Up:
        until(lambda: "Ready\n" in self.output or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.output
        return self

    def children(self) -> dict[str, int]:
        return {child["kind"]: child["pid"] for child in json.loads((self.data / "processes.json").read_text())}

    def everything(self) -> list[psutil.Process]:
        mine = psutil.Process(self.process.pid)
        return [mine, *mine.children(recursive=True)]

    def readiness(self) -> dict[str, str]:
        return httpx.get(f"{self.url}/health/ready", timeout=10).json()

    @property
    def stripe(self) -> dict[str, str]:
        """Where its stand-in for Stripe is, and the keys of it."""
        return json.loads((self.data / "stripe-stand-in.json").read_text())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


USHER = [sys.executable, "-m", "scripts.cli"]


def until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def processes_of(data: Path) -> list[psutil.Process]:
    """Whoever has to do with this data directory: works in it, is told its name, or was started for it."""

    def concerns(process: psutil.Process) -> bool:
        try:
            told = str(data) in " ".join(process.cmdline())
            return process.status() != psutil.STATUS_ZOMBIE and (told or process.cwd().startswith(str(data)))
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if concerns(process)]


def ended(processes: list[psutil.Process]) -> bool:
    return all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in processes)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def up(data) -> Iterator[Up]:
    up = Up(data, free_port())
    yield up.until_ready()
    if up.process.poll() is None:
        up.stop()


def usher(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, with nothing in its environment."""
    command = [*USHER, *arguments, "--data", str(data)]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_it_says_where_everything_is_and_then_that_it_is_ready(up):
    lines = [line for line in up.output.splitlines() if line.startswith(("API", "Mails", "Stripe", "Admin", "Ready"))]
    assert lines == [
        f"API {up.url}",
        f"Mails {up.url}/sandbox/mails",
        f"Stripe stand-in {up.stripe['url']}",
        f"Admin key in {up.data / 'admin_key'}",
        "Ready",
    ]
    assert (up.data / "admin_key").read_text().strip() not in up.output
    assert up.readiness() == {
        "status": "ok",
        "checks": {"postgres": "ok", "redis": "ok", "followers": "ok", "workers": "ok"},
    }


def test_the_admin_key_opens_the_api(up):
    key = (up.data / "admin_key").read_text().strip()
    assert httpx.get(f"{up.url}/api/v1/api-keys", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_it_is_small(up, capsys):
    sizes = {process.name(): process.memory_full_info().pss / 1e6 for process in up.everything()}
    total = sum(process.memory_full_info().pss for process in up.everything()) / 1e6
    with capsys.disabled():
        print(
            f"\nusher up, idle: {total:.0f} MB in {len(up.everything())} processes, most in {max(sizes, key=sizes.get)}"
        )
    assert total < 600


def test_a_second_engine_in_the_same_directory_is_refused_in_one_line(up):
    refused = usher("up", "--port", str(free_port()), data=up.data)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"usher: an engine runs in {up.data}: stop it, or set another USHER_DATA_DIR"
    ]
    assert up.readiness()["status"] == "ok"


def test_a_taken_port_is_refused_in_one_line_and_leaves_nothing_running(up, tmp_path):
    port = up.url.rsplit(":", 1)[1]
    refused = usher("up", "--port", port, data=tmp_path / "other")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"usher: Port {port} of 127.0.0.1 cannot be used (Address already in use): choose another with --port."
    ]
    assert processes_of(tmp_path / "other") == []


def test_commands_find_the_running_engine(up):
    status = usher("projections", "status", "--json", data=up.data)
    assert status.returncode == 0, status.stderr
    assert {row["state"] for row in json.loads(status.stdout)} == {"ok"}
    doctor = usher("doctor", "--json", data=up.data)
    checks = {check["name"]: check["ok"] for check in json.loads(doctor.stdout)["checks"]}
    assert checks["postgres"] and checks["redis"] and checks["schema"] and checks["followers"] and checks["processes"]


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_killed_comes_back(up, kind):
    before = up.children()
    os.kill(before[kind], signal.SIGKILL)
    until(lambda: up.children()[kind] != before[kind], 20)
    after = up.children()
    assert {each: after[each] for each in KINDS if each != kind} == {
        each: before[each] for each in KINDS if each != kind
    }
    until(lambda: up.readiness()["status"] == "ok", 20)


def test_killed_servers_come_back(up):
    engine = json.loads((up.data / "engine.json").read_text())
    for server in ("valkey_pid", "postgres_pid"):
        os.kill(engine[server], signal.SIGKILL)
        until(lambda server=server: json.loads((up.data / "engine.json").read_text())[server] != engine[server], 20)
        until(lambda: up.readiness()["status"] == "ok", 40)
    assert up.children().keys() == set(KINDS)


def test_children_do_not_outlive_an_engine_that_is_killed_and_the_next_one_takes_over(data):
    up = Up(data.with_name("killed"), free_port()).until_ready()
    children = [psutil.Process(pid) for pid in up.children().values()]
    up.process.kill()
    up.process.wait()
    until(lambda: ended(children), 10)

    again = Up(up.data, free_port()).until_ready()
    assert set(again.children().values()).isdisjoint({child.pid for child in children})
    assert again.stop(signal.SIGINT) == 0
    assert processes_of(up.data) == []


def test_stopping_leaves_nothing_running(up):
    processes = up.everything()
    assert up.stop() == 0
    assert ended(processes)
    assert processes_of(up.data) == []
    assert not (up.data / "processes.json").exists() and not (up.data / "stripe-stand-in.json").exists()
