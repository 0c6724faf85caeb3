"""Outgoing webhooks: how many a worker delivers, and that an endpoint that hangs slows no other."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from uuid import UUID, uuid4

import psutil

from adapters.bootstrap import Services, build
from adapters.settings import Mode
from domain.license import License
from projections.follower import Followers, connect
from projections.positions import register
from scripts.benchmarks.engine import ROOT, Installation, free_port
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.webhook_sink import HANGING
from workers.delivery_threads import DeliveryThreads

_ROUNDS = 5
_SAVE = 100
"""Licences stored together: how they are issued is measured elsewhere."""


def outbound(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Signed webhooks from one worker to a quick receiver: read from the log, sent, each outcome on disk."""
    services = build(replace(installation.settings, mode=Mode.SANDBOX))
    try:
        with _sink() as port:
            vendor = Vendor(services, installation.organization.id, port)
            yield _deliveries(vendor, effort)
            yield _beside_hanging(vendor, effort)
            yield _followed(vendor, effort)
    finally:
        services.close()


@dataclass
class Vendor:
    """Is told of each licence that is issued to one organization."""

    services: Services
    organization_id: UUID
    port: int

    def endpoints(self, *paths: str, types: tuple[str, ...] = ("license.issued",)) -> list[UUID]:
        """These and no others."""
        for known in self.services.webhook_endpoints.live(None, limit=1_000):
            self.services.webhook_endpoints.remove(known.endpoint_id)
        add = self.services.webhook_endpoints.add
        urls = [f"http://127.0.0.1:{self.port}{path}" for path in paths]
        return [add(None, url=url, types=types).endpoint.endpoint_id for url in urls]

    def sell(self, number: int) -> int:
        """So many licences, at least; answers how many."""
        model = self.services.licenses.issue(self.organization_id, "pro", seats=None, expires_at=None).license
        saves = -(-number // _SAVE)
        for _ in range(saves):
            self.services.store.add(*(self._like(model) for _ in range(_SAVE)))
        return saves * _SAVE + 1

    def follow(self) -> None:
        """As a dispatcher does it."""
        feeds = self.services.webhook_feeds()
        with connect(self.services.database.url) as connection:
            register(connection, [feeds])
            Followers(self.services.database.url, self.services.codec.to_domain_event, [feeds]).catch_up(connection)

    def deliver(self, awaited: UUID) -> float:
        """As a worker does it; answers the seconds until nothing waits for one endpoint."""
        stop = threading.Event()
        threads = DeliveryThreads(lambda id: self.services.webhook_courier.run(id, stop))
        sql = "select from webhook_deliveries where state = 'waiting' and endpoint_id = %s limit 1"
        began = time.perf_counter()
        for endpoint_id, owner in self.services.webhook_deliveries.due_endpoints(self.services.clock.now(), 100):
            threads.wake(endpoint_id, owner)
        while self.services.database.fetch_one(sql, (awaited,)) is not None:
            time.sleep(0.01)
        took = time.perf_counter() - began
        stop.set()
        threads.close(20)
        return took

    def _like(self, model: License) -> License:
        return License.issue(
            id=self.services.clock.new_id(),
            organization_id=self.organization_id,
            subscription_id=None,
            key=replace(model.key, digest=uuid4().hex),
            terms=model.terms,
            expires_at=None,
            now=self.services.clock.now(),
        )


def _deliveries(vendor: Vendor, effort: Effort) -> Figure:
    rates, cpu = [], []
    for _ in range(_rounds(effort)):
        (endpoint,) = vendor.endpoints("/")
        number = vendor.sell(effort.outbound)
        vendor.follow()
        before = psutil.Process().cpu_times()
        rates.append(number / vendor.deliver(endpoint))
        after = psutil.Process().cpu_times()
        cpu.append((after.user + after.system - before.user - before.system) / number * 1e6)
    details = {"rates": [round(rate) for rate in rates], "cpu_us_each": round(median(cpu))}
    return Figure("outbound", median(rates), "webhooks/s of one worker to one endpoint", details=details)


def _beside_hanging(vendor: Vendor, effort: Effort) -> Figure:
    """With and without another endpoint that takes every connection and answers nothing, A B A B."""
    ratios = []
    for _ in range(_rounds(effort)):
        took = []
        for paths in (("/",), ("/", HANGING)):
            endpoint, *_ = vendor.endpoints(*paths)
            vendor.sell(effort.outbound)
            vendor.follow()
            took.append(vendor.deliver(endpoint))
        ratios.append(took[0] / took[1])
    details = {"ratios": [round(ratio, 2) for ratio in ratios]}
    unit = "of the webhooks/s to the same endpoint alone"
    return Figure("outbound-beside-one-that-hangs", median(ratios), unit, details=details)


def _followed(vendor: Vendor, effort: Effort) -> Figure:
    """Each event becomes a delivery."""
    vendor.endpoints("/")
    vendor.follow()
    number = vendor.sell(10 * effort.outbound)
    began = time.perf_counter()
    vendor.follow()
    return Figure("outbound-follower", number / (time.perf_counter() - began), "events/s into deliveries")


def _rounds(effort: Effort) -> int:
    return min(effort.rounds, _ROUNDS)


@contextmanager
def _sink() -> Iterator[int]:
    """A quick receiver in a process of its own."""
    port = free_port()
    child = subprocess.Popen([sys.executable, "-m", "scripts.benchmarks.webhook_sink", str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            if time.monotonic() > deadline:
                raise RuntimeError("the receiver did not start")
            time.sleep(0.02)
        yield port
    finally:
        child.terminate()
        child.wait(20)


def _listens(port: int) -> bool:
    return any(each.laddr.port == port for each in psutil.net_connections("tcp") if each.status == "LISTEN")
