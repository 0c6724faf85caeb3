"""Webhooks go out through real processes that are killed in the middle of their work."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from domain.organization import Organization
from scripts.processes import prepare
from tests.e2e.killing import ROOT, Engine, kill
from tests.webhook_receiver import Receiver, Response, receiving
from tests.workers.conftest import until

CATALOG = ROOT / "docs" / "catalogs" / "coditect.yaml"


@pytest.fixture
def engine(settings, services, tmp_path) -> Iterator[Engine]:
    prepare(settings)
    services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
    engine = Engine({"PATH": os.environ["PATH"], **settings.as_environment()}, tmp_path / "log")
    yield engine
    engine.end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_whatever_is_killed_everything_arrives_in_order_under_one_id(services, engine, receiver):
    """A worker in the middle of a delivery, then dispatchers and workers again and again."""
    organization = Organization.register(id=services.clock.new_id(), now=services.clock.now())
    services.store.add(organization)
    services.webhook_endpoints.add(organization.id, url=receiver.url, types=["license.*"])

    def licence():
        return services.licenses.issue(organization.id, "pro", seats=None, expires_at=None).license.id

    may_answer = threading.Event()
    receiver.respond = lambda _: Response(200) if may_answer.wait(20) else None
    worker, dispatcher = engine.start("worker"), engine.start("dispatcher")
    first = licence()
    until(lambda: len(receiver.requests) == 1, seconds=60)
    kill(worker)
    may_answer.set()
    assert claimed(services) == 1, "whether it arrived nobody knows"
    a_minute_passes(services)
    worker, _ = engine.start("worker"), engine.start("scheduler")
    until(lambda: services.webhook_delivery_log.list(state="delivered", limit=10), seconds=60)
    assert {each.headers["webhook-id"] for each in receiver.requests} == {receiver.requests[0].headers["webhook-id"]}
    assert len(receiver.requests) == 2 and receiver.requests[0].body == receiver.requests[1].body

    ids = [first, *(licence() for _ in range(5))]
    for seats in range(20, 30):
        for id in ids:
            services.licenses.resize(id, seats, reason="more")
        if seats % 3 == 0:
            kill(dispatcher)
            kill(worker)
            a_minute_passes(services)
            dispatcher, worker = engine.start("dispatcher"), engine.start("worker")
    until(lambda: told_of_all(services, len(ids) * 10 + 6), seconds=60)

    positions: dict[str, list[int]] = {}
    for request in receiver.requests:
        positions.setdefault(request.json["data"]["license"]["id"], []).append(request.json["position"])
    assert all(each == sorted(each) for each in positions.values())
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == len(ids) * 10 + 6
    repeated = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert sum(repeated.values()) - len(repeated) <= 1 + 3 * 4, "only what was under way when a worker was killed"
    assert set(engine.stop()) <= {0, -signal.SIGKILL}
    assert "Traceback" not in engine.log.read_text()


def claimed(services) -> int:
    found = services.database.fetch_one("select count(*) as n from webhook_deliveries where claim is not null")
    return found["n"] if found else 0


def a_minute_passes(services) -> None:
    """For the claims of a worker that is dead, which run out by the machine's clock."""
    services.database.execute("update webhook_deliveries set claimed_until = clock_timestamp() where claim is not null")


def told_of_all(services, number: int) -> bool:
    states = Counter(each.state for each in services.webhook_delivery_log.list(limit=1_000))
    return states == {"delivered": number}
