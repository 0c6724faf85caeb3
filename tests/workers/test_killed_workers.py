"""A worker that is killed at any step of a webhook: another one brings it to its end, and it counts once."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.ids import license_id_for, provider_event_id, subscription_id_for
from domain.license import License, Status
from domain.provider_event import ProviderEvent
from scripts.stripe_sim import StripeAccount
from tests.workers.dying_worker import work

PRO = "price_coditect_pro_monthly"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["adapters.bootstrap", "workers.worker", "tests.workers.dying_worker"])
Events = list[dict[str, Any]]


class Customer:
    """One who buys and cancels at once; the engine is told of it event by event."""

    def __init__(self, services: Any, account: StripeAccount, number: int) -> None:
        self.services = services
        first = len(account.events)
        bought = account.checkout(price=PRO, email=f"buyer{number}@example.com", name="Ada")
        self.reference = bought.the("subscription")["id"]
        account.cancel(self.reference, at_period_end=False)
        self.events: Events = account.events[first:]

    def event(self, type: str) -> dict[str, Any]:
        return next(each for each in self.events if each["type"] == type)

    def receive(self, event: dict[str, Any]) -> UUID:
        at = datetime.fromtimestamp(event["created"], UTC)
        received, rows = self.services.billing.receive("stripe", event["id"], event["type"], at, orjson.dumps(event))
        self.services.store.add(received, rows=rows)
        return received.id

    def tell(self, events: Events) -> None:
        """Each is processed, and whatever its arrival wakes."""
        for event in events:
            self.process(self.receive(event))

    def process(self, event_id: UUID) -> None:
        woken = [event_id]
        self.services.billing._wake = woken.append
        while woken:
            self.services.billing.process(woken.pop())

    def sweep(self) -> None:
        """As another worker has it done, told by the scheduler."""
        self.services.task_queue.broker.flush_all()
        for event in self.events:
            id = provider_event_id("stripe", event["id"])
            if self.services.store.find(ProviderEvent, id) is not None:
                self.process(id)

    def consequences(self, event_id: UUID) -> tuple[str, ...]:
        """What the log says of an event, and of what followed from it."""
        sql = "select topic from stored_events where originator_id = %s or cause = %s order by topic"
        found = self.services.database.fetch_all(sql, (event_id, f"event:{event_id}"))
        return tuple(row["topic"] for row in found)


def die(settings: Any, services: Any, event_id: UUID, step: int) -> bool:
    """A worker takes the event and is killed at this step; False when there are not so many, and it ended it."""
    told, said = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=work, args=(settings, step, said))
    process.start()
    said.close()
    try:
        assert told.poll(30) and told.recv() == "ready"
        services.task_queue.process_provider_event(event_id)
        assert multiprocessing.connection.wait([told, process.sentinel], timeout=30)
        if told.poll() and _heard(told) == "done":
            return False
        process.join(10)
        assert process.exitcode == -9
        return True
    finally:
        process.kill()
        process.join(10)


def _heard(told: Any) -> str | None:
    try:
        return str(told.recv())
    except EOFError:
        return None


@pytest.mark.parametrize("type", ["customer.subscription.created", "customer.subscription.deleted"])
def test_a_webhook_whose_worker_is_killed_at_any_step_counts_once(services, settings, type):
    account = StripeAccount(seed=1, now=services.clock.now().replace(microsecond=0))
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    histories = []
    for step in count(1):
        customer = Customer(services, account, step)
        event = customer.event(type)
        rest = [each for each in customer.events if each is not event]
        is_last = type.endswith("deleted")
        customer.tell(rest if is_last else [])
        id = customer.receive(event)
        was_killed = die(settings, services, id, step)
        customer.sweep()
        customer.tell([] if is_last else rest)
        customer.sweep()
        license = services.store.fetch(License, license_id_for(subscription_id_for("stripe", customer.reference)))
        assert license.status(services.clock.now()) is Status.REVOKED
        histories.append(customer.consequences(id))
        if not was_killed:
            break
    assert len(histories) > 8
    assert set(histories) == {histories[-1]}, "as if nobody had been killed"
    assert {"provider_event.received", "provider_event.processed"} < set(histories[-1])
