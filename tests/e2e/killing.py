"""Real processes that a test starts and kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Engine:
    """Processes of `usher`, each started by its own command line, and killed without warning."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self.log = log
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, kind: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "scripts.cli", kind]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        self._running.append(process)
        return process

    def stop(self) -> list[int]:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(20) for process in self._running]

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
