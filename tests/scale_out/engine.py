"""An engine of separate processes, as many of each kind as a story wants, each by a name that PostgreSQL knows too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from adapters.bootstrap import Services, build
from adapters.settings import Settings
from domain.organization import Organization
from scripts.processes import prepare
from workers.scheduler import LEADS

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "docs" / "catalogs" / "coditect.yaml"


class Engine:
    """`services` is the engine as the test itself sees it; its database is migrated, with CODITECT on sale."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self.log = log
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        prepare(settings)
        self.services: Services = build(settings)
        self.services.catalog.apply(self.services.catalog.read(CATALOG.read_bytes()))

    def sell(self, seats: int) -> str:
        """The key of a licence of so many seats."""
        services = self.services
        owner = Organization.register(id=services.clock.new_id(), now=services.clock.now())
        services.store.add(owner)
        return services.licenses.issue(owner.id, "pro", seats=seats, expires_at=None).key.text

    def start(self, kind: str, name: str | None = None, **environment: str) -> None:
        """A process of `kind`; its connections are known to PostgreSQL by `name`."""
        name = name or kind
        base = {"PATH": os.environ["PATH"], **self.settings.as_environment(), "PGAPPNAME": name}
        with self.log.open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "scripts.cli", kind],
                cwd=ROOT,
                env={**base, **environment},
                stdout=log,
                stderr=log,
            )

    def send(self, number: signal.Signals, *names: str) -> None:
        for name in names:
            self.running[name].send_signal(number)

    def alive(self) -> set[str]:
        return {name for name, process in self.running.items() if process.poll() is None}

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.settings.local_url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def head(self) -> int:
        return self._number("select max(notification_id) as n from stored_events")

    def slowest(self, *names: str) -> int:
        """The position of the one of these followers that is farthest behind."""
        return self._number("select min(position) as n from follower_positions where name = any(%s)", list(names))

    def names(self) -> set[str]:
        """The processes that PostgreSQL knows now."""
        sql = "select distinct application_name as name from pg_stat_activity where datname = current_database()"
        return {row["name"] for row in self.services.database.fetch_all(sql)} & self.running.keys()

    def is_inside(self, name: str) -> bool:
        """Whether a process has begun a transaction, and PostgreSQL waits for its next word."""
        sql = "select count(*) as n from pg_stat_activity where application_name = %s and state = 'idle in transaction'"
        return self._number(sql, name) > 0

    def is_worked_on(self, *, after: int) -> bool:
        """Whether a webhook that came after a position was processed."""
        sql = (
            "select count(*) as n from stored_events r join stored_events e using (originator_id)"
            " where r.topic = 'provider_event.received' and r.notification_id > %s and e.originator_version = 2"
        )
        return self._number(sql, after) > 0

    def unprocessed(self) -> int:
        """Webhooks that no worker has looked at."""
        return self._number(
            "select count(*) as n from stored_events received where topic = 'provider_event.received' and not exists"
            " (select from stored_events e where e.originator_id = received.originator_id and originator_version = 2)"
        )

    def leader(self) -> str | None:
        """The scheduler that leads."""
        found = self.services.database.fetch_one(
            "select application_name as name from pg_locks join pg_stat_activity using (pid)"
            " where locktype = 'advisory' and objid = %s and granted",
            (LEADS & 0xFFFFFFFF,),
        )
        return found["name"] if found else None

    def _number(self, sql: str, *params: Any) -> int:
        found = self.services.database.fetch_one(sql, params)
        return int(found["n"] or 0) if found else 0

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self.services.close()


def until(holds: Callable[[], object], seconds: float = 30) -> float:
    """Waits for what other processes do; answers how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "waited too long"
        time.sleep(0.02)
    return time.monotonic() - began
