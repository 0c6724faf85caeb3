"""How much memory an API process has after load, and a whole idle engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path

import psutil
import uvloop

from scripts.benchmarks.engine import HOMES, ROOT, Installation, free_port, serving
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.hot_routes import beating, coming_and_going, sit_down

_MB = 1_000_000
_SETTLES = 5.0
"""Seconds after which an engine that does nothing has come to rest."""


def memory(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """An API process after load (resident), and everything of an idle `usher up` (each page counted once)."""
    yield _api(installation, effort)
    yield _whole_engine(effort)


def _api(installation: Installation, effort: Effort) -> Figure:
    keys = installation.license_keys(ceil(effort.sessions / 1_000), seats=1_000)
    more = installation.license_keys(1, seats=1_000)
    with serving("engine", installation.settings) as server:
        at_rest = _resident(server.everybody())
        sessions = uvloop.run(sit_down(server.address, keys, effort))
        for load in (beating(server.address, sessions, effort), coming_and_going(server.address, more, effort)):
            uvloop.run(load.run(effort.rounds * effort.seconds / 2))
        loaded = _resident(server.everybody())
        proportional = sum(each.memory_full_info().pss for each in server.everybody()) / _MB
    details = {"at_rest_mb": round(at_rest), "proportional_mb": round(proportional), "sessions": effort.sessions}
    return Figure("memory-api", loaded, "MB", goal=150, at_most=True, details=details)


def _whole_engine(effort: Effort) -> Figure:
    with _idle_engine(min(_SETTLES, effort.rounds * effort.seconds)) as processes:
        each = {f"{process.name()} {process.pid}": process.memory_full_info().pss / _MB for process in processes}
    largest = sorted(each.items(), key=lambda found: -found[1])
    details = {"processes": {name: round(size, 1) for name, size in largest}}
    return Figure("memory-up", sum(each.values()), "MB", goal=600, at_most=True, details=details)


@contextmanager
def _idle_engine(settles: float) -> Iterator[list[psutil.Process]]:
    """All processes of an `usher up` in a folder of its own."""
    HOMES.mkdir(mode=0o700, parents=True, exist_ok=True)
    home, port = Path(tempfile.mkdtemp(dir=HOMES)), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")}
    command = [sys.executable, "-m", "scripts.cli", "up", "--port", str(port), "--data", str(home)]
    with (home / "up.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(child, port, home / "up.log")
            time.sleep(settles)
            process = psutil.Process(child.pid)
            yield [process, *process.children(recursive=True)]
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)
            shutil.rmtree(home, ignore_errors=True)


def _wait_until_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"`usher up` was not ready: {log.read_text(errors='replace')}")


def _resident(processes: Sequence[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes) / _MB
