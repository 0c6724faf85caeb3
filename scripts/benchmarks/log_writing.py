"""Appending single events from many writers at once: our group commit against the library as it comes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from adapters.event_codec import EventCodec
from adapters.group_commit import GroupCommit
from domain.seat import Seat
from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure

WRITERS = 64


def group_commit(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """64 writers of single durable events: through one group commit ÷ the library's own `Application.save`."""
    assert installation.settings.database_url
    stock = _stock(installation.new_database("stock"))
    ours, theirs = [], []
    for _ in range(effort.rounds):
        ours.append(uvloop.run(_grouped(installation.settings.database_url, effort.seconds)))
        theirs.append(from_threads(lambda: _save(stock), effort.seconds))
    stock.close()
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    details = {"events_per_second": round(median(ours)), "writers": WRITERS}
    yield Figure("group-commit", ratio, "of stock saves/s", round(median(theirs)), goal=5, details=details)


async def _grouped(database_url: str, seconds: float) -> float:
    """Events a second."""
    log = GroupCommit(database_url, EventCodec())
    await log.append([opening()], actor="benchmark", cause="")  # connects
    stored, deadline = 0, time.perf_counter() + seconds

    async def write() -> None:
        nonlocal stored
        while time.perf_counter() < deadline:
            await log.append([opening()], actor="benchmark", cause="")
            stored += 1

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    took = time.perf_counter() - began
    await log.close()
    return stored / took


def opening() -> Seat.SessionOpened:
    """The first event of a seat of its own."""
    ids = {"license_id": uuid4(), "organization_id": UUID(int=1), "session_id": uuid4()}
    digest = "fJlz-pczMcLF0vLY2bvLeWx9fwOzw2aBh0GpbikPNas"
    return Seat.SessionOpened.at(1, seat=1, now=datetime.now(UTC), fingerprint_digest=digest, lease_seconds=360, **ids)


class StockSeat(Aggregate):
    """The same facts as the library's documentation would write them."""

    @event("Opened")
    def __init__(
        self, license_id: UUID, organization_id: UUID, seat: int, session_id: UUID, fingerprint_digest: str, lease: int
    ) -> None:
        self.license_id = license_id
        self.organization_id = organization_id
        self.seat = seat
        self.session_id = session_id
        self.fingerprint_digest = fingerprint_digest
        self.lease = lease


def _stock(database_url: str) -> Application[UUID]:
    """The library's Postgres recorder with its default settings and a connection for every writer."""
    address = urlsplit(database_url)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": address.path.removeprefix("/"),
        "POSTGRES_HOST": parse_qs(address.query)["host"][0],
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": address.username or "",
        "POSTGRES_PASSWORD": "none",
        "POSTGRES_POOL_SIZE": str(WRITERS),
    }
    return Application(environment)


def _save(stock: Application[UUID]) -> None:
    stock.save(StockSeat(uuid4(), UUID(int=1), 1, uuid4(), "fJlz-pczMcLF0vLY2bvLeWx9fwOzw2aBh0GpbikPNas", 360))


def from_threads(act: Callable[[], object], seconds: float) -> float:
    """How often a second `WRITERS` threads do it together, each waiting for its own."""
    done = [0] * WRITERS
    deadline = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < deadline:
            act()
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)
