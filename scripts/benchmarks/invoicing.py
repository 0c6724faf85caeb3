"""Invoices: reported by webhooks, mirrored as facts, and printed as PDF, by two workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import orjson

from adapters import logs
from adapters.bootstrap import Services, build
from adapters.settings import Settings
from domain.ids import invoice_id_for
from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure
from scripts.stripe_sim import StripeAccount

WORKERS = 2
_PERIODS = 10
_PRICE = "price_coditect_pro_monthly"
_OF_AN_INVOICE = ("invoice.finalized", "charge.succeeded", "invoice_payment.paid", "invoice.paid")
_BEFORE_IT = ("customer.created", "customer.subscription.created")


def invoices(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Ten invoices a customer, four webhooks an invoice, each then printed; customers and subscriptions are there."""
    shares = [_Share(installation.services, effort.invoices // WORKERS, seed) for seed in range(WORKERS)]
    spawn = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn, initializer=_quiet) as workers:
        list(workers.map(_quiet, range(WORKERS)))  # both are there before the time is taken
        mirrored = _timed(workers, _mirror, installation.settings, [share.webhooks for share in shares])
        printed = _timed(workers, _print, installation.settings, [share.invoices for share in shares])
    count = sum(len(share.invoices) for share in shares)
    webhooks = sum(len(share.webhooks) for share in shares)
    details = {
        "invoices": count,
        "webhooks_per_second": round(webhooks / mirrored[0]),
        "printed_per_second": round(count / printed[0]),
        "kb_each": round(sum(printed[1]) / count / 1000, 1),
        "workers": WORKERS,
    }
    goal = 300 * count / 10_000
    yield Figure("invoices", mirrored[0] + printed[0], "s", goal=goal, at_most=True, details=details)


class _Share:
    """What one worker will do; its customers have bought already."""

    def __init__(self, services: Services, invoices: int, share: int) -> None:
        self.webhooks: list[UUID] = []
        self.invoices: list[UUID] = []
        for number in range(max(invoices // _PERIODS, 1)):
            events = _life(WORKERS * number + share)
            for event in events:
                if event["type"] in _BEFORE_IT:
                    services.billing.process(_received(services, event))
            told = [event for event in events if event["type"] in _OF_AN_INVOICE]
            self.webhooks += [_received(services, event) for event in told]
            paid = [event["data"]["object"]["id"] for event in told if event["type"] == "invoice.paid"]
            self.invoices += [invoice_id_for("stripe", invoice) for invoice in paid]


def _life(number: int) -> list[dict[str, Any]]:
    """What the provider tells of a customer who bought and renewed: of one in an account of its own, since it is the
    account's time that goes on to the next renewal, of all that are in it."""
    account = StripeAccount(seed=number, now=datetime.now(UTC) - timedelta(days=400), check=False)
    account.price(_PRICE, amount=9900, lookup_key="pro-monthly")
    bought = account.checkout(price=_PRICE, email=f"{number}@example.com", name=f"Customer {number}")
    for _ in range(_PERIODS - 1):
        account.renew(bought.the("subscription")["id"])
    return account.events


def _received(services: Services, event: dict[str, Any]) -> UUID:
    """Stored as a webhook of the live mode, which a production engine hears."""
    body = orjson.dumps({**event, "livemode": True})
    at = datetime.fromtimestamp(event["created"], UTC)
    received, rows = services.billing.receive("stripe", event["id"], event["type"], at, body)
    services.store.add(received, rows=rows)
    return received.id


def _timed(workers: ProcessPoolExecutor, act: Any, settings: Settings, shares: list[Any]) -> tuple[float, list[int]]:
    """Seconds until both workers are done, and what each answers."""
    began = time.perf_counter()
    answers = list(workers.map(partial(act, settings), shares))
    return time.perf_counter() - began, answers


def _quiet(_: int = 0) -> None:
    logs.configure(level="error", format="json", process="benchmark")


def _mirror(settings: Settings, webhooks: Sequence[UUID]) -> int:
    services = build(settings)
    try:
        for webhook in webhooks:
            services.billing.process(webhook)
    finally:
        services.close()
    return len(webhooks)


def _print(settings: Settings, invoices: Sequence[UUID]) -> int:
    """Answers how many bytes they have in all."""
    services = build(settings)
    try:
        return sum(len(services.invoice_pdf(invoice)[1]) for invoice in invoices)
    finally:
        services.close()
