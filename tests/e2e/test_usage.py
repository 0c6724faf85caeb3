"""Usage goes in through real processes that are killed in the middle of their work."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.settings import Settings
from scripts.processes import prepare
from tests.e2e.killing import Engine, kill
from tests.usage_world import UsageWorld, months
from tests.workers.conftest import until

BATCH = 50
FOLDING = "spread as materialized"


@pytest.fixture
def served(settings: Settings) -> Settings:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return replace(settings, port=one.getsockname()[1])


@pytest.fixture
def world(served) -> Iterator[UsageWorld]:
    prepare(served)
    world = UsageWorld(served)
    yield world
    world.close()


@pytest.fixture
def engine(served, world, tmp_path) -> Iterator[Engine]:
    engine = Engine({"PATH": os.environ["PATH"], **served.as_environment()}, tmp_path / "log")
    yield engine
    engine.end()


class Reporters:
    """Four programs that report use without a break. Each tells the same again until it is answered."""

    def __init__(self, settings: Settings, organization_id: UUID) -> None:
        self._url = f"http://127.0.0.1:{settings.port}/api/v1/usage"
        self._headers = {"Authorization": f"Bearer {settings.admin_key}"}
        self._organization_id = str(organization_id)
        self._is_over, self._gives_up = threading.Event(), False
        self._threads = ThreadPoolExecutor(4)
        self._done = [self._threads.submit(self._report, name) for name in "abcd"]
        self.told: dict[str, int] = {}

    def __enter__(self) -> Reporters:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Each tells what it was about to tell, unless there is nobody to tell it to."""
        self._is_over.set()
        self._gives_up = failed is not None
        for each in self._done:
            each.result(60)

    def _report(self, name: str) -> None:
        with httpx.Client(headers=self._headers, timeout=10) as client:
            number = 0
            while not self._is_over.is_set():
                records = [self._record(f"{name}{number + n}", 1 + n % 7) for n in range(BATCH)]
                while not self._is_taken(client, records):
                    pass
                self.told.update({record["id"]: record["quantity"] for record in records})
                number += BATCH

    def _record(self, id: str, quantity: int) -> dict[str, Any]:
        return {"id": id, "meter": "calls", "quantity": quantity, "organization_id": self._organization_id}

    def _is_taken(self, client: httpx.Client, records: list[dict[str, Any]]) -> bool:
        try:
            answer = client.post(self._url, json={"records": records})
        except httpx.HTTPError:
            time.sleep(0.02)
            return self._gives_up
        assert answer.status_code in (202, 503), answer.text
        return answer.status_code == 202


def test_whatever_is_killed_every_record_counts_once(served, world, engine):
    """APIs while they store what was reported, projectors while they fold it."""
    world.sell(pro=months(10**9))
    acme = world.organization("pro")
    api, projector = engine.start("api"), engine.start("projector")
    until(lambda: is_live(served), seconds=60)
    with Reporters(served, acme) as reporters:
        for _ in range(2):
            until(lambda: runs(world, "append_usage"), seconds=60)
            kill(api)
            api = engine.start("api")
            until(lambda: runs(world, FOLDING), seconds=60)
            kill(projector)
            projector = engine.start("projector")
        until(lambda: len(reporters.told) > 20 * BATCH, seconds=60)

    total = sum(reporters.told.values())
    stored = world.services.database.fetch_all("select id, quantity from usage_records where account_id = %s", (acme,))
    assert len(stored) == len(reporters.told) and {row["id"]: row["quantity"] for row in stored} == reporters.told
    until(lambda: world.used(acme) == total, seconds=60)
    folded = "select sum(total) as total from usage_buckets join usage_series using (series) where axis = 'total'"
    until(lambda: world.services.database.fetch_one(folded + " and width = 'd'")["total"] == total, seconds=60)
    assert world.services.database.fetch_one(folded + " and width = 'q'")["total"] == total
    assert "Traceback" not in engine.log.read_text()


def is_live(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{settings.port}/health/live", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def runs(world: UsageWorld, statement: str) -> bool:
    """Whether a process waits for Postgres to have done it."""
    found = world.services.database.fetch_all(
        "select from pg_stat_activity where state = 'active' and datname = current_database()"
        " and pid != pg_backend_pid() and query like %s",
        (f"%{statement}%",),
    )
    return bool(found)
