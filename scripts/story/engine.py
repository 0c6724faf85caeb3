"""The engine as an operator meets it: `usher up` in a folder of its own, started, watched and stopped from outside."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

USHER = Path(sys.executable).with_name("usher")
READY_WITHIN = 60.0
STOP_WITHIN = 40.0
_PR_SET_PDEATHSIG = 1


class StoryBroken(Exception):
    """Something is not as the story says."""


def check(holds: object, claim: str) -> None:
    """Every claim of the story goes through here before it is printed."""
    if not holds:
        raise StoryBroken(f"this should be so and is not: {claim}")


class Engine:
    """One `usher up` with its own data, port and secrets; `folder` is a new, empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data_dir = self.folder / "data"
        self.admin_key = f"usk_{secrets.token_urlsafe(32)}"
        self.webhook_secret = f"whsec_{secrets.token_urlsafe(24)}"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = self.folder / "engine.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when all is ready. In a session of its own: Ctrl-C is for the story, which stops the engine."""
        command = [USHER, "up", "--port", str(self.port), "--data", self.data_dir]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._is_ready():
            check(self._process.poll() is None, "the engine starts")
            check(time.monotonic() < deadline, f"the engine is ready within {READY_WITHIN:.0f} seconds")
            time.sleep(0.05)

    def stop(self) -> list[str]:
        """Asks it to end, waits, insists; answers the names of the processes that were still there afterwards."""
        if self._process is None:
            return []
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_WITHIN)
        left = self.processes()
        names = [process.name() for process in left if process.is_running()]
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return names

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `usher` command on the same data directory."""
        environment = self._environment() | {"USHER_DATA_DIR": str(self.data_dir)}
        return subprocess.run(
            [USHER, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120
        )

    def processes(self) -> list[psutil.Process]:
        """Every living process of this engine, its servers included, whoever their parents are."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    @property
    def valkey_pid(self) -> int | None:
        """The process id of the embedded Valkey, from the engine's own state file."""
        state: dict[str, Any] = json.loads((self.data_dir / "engine.json").read_text())
        pid: int | None = state["valkey_pid"]
        return pid

    def last_words(self, lines: int = 25) -> list[str]:
        """The end of its log without the requests, which are the story's own."""
        said = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return [line for line in said if "http.answered" not in line][-lines:]

    def _owns(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(str(self.folder) in part for part in process.cmdline()):
                return True
            return Path(process.cwd()).is_relative_to(self.folder)
        return False

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        """Ours without any other setting of Usher: the story must not run on somebody's real database."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")}
        return clean | {
            "USHER_ADMIN_KEY": self.admin_key,
            "USHER_STRIPE_WEBHOOK_SECRET": self.webhook_secret,
            "PYTHONUNBUFFERED": "1",
        }


def _end_with_parent() -> None:
    """In the child: a story that is killed without a chance to clean up takes its engine along."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
