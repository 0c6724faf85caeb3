"""Two PostgreSQL servers from the wheel: one that is written to, and a standby that has every commit before its answer.

What a cluster manager does is done here by hand: `fail_over` ends the first for good and promotes the second.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.server_process import open_the_way, own_folder

_STANDBY = "standby"


class Postgres(EmbeddedPostgres):
    """One server on a port of this machine."""

    def __init__(self, home: Path, port: int, *, durable: bool) -> None:
        self.port = port
        super().__init__(home, home.parent, home.with_suffix(".log"), durable=durable)

    def ask(self, sql: str) -> Any:
        """The first column of the first row that a statement answers."""
        with psycopg.connect(self._url("usher"), autocommit=True, connect_timeout=3) as connection:
            return (connection.execute(sql.encode()).fetchone() or (None,))[0]

    def set(self, name: str, value: str) -> None:
        """Changes a setting of the running server, also of one that says it is read-only."""
        with psycopg.connect(self._url("usher"), autocommit=True, connect_timeout=3) as connection:
            connection.execute("set default_transaction_read_only = off")
            connection.execute(f"alter system set {name} = '{value}'".encode())
            connection.execute("select pg_reload_conf()")
        until(lambda: self.ask(f"show {name}") == value)

    def copy_from(self, other: Postgres) -> None:
        """Becomes the standby of a running server, with a copy of all that it has."""
        home = own_folder(self.process.home)
        open_the_way(home)
        source = f"host=127.0.0.1 port={other.port} user=usher application_name={_STANDBY}"
        tool = self._program.with_name("pg_basebackup")
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        self.process.run([tool, "-d", source, "-D", home, *options], cwd=home)

    def kill(self) -> None:
        """All of its processes at once, as when its machine is gone."""
        assert self.process.pid is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stop()

    def _url(self, database: str) -> str:
        return f"postgresql://usher@127.0.0.1:{self.port}/{database}"

    def _configure(self, home: Path) -> None:
        super()._configure(home)
        with (home / "usher.conf").open("a") as conf:
            conf.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")


class PostgresPair:
    """`url` names both servers; Usher finds the one that may be written to."""

    def __init__(self, home: Path, ports: tuple[int, int], *, durable: bool) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.primary, self.standby = (
            Postgres(home.resolve() / name, port, durable=durable)
            for name, port in zip(("first", "second"), ports, strict=True)
        )
        self.url = f"postgresql://usher@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/usher"
        self._held: int | None = None

    def __enter__(self) -> Self:
        try:
            self.primary.start()
            self.standby.copy_from(self.primary)
            self.standby.start()
            self.primary.set("synchronous_standby_names", _STANDBY)
            until(lambda: self.primary.ask("select sync_state from pg_stat_replication") == "sync")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.let_go()
        for server in (self.primary, self.standby):
            server.process.stop()

    def withhold(self) -> None:
        """From now on the standby says nothing: what is written reaches it, and no commit is answered."""
        self._held = self.standby.ask("select pid from pg_stat_wal_receiver")
        os.kill(self._held, signal.SIGSTOP)

    def let_go(self) -> None:
        """The standby takes what has come meanwhile, and answers."""
        if self._held:
            os.kill(self._held, signal.SIGCONT)
        self._held = None

    @property
    def withholds(self) -> bool:
        return self._held is not None

    def fail_over(self) -> None:
        """The primary is gone at once; the standby takes over with all that has reached it."""
        self.primary.kill()
        self.let_go()
        until(lambda: self.standby.ask("select count(*) from pg_stat_wal_receiver") == 0)
        assert self.standby.ask("select pg_promote()")


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Waits for what servers do."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long for PostgreSQL")
        time.sleep(0.02)
