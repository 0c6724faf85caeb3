"""Stripe's official command line, from npm: installed once into the temporary folder, as its lock file says."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PINNED = ("package.json", "package-lock.json")
PROGRAM = "node_modules/@stripe/cli-linux-x64/bin/stripe"
INSTALL_WITHIN, RUN_WITHIN = 120, 60


class NotHere(Exception):
    """This machine cannot have it; the message says why."""


class StripeCli:
    """Runs commands against a stand-in; its own configuration is in `home`."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        }

    def trigger(self, base: str, event: str, *options: str, key: str = "sk_test_of_anybody") -> str:
        """What is wrong with this trigger script; nothing when it ended with exit code 0."""
        done = self.run("trigger", event, *options, "--api-base", base, "--api-key", key)
        return "" if done.returncode == 0 else (done.stdout + done.stderr)[-800:]

    def events(self) -> list[str]:
        """The events that there are trigger scripts for."""
        said = self.run("trigger", "--help").stdout
        listed = said.partition("Supported events:")[2].partition("Usage:")[0]
        return listed.split()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binary, *arguments, "--color", "off"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN,
        )


def installed(home: Path) -> StripeCli:
    """Raises NotHere without Node, or on a machine that the pinned program is not for."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NotHere("Node and npm are not on this machine: Stripe's official command line comes from npm")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NotHere("Stripe's official command line is pinned for Linux on x86-64 only")
    return StripeCli(_folder() / PROGRAM, home)


def _folder() -> Path:
    """Where the pinned version is, put there at once and whole: runs at the same time do not see half of it."""
    pinned = b"".join((HERE / name).read_bytes() for name in PINNED)
    folder = Path(tempfile.gettempdir()) / f"usher-stripe-cli-{hashlib.sha256(pinned).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(prefix="usher-stripe-cli-") as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        for name in PINNED:
            shutil.copy(HERE / name, fresh)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=fresh, check=True, capture_output=True, timeout=INSTALL_WITHIN)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster
                raise
    return folder
