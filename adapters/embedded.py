"""The embedded default: real PostgreSQL and real Valkey from wheels, in one data directory, on sockets only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from adapters.embedded_postgres import SOCKET, EmbeddedPostgres
from adapters.embedded_valkey import EmbeddedValkey
from adapters.server_process import EmbeddedFailed, EngineRuns, is_server, open_the_way, own_folder

__all__ = ["EmbeddedFailed", "EmbeddedServers", "Engine", "EngineRuns", "running"]

LONGEST_SOCKET = 100  # bytes of a socket's path; systems take 103 to 107


@dataclass(frozen=True)
class Engine:
    """Where the servers of a running engine are; None for a server that it does not embed."""

    pid: int
    database_url: str | None
    redis_url: str | None
    postgres_pid: int | None
    valkey_pid: int | None


class EmbeddedServers:
    """PostgreSQL and Valkey of one data directory, which one engine at a time owns.

    `postgres` and `valkey` choose what is embedded; `durable=False` is for tests: a power cut loses data.
    """

    def __init__(self, data_dir: Path, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self._sockets = _sockets_of(self.data_dir)
        homes, logs = self.data_dir, self.data_dir / "logs"
        self._postgres = (
            EmbeddedPostgres(homes / "postgres", self._sockets, logs / "postgres.log", durable=durable)
            if postgres
            else None
        )
        self._valkey = EmbeddedValkey(homes / "valkey", self._sockets, logs / "valkey.log") if valkey else None
        self._lock: int | None = None

    def start(self) -> tuple[str | None, str | None]:
        """Start what is embedded and answer (database URL, Redis URL), None for what is not. What a killed engine left
        running here is ended first. Raises EngineRuns or EmbeddedFailed; then nothing of ours runs."""
        self._take_ownership()
        try:
            own_folder(self._sockets)
            open_the_way(self._sockets)
            for server in self._servers():
                server.start()
            self._write_state()
        except BaseException:
            self.stop()
            raise
        return self.database_url, self.redis_url

    def stop(self) -> None:
        """Stop both, with everything on disk; may be called again."""
        if self._lock is None:
            return
        for server in self._servers():
            server.process.stop()
        _state_file(self.data_dir).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._sockets.rmdir()
        os.close(self._lock)
        self._lock = None

    def disown(self) -> None:
        """In a forked child: the servers are its parent's. Lets go of the lock, which else would outlive the parent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def database_url(self) -> str | None:
        return self._postgres.url if self._postgres else None

    @property
    def redis_url(self) -> str | None:
        return self._valkey.url if self._valkey else None

    @property
    def postgres_pid(self) -> int | None:
        return self._postgres.process.pid if self._postgres else None

    @property
    def valkey_pid(self) -> int | None:
        return self._valkey.process.pid if self._valkey else None

    def ping(self) -> dict[str, bool]:
        """For each embedded server, "postgres" and "valkey", whether it answers now."""
        servers = {"postgres": self._postgres, "valkey": self._valkey}
        return {name: server.answers() for name, server in servers.items() if server}

    def restart_valkey(self) -> None:
        """Stop Valkey if it still runs, start an empty one on the same socket."""
        self._restart(self._valkey)

    def restart_postgres(self) -> None:
        """Stop PostgreSQL if it still runs, start it on the same data and socket."""
        self._restart(self._postgres)

    def _restart(self, server: EmbeddedPostgres | EmbeddedValkey | None) -> None:
        if server is None or self._lock is None:
            raise EmbeddedFailed("only a started embedded server can be restarted")
        server.process.stop()
        server.start()
        self._write_state()

    def _servers(self) -> list[EmbeddedPostgres | EmbeddedValkey]:
        return [server for server in (self._valkey, self._postgres) if server]

    def _take_ownership(self) -> None:
        """The lock falls with our process, however that ends."""
        if self._lock is not None:
            raise EmbeddedFailed("these servers are started already")
        for folder in (self.data_dir, self.data_dir / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _private(self.data_dir / "engine.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise EngineRuns(f"an engine runs in {self.data_dir}: stop it, or set another USHER_DATA_DIR") from None
        self._lock = lock

    def _write_state(self) -> None:
        engine = Engine(os.getpid(), self.database_url, self.redis_url, self.postgres_pid, self.valkey_pid)
        path = _state_file(self.data_dir)
        whole = path.with_suffix(".new")
        with open(whole, "w", opener=_private) as file:
            json.dump(asdict(engine), file)
        whole.replace(path)


def running(data_dir: Path) -> Engine | None:
    """The engine whose servers run in this data directory, or None; also when its own process was killed."""
    data_dir = data_dir.resolve()
    try:
        engine = Engine(**json.loads(_state_file(data_dir).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    servers = ((engine.postgres_pid, "postgres", "postgres"), (engine.valkey_pid, "valkey-server", "valkey"))
    return engine if any(pid and _lives(pid, name, data_dir / home) for pid, name, home in servers) else None


def _lives(pid: int, name: str, home: Path) -> bool:
    try:
        return is_server(psutil.Process(pid), name, home)
    except psutil.NoSuchProcess:
        return False


def _private(path: str | Path, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _state_file(data_dir: Path) -> Path:
    return data_dir / "engine.json"


def _sockets_of(data_dir: Path) -> Path:
    """The folder of both sockets: in the data directory, or where its path is short enough for a socket."""
    folder = data_dir / "run"
    if len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET:
        return folder
    return Path("/tmp") / f"usher-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
