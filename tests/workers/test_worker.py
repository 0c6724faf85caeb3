"""Tasks: done once they come, tried again when others were faster, put back when the worker stops."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters.stripe_client import Stripe
from domain.errors import ConcurrentChange, Unavailable
from domain.ids import license_id_for, subscription_id_for
from domain.license import License
from domain.provider_event import ProviderEvent, Status
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving
from tests.workers.conftest import until
from workers import projector, scheduler, worker

PRO = "price_coditect_pro_monthly"


@pytest.fixture
def stripe(services) -> StripeAccount:
    account = StripeAccount(seed=1, now=services.clock.now().replace(microsecond=0))
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    return account


@pytest.fixture
def webhooks(services, stripe) -> list[UUID]:
    """A purchase, reported and stored, of which nobody has told the workers."""
    stripe.checkout(price=PRO, email="ada@example.com", name="Ada")
    return [receive(services, event) for event in stripe.events]


def receive(services, event: dict[str, Any]) -> UUID:
    received, rows = services.billing.receive(
        "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
    )
    services.store.add(received, rows=rows)
    return received.id


def status(services, id: UUID) -> Status:
    return services.store.fetch(ProviderEvent, id).status


def finished(services, webhooks: list[UUID]) -> bool:
    return all(services.store.fetch(ProviderEvent, id).is_finished for id in webhooks)


def test_webhooks_become_a_licence(services, processes, stripe, webhooks):
    processes.start(worker)
    for id in webhooks:
        services.task_queue.process_provider_event(id)
    until(lambda: finished(services, webhooks))
    (subscription,) = {
        event["data"]["object"]["id"] for event in stripe.events if event["type"] == "customer.subscription.created"
    }
    license = services.store.find(License, license_id_for(subscription_id_for("stripe", subscription)))
    assert license is not None and license.terms.plan == "pro"


@pytest.mark.parametrize("hindrance", [Unavailable, ConcurrentChange])
def test_a_webhook_is_tried_again_when_others_were_faster_or_a_part_is_away(
    services, processes, webhooks, monkeypatch, hindrance
):
    tries, process = [], services.billing.process

    def hindered(id: UUID) -> None:
        tries.append(id)
        if len(tries) < 3:
            raise hindrance()
        process(id)

    monkeypatch.setattr(services.billing, "process", hindered)
    processes.start(worker)
    services.task_queue.process_provider_event(webhooks[0])
    until(lambda: len(tries) == 3)
    assert set(tries) == {webhooks[0]}


def test_a_fault_is_noted_on_the_webhook_and_not_tried_again_by_the_queue(services, processes, webhooks, monkeypatch):
    tries = []

    def broken(id: UUID) -> None:
        tries.append(id)
        raise KeyError("a fault of ours")

    monkeypatch.setattr(services.billing, "process", broken)
    stop = processes.start(worker)
    services.task_queue.process_provider_event(webhooks[0])
    until(lambda: status(services, webhooks[0]) is Status.FAILED)
    stop()
    assert tries == [webhooks[0]]
    assert services.task_queue.broker.do_qsize("usher") == services.task_queue.broker.do_qsize("usher.DQ") == 0


def test_a_webhook_that_nobody_was_told_of_is_found_by_the_sweep(services, processes, webhooks):
    services.clock.advance(timedelta(minutes=1))
    processes.start(worker, scheduler)
    until(lambda: finished(services, webhooks))


def test_a_webhook_of_yesterday_is_found_by_the_sweep_through_its_read_model(services, processes, webhooks):
    services.clock.advance(timedelta(days=1))
    processes.start(worker, scheduler, projector)
    until(lambda: finished(services, webhooks))


def test_a_worker_that_stops_ends_what_it_is_at_and_puts_the_rest_back(services, processes, webhooks, monkeypatch):
    begun, may_end, ended = threading.Semaphore(0), threading.Event(), []

    def slow(id: UUID) -> None:
        begun.release()
        may_end.wait(10)
        ended.append(id)

    monkeypatch.setattr(services.billing, "process", slow)
    tasks = [services.clock.new_id() for _ in range(20)]
    stop = processes.start(worker)
    for id in tasks:
        services.task_queue.process_provider_event(id)
    for _ in range(worker.THREADS):
        assert begun.acquire(timeout=10)
    threading.Timer(0.2, may_end.set).start()
    stop()
    assert worker.THREADS <= len(ended) < len(tasks)
    assert services.task_queue.broker.do_qsize("usher") == len(tasks) - len(ended)


def test_what_no_webhook_told_is_found_by_the_scheduled_look_at_stripe(services, processes, stripe):
    bought = stripe.checkout(price=PRO, email="ada@example.com", name="Ada").the("subscription")["id"]
    services.clock.advance(timedelta(minutes=6))
    with serving(stripe) as url:
        vars(services)["stripe_account"] = Stripe("sk_test_x", services.clock, api_base=url)
        processes.start(worker, scheduler)
        license_id = license_id_for(subscription_id_for("stripe", bought))
        until(lambda: services.store.find(License, license_id) is not None)
        until(lambda: services.reconciliation_records.runs(limit=1))
        processes.stop()
    (run,) = services.reconciliation_records.runs(limit=5)
    assert run.left == 0 and not run.dry_run


def test_a_worker_shows_that_it_is_alive_and_when_it_ends(services, processes):
    stop = processes.start(worker)
    until(lambda: services.process_beats.alive() == {"worker": 1})
    stop()
    assert services.process_beats.alive() == {}
