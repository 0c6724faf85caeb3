"""A whole engine of its own for one run: servers, two APIs, the workers, and links between all of them to be cut."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import redis

from adapters.bootstrap import Services, build
from adapters.embedded import EmbeddedServers
from adapters.settings import Mode, Settings
from domain.organization import Organization
from tests.faults.counter import Licence
from tests.faults.links import Link, free_port
from tests.faults.plan import APIS, LICENSES, LINKS, PROCESSES

ROOT = Path(__file__).parents[2]
HOMES = ROOT / ".usher" / "faults"
LEASE = 10.0
_CATALOG = b"""
version: 1
products:
  - {code: faulty, name: Faulty, license_key_prefix: FAUL}
plans:
  - code: floating
    product: faulty
    name: Floating
    entitlements: {seats: 1, overage: 0, lease: PT10S, heartbeat: PT3S, offline_grace: PT0S}
    prices:
      - {code: floating-monthly, amount: 900, currency: usd, interval: month}
"""


class Installation:
    """Everything that runs, by name, and what can be done to it. `home`: data and logs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.servers = EmbeddedServers(home / "data", durable=False)
        self.links: dict[str, Link] = {}
        self._ports = {api: free_port() for api in APIS}
        self.died: list[str] = []
        """Processes that ended by themselves, each time; they are started again as a supervisor does."""
        self._pids: dict[str, int] = {}
        self._killed: set[str] = set()
        self._watching: asyncio.Task[None] | None = None
        self._nursery: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Servers, a database with a vendor in it, links, processes."""
        await asyncio.to_thread(self.servers.start)
        self.settings = self._settings()
        await asyncio.to_thread(self._set_up)
        for name in LINKS:
            self.links[name] = Link(name, self._target(name))
            await self.links[name].open()
        self._nursery = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.nursery"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for name in PROCESSES:
            await self.start_process(name)
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._nursery is not None:
            self._nursery.stdin.close()  # type: ignore[union-attr]  # its children end with it
            await self._nursery.wait()
        for link in self.links.values():
            link.refuse()
        await asyncio.to_thread(self.servers.stop)

    # processes and servers

    async def start_process(self, name: str) -> None:
        """A forked process of the engine, as `usher up` runs them."""
        assert self._nursery and self._nursery.stdin and self._nursery.stdout
        order = {"name": name, "environment": self._settings_of(name).as_environment(), "log": str(self.log_of(name))}
        async with self._one_at_a_time:
            self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
            self._pids[name] = int(await self._nursery.stdout.readline())
            self._killed.discard(name)

    def kill(self, name: str) -> None:
        """At once, without a word."""
        self._killed.add(name)
        self._tell(name, signal.SIGKILL)

    def pause(self, name: str) -> None:
        self._tell(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        self._tell(name, signal.SIGCONT)

    async def restart_server(self, name: str, *, empty: bool = True) -> None:
        """After `kill`; Valkey with its dump, if there is one, unless it is to be `empty`."""
        if name == "postgres":
            await asyncio.to_thread(self.servers.restart_postgres)
            return
        if empty:
            (self.servers.data_dir / "valkey" / "dump.rdb").unlink(missing_ok=True)
        await asyncio.to_thread(self.servers.restart_valkey)

    async def tell_valkey(self, command: str) -> None:
        """Past all links."""

        def tell() -> None:
            with redis.Redis.from_url(str(self.servers.redis_url)) as client:
                client.execute_command(command)

        await asyncio.to_thread(tell)

    def _tell(self, name: str, number: signal.Signals) -> None:
        """Postgres is many processes; when the first is killed the others follow it by themselves."""
        pid = getattr(self.servers, f"{name}_pid", None) or self._pids[name]
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            others = [] if number is signal.SIGKILL else process.children(recursive=True)
            for each in (process, *others):
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            for name in PROCESSES:
                if name not in self._killed and not _lives(self._pids[name]):
                    self.died.append(name)
                    await self.start_process(name)

    def log_of(self, name: str) -> Path:
        return self.home / f"{name}.log"

    # the vendor's side

    @contextmanager
    def services(self) -> Iterator[Services]:
        """In this process and past all links, while nothing is broken."""
        services = build(self.settings)
        try:
            yield services
        finally:
            services.close()

    def sell(self) -> list[Licence]:
        """New licences of the wanted sizes."""
        with self.services() as services:
            issue = services.licenses.issue
            made = {name: issue(self._vendor, "floating", seats=n, expires_at=None) for name, n in LICENSES.items()}
        return [Licence(name, str(new.license.id), new.key.text) for name, new in made.items()]

    def seat_events(self, licenses: list[Licence]) -> list[dict[str, Any]]:
        """What the log has of the seats of these licences, in log order: `topic`, `state`."""
        query = "select topic, state from stored_events where topic like 'seat.%%' order by notification_id"
        ids = {each.id for each in licenses}
        with self.services() as services:
            return [row for row in services.database.fetch_all(query) if row["state"]["license_id"] in ids]

    async def verify(self) -> dict[str, Any]:
        """What `usher events verify --json` says; `{"ok": False, "said": …}` when it does not say anything."""
        verifying = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scripts.cli", "events", "verify", "--json"),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **self.settings.as_environment()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await verifying.communicate()
        try:
            answer: dict[str, Any] = json.loads(out)
        except ValueError:
            return {"ok": False, "said": (out + err).decode(errors="replace")[-2000:]}
        return answer

    def _set_up(self) -> None:
        from scripts.processes import prepare

        prepare(self.settings)
        with self.services() as services:
            services.catalog.apply(services.catalog.read(_CATALOG))
            vendor = Organization.register(id=services.clock.new_id(), now=services.clock.now())
            services.store.add(vendor)
        self._vendor: UUID = vendor.id

    def _settings(self) -> Settings:
        settings = Settings(
            data_dir=self.home / "data",
            mode=Mode.PRODUCTION,
            admin_key=f"usk_{secrets.token_urlsafe(32)}",
            secret_key=secrets.token_hex(32),
            log_format="json",
        )
        return settings.with_servers(database_url=self.servers.database_url, redis_url=self.servers.redis_url)

    def _settings_of(self, process: str) -> Settings:
        """A process reaches both servers through its own links."""
        valkey, postgres = (self.links[f"{process}>{server}"].port for server in ("valkey", "postgres"))
        redis_url = f"redis://127.0.0.1:{valkey}/0"
        return replace(
            self.settings,
            database_url=f"postgresql://usher@127.0.0.1:{postgres}/usher?sslmode=disable&gssencmode=disable",
            redis_url=redis_url,
            broker_url=redis_url,
            port=self._ports.get(process, 1),
        )

    def _target(self, link: str) -> tuple[str, int] | Path:
        other = link.partition(">")[2]
        if other in self._ports:
            return "127.0.0.1", self._ports[other]
        sockets = next(self.servers.data_dir.glob("run"), None) or _socket_folder(str(self.servers.redis_url))
        return sockets / {"valkey": "valkey.sock", "postgres": ".s.PGSQL.5432"}[other]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _socket_folder(redis_url: str) -> Path:
    return Path(redis_url.removeprefix("unix://").partition("?")[0]).parent


@asynccontextmanager
async def installation(home: Path | None = None) -> AsyncIterator[Installation]:
    """Running; all of it is gone afterwards."""
    HOMES.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = home or Path(tempfile.mkdtemp(dir=HOMES))
    place = Installation(made)
    try:
        await place.start()
        yield place
    finally:
        await place.stop()
        shutil.rmtree(made, ignore_errors=True)
