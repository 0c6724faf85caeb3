"""An installation for one run: durable servers in a folder of its own, a vendor with licences, processes that serve."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from adapters.bootstrap import Services, build
from adapters.embedded import EmbeddedServers
from adapters.migrate import migrate
from adapters.settings import Mode, Settings
from domain.organization import Organization
from scripts.benchmarks.load import Address

ROOT = Path(__file__).parents[2]
HOMES = ROOT / ".usher" / "benchmarks"
SECRET = "whsec_of_the_benchmark"
_PLAN = "pro"


@dataclass(frozen=True)
class Installation:
    """Running servers, migrated, with a catalogue and one organization that licences are issued to."""

    settings: Settings
    services: Services
    servers: EmbeddedServers
    organization: Organization

    def license_keys(self, number: int, *, seats: int) -> list[str]:
        """New licences of so many seats each, as their keys."""
        issue = self.services.licenses.issue
        return [issue(self.organization.id, _PLAN, seats=seats, expires_at=None).key.text for _ in range(number)]

    def new_database(self, name: str) -> str:
        """The URL of another database of the same server, nothing migrated."""
        self.services.database.execute(f"create database {name}")
        assert self.settings.database_url
        return self.settings.database_url.replace("/usher?", f"/{name}?", 1)


@contextmanager
def installation(*, durable: bool = True) -> Iterator[Installation]:
    """On the disk of the project's folder; everything is gone afterwards."""
    HOMES.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=HOMES))
    try:
        with EmbeddedServers(home, durable=durable) as servers:
            settings = _settings(home).with_servers(database_url=servers.database_url, redis_url=servers.redis_url)
            assert settings.database_url
            migrate(settings.database_url)
            services = build(settings)
            try:
                yield Installation(settings, services, servers, vendor(services))
            finally:
                services.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _settings(home: Path) -> Settings:
    return Settings(
        data_dir=home,
        mode=Mode.PRODUCTION,
        admin_key=f"usk_{secrets.token_urlsafe(32)}",
        secret_key=secrets.token_hex(32),
        stripe_webhook_secrets=(SECRET,),
        log_format="json",
    )


def vendor(services: Services) -> Organization:
    """With a catalogue on sale, and one organization that licences are issued to."""
    now = services.clock.now()
    services.signing.ensure(now)
    services.catalog.apply(services.catalog.read((ROOT / "docs" / "catalogs" / "coditect.yaml").read_bytes()))
    organization = Organization.register(id=services.clock.new_id(), now=now)
    services.store.add(organization)
    return organization


@dataclass(frozen=True)
class Server:
    """An HTTP server that answers now."""

    address: Address
    process: psutil.Process

    def everybody(self) -> list[psutil.Process]:
        """The process and those it started."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        times = [each.cpu_times() for each in self.everybody()]
        return sum(each.user + each.system for each in times)


@contextmanager
def serving(app: str, settings: Settings | None = None, *, http: str = "uvicorn") -> Iterator[Server]:
    """One worker of an application of `scripts/benchmarks/serve.py`; `http` is `uvicorn` or `granian`."""
    port = free_port()
    environment = {**os.environ, **(settings.as_environment() if settings else {})}
    command = [sys.executable, "-m", "scripts.benchmarks.serve", app, str(port), http]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)
        try:
            _wait_for(("127.0.0.1", port), child, log)
            yield Server(("127.0.0.1", port), psutil.Process(child.pid))
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)


def free_port() -> int:
    """One that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(address: Address, child: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Until it answers: its socket listens before it has begun."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(address, timeout=30) as client:
                client.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if client.recv(16):
                    return
                raise ConnectionResetError
        except OSError:
            if child.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode(errors='replace')}") from None
            time.sleep(0.02)
