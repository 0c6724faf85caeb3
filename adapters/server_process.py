"""A real server from a wheel as a child of ours: started, waited for, stopped, and found again after we were killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

ACCOUNT = "usher"  # whom the servers run as when we are root: PostgreSQL refuses to be root
LOG_LIMIT = 10_000_000  # bytes; a longer log is put aside when the server starts


class EmbeddedFailed(Exception):
    """An embedded server cannot be used; the message is one line that says why and what to do."""


class EngineRuns(EmbeddedFailed):
    """Another engine owns the data directory."""


class ServerProcess:
    """One server, living in the folder `home` (a resolved path). Its processes are known by their name and by having
    `home` as working directory, never by an id alone: ids are used again, and one day it would be a stranger's."""

    def __init__(self, name: str, home: Path, log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.home = home
        self.log = log
        self.stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self, command: Sequence[str | Path], is_ready: Callable[[], bool], seconds: float) -> None:
        """Run `command` and wait until it is ready. Raises EmbeddedFailed when it ends first or takes longer."""
        self._child = self._spawn(command, self.home)
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._child.poll() is not None:
                raise EmbeddedFailed(f"{self.name} ended while starting: {self._last_words()}")
            if time.monotonic() > deadline:
                raise EmbeddedFailed(f"{self.name} was not ready after {seconds:.0f} s: {self._last_words()}")
            time.sleep(0.02)

    def run(self, command: Sequence[str | Path], cwd: Path) -> None:
        """Run a tool of the server to its end, as the same account. Raises EmbeddedFailed."""
        if self._spawn(command, cwd).wait():
            raise EmbeddedFailed(f"{Path(command[0]).name} failed: {self._last_words()}")

    def stop(self) -> None:
        """Ask it to end, wait, insist. Does nothing when it does not run."""
        if self._child is None:
            return
        self._child.send_signal(self.stop_signal)
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def stop_leftovers(self) -> None:
        """End what a killed engine left running in this very home; nothing else is touched. A server's own children
        (`postgres: checkpointer`) are left to it: they follow it, and a signal of ours would mean something else."""
        left = self.processes()
        for process in left:
            with contextlib.suppress(psutil.Error, IndexError):
                if not process.cmdline()[0].startswith(f"{self.name}: "):
                    process.send_signal(self.stop_signal)
        for process in self._still_there(left, 30):
            with contextlib.suppress(psutil.Error):
                process.kill()
        if stubborn := self._still_there(left, 10):
            raise EmbeddedFailed(f"a former {self.name} does not end: stop process {stubborn[0].pid} by hand")

    def _still_there(self, processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
        """Those that have not ended in time. A zombie has ended: nobody may be there to collect it."""
        deadline = time.monotonic() + seconds
        while left := [process for process in processes if is_server(process, self.name, self.home)]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return left

    def processes(self) -> list[psutil.Process]:
        """Every running process of this server, whoever started it."""
        return [process for process in psutil.process_iter() if is_server(process, self.name, self.home)]

    def _spawn(self, command: Sequence[str | Path], cwd: Path) -> subprocess.Popen[bytes]:
        """With a session of its own, so that Ctrl-C stops the engine first and the servers last, and without our
        environment, which holds secrets."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old"))
        account = server_account()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        return f"{' / '.join(line.strip() for line in lines)} (more in {self.log})"


def is_server(process: psutil.Process, name: str, home: Path) -> bool:
    """Whether the process is alive and the server `name` that lives in `home`."""
    try:
        named = process.name() == name and process.status() != psutil.STATUS_ZOMBIE
        return named and Path(process.cwd()) == home
    except psutil.Error:
        return False


def server_account() -> pwd.struct_passwd | None:
    """Whom the servers run as: ourselves (None), or a system account of their own when we are root, made when it is
    missing. Raises EmbeddedFailed."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    with contextlib.suppress(OSError):
        subprocess.run(command, capture_output=True, check=False)
    with contextlib.suppress(KeyError):  # another process may have made it at the same moment
        return pwd.getpwnam(ACCOUNT)
    raise EmbeddedFailed(f"PostgreSQL refuses to run as root: make a system user {ACCOUNT!r}, or start Usher as a user")


def own_folder(path: Path) -> Path:
    """A folder that only the servers' account may enter, made when it is missing. Raises EmbeddedFailed when it is
    somebody else's: a link or folder laid under a name in /tmp must not get our sockets."""
    account = server_account()
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
        if account:
            os.chown(path, account.pw_uid, account.pw_gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != (account.pw_uid if account else os.geteuid()):
        raise EmbeddedFailed(f"{path} belongs to another user: start Usher as that user, or set another USHER_DATA_DIR")
    return path


def open_the_way(path: Path) -> None:
    """As root: let the servers' account pass (search, not list) through those folders above `path` that forbid it."""
    if server_account() is None:
        return
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
