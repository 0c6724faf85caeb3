"""Webhooks and the workers behind them: how soon one is answered while they work, and how fast they get through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from typing import Any

import orjson
import psutil
import uvloop

from adapters.bootstrap import Services
from scripts.benchmarks.conversations import BASE, request
from scripts.benchmarks.engine import ROOT, SECRET, Installation, serving
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.load import Answer, Unexpected
from scripts.benchmarks.paced import PacedLoad
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.signing import sign

RATE = 200
"""Webhooks a second, for a vendor with some hundred thousand customers at the first of the month."""
Events = list[dict[str, Any]]
_PRICE = "price_coditect_pro_monthly"
_CONNECTIONS = 32
_STORED_TOGETHER = 100
_FEW = 0.05
"""Of the webhooks, processed before the time is taken: the worker has begun then."""


def processing(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """One worker: the time to an answer at 200 webhooks a second beside it, and what it processes a second."""
    lives = _lives()
    yield _answers(installation, effort, lives)
    yield _drain(installation, effort, lives)


def _lives() -> Iterator[Events]:
    """Customers without end, each one's events in their order: bought, paid, changed."""
    account = StripeAccount(seed=1, now=datetime.now(UTC) - timedelta(days=400), check=False)
    account.price(_PRICE, amount=9900, lookup_key="pro-monthly")
    for number in count():
        first = len(account.events)
        bought = account.checkout(price=_PRICE, email=f"{number}@example.com", name=f"Customer {number}")
        account.change_quantity(bought.the("subscription")["id"], 2)
        yield [{**event, "livemode": True} for event in account.events[first:]]


def _whole(lives: Iterator[Events], least: int) -> Events:
    """So many events or a few more: of one that is cut off something would wait for ever."""
    events: Events = []
    while len(events) < least:
        events += next(lives)
    return events


def _answers(installation: Installation, effort: Effort, lives: Iterator[Events]) -> Figure:
    """At a fixed pace, while the worker processes what came: an answer's time counts from when its turn was."""
    seconds = effort.rounds * effort.seconds
    events = _whole(lives, int(RATE * (seconds + effort.warm_up)))
    signed = iter([_post(event) for event in events])
    with serving("engine", installation.settings) as server, working(installation):
        warm_up, slice = (
            uvloop.run(PacedLoad([server.address], signed, _is_new, _CONNECTIONS).run(RATE, each))
            for each in (effort.warm_up, seconds)
        )
        left = _unprocessed(installation.services)
        _store(installation.services, events[warm_up.answers + slice.answers :])
        _wait_until_few(installation.services, 0)
    details = {
        "p50_ms": round(slice.milliseconds(0.5), 1),
        "longest_ms": round(slice.milliseconds(1), 1),
        "answers": slice.answers,
        "waiting_for_the_worker_at_the_end": left,
    }
    return Figure("webhooks-at-200", slice.milliseconds(0.99), "ms p99", goal=50, at_most=True, details=details)


def _drain(installation: Installation, effort: Effort, lives: Iterator[Events]) -> Figure:
    services, rates, cpu = installation.services, [], []
    for _ in range(min(effort.rounds, 3)):
        number = _store(services, _whole(lives, effort.webhooks))
        with working(installation) as worker:
            _wait_until_few(services, int(number * (1 - _FEW)))
            begun, before, busy = _unprocessed(services), time.perf_counter(), sum(worker.cpu_times()[:2])
            _wait_until_few(services, int(number * _FEW))
            done = begun - _unprocessed(services)
            rates.append(done / (time.perf_counter() - before))
            cpu.append((sum(worker.cpu_times()[:2]) - busy) / done * 1e6)
            _wait_until_few(services, 0)
    details = {"rates": [round(rate) for rate in rates], "cpu_us_each": round(median(cpu))}
    return Figure("webhooks-processed", median(rates), "events/s by one worker", goal=200, details=details)


@contextmanager
def working(installation: Installation) -> Iterator[psutil.Process]:
    """A worker process that is at work: what it takes to start is not measured."""
    environment = {**os.environ, **installation.settings.as_environment()}
    command = [sys.executable, "-m", "scripts.cli", "worker"]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    try:
        while "worker" not in installation.services.process_beats.alive():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the worker did not start")
            time.sleep(0.02)
        yield psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def _store(services: Services, events: Events) -> int:
    """As if the API had taken them in; answers how many."""
    for first in range(0, len(events), _STORED_TOGETHER):
        received = [
            services.billing.receive(
                "stripe", each["id"], each["type"], datetime.fromtimestamp(each["created"], UTC), orjson.dumps(each)
            )
            for each in events[first : first + _STORED_TOGETHER]
        ]
        services.store.add(*(event for event, _ in received), rows=[row for _, rows in received for row in rows])
        for event, _ in received:
            services.task_queue.process_provider_event(event.id)
    return len(events)


def _post(event: dict[str, Any]) -> bytes:
    body, signature = sign(event, SECRET, datetime.now(UTC))
    return request("POST", f"{BASE}/webhooks/stripe", body, {"Stripe-Signature": signature})


def _is_new(answer: bytes) -> None:
    if b'"duplicate":false' not in answer:
        raise Unexpected.of(Answer(int(answer[9:12]), answer))


def _unprocessed(services: Services) -> int:
    """Deferred ones among them."""
    found = services.database.fetch_one(
        "select (select count(*) from provider_payloads) - (select count(*) from stored_events"
        " where topic in ('provider_event.processed', 'provider_event.ignored')) as n"
    )
    return int(found["n"]) if found else 0


def _wait_until_few(services: Services, few: int) -> None:
    deadline = time.monotonic() + 60
    while _unprocessed(services) > few:
        if time.monotonic() > deadline:
            raise RuntimeError("the worker does not come to an end")
        time.sleep(0.02)
