"""Whole lives of customers, told in any way that webhooks come: the same facts and the same rows, whatever the way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters.bootstrap import Services, build
from adapters.settings import Mode, Settings
from adapters.stripe_client import Stripe
from adapters.stripe_events import concerns_us
from domain.drift import Outcome, meaning
from domain.errors import AlreadyRecorded, ConcurrentChange, Unavailable
from domain.ids import provider_event_id
from domain.provider_event import ProviderEvent
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.lives import LIVES
from scripts.stripe_sim.resources import events as listing
from scripts.stripe_sim.server import serving
from tests.api.shop import CATALOG, PRO

START = datetime(2026, 12, 1, 12, tzinfo=UTC)
BY_ORDER = frozenset({"position", "log_position", "started_position", "changed_position"})
"""Columns that say when the log heard of something, not what."""
ABOUT_THE_LOG = frozenset({"provider_events", "audit_index"})
"""Read models of what came when and in how many steps it was taken over."""
SEEDS = 3
Told = list[dict[str, Any]]


@pytest.fixture(scope="module")
def account() -> StripeAccount:
    """All lives there are, one after the other in a year; nothing of it is told yet."""
    account = StripeAccount(seed=3, now=START)
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    for live in LIVES.values():
        live(account, PRO)
    return account


@contextmanager
def engine(databases, redis_url: str, home: Any, account: StripeAccount) -> Iterator[Services]:
    with databases.migrated(with_read_models=True) as url:
        settings = Settings(
            data_dir=home,
            mode=Mode.SANDBOX,
            admin_key="usk_test_admin_key_of_the_vendor",
            secret_key="the secret of a test engine, which is long enough",
        )
        services = build(settings.with_servers(database_url=url, redis_url=redis_url))
        services.clock.now = lambda: account.now  # type: ignore[method-assign]
        services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
        with connect(url) as connection:
            prepare(connection, read_models())
        yield services
        services.close()


class Workers:
    """Two of them, and the sweep that comes after them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def tell(self, events: Told) -> None:
        """Deliveries in this order, each processed by whoever is free; again when others were faster."""
        ids = [self._receive(event) for event in events]
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(self._process, ids))

    def sweep(self) -> None:
        later = self._services.clock.now() + timedelta(seconds=1)
        while found := [id for id in self._services.provider_records.unprocessed(received_before=later, limit=1000)]:
            before = len(found)
            for id in found:
                self._process(id)
            if len(self._services.provider_records.unprocessed(received_before=later, limit=1000)) == before:
                return

    def _receive(self, event: dict[str, Any]) -> UUID:
        at = datetime.fromtimestamp(event["created"], UTC)
        received, rows = self._services.billing.receive("stripe", event["id"], event["type"], at, orjson.dumps(event))
        with suppress(AlreadyRecorded):  # told again
            self._services.store.add(received, rows=rows)
        return received.id

    def _process(self, id: UUID) -> None:
        for _ in range(20):
            try:
                return self._services.billing.process(id)
            except (ConcurrentChange, Unavailable):
                continue
        raise AssertionError("twenty times somebody was faster")


def streams(services: Services) -> dict[UUID, dict[str, Any]]:
    """What every stream about customers means, by id."""
    rows = services.database.fetch_all("select distinct originator_id as id from stored_events")
    found = services.store.look_at([row["id"] for row in rows])
    return {
        id: {"kind": type(each).__name__, **{name: _in_no_order(value) for name, value in meaning(each).items()}}
        for id, each in found.items()
        if each is not None and not isinstance(each, ProviderEvent)
    }


def _in_no_order(value: Any) -> Any:
    """Lists of ids are sets in the order of arrival."""
    is_ids = isinstance(value, list) and all(isinstance(each, UUID) for each in value)
    return sorted(value) if is_ids else value


def rows(services: Services) -> dict[str, bytes]:
    """Every other read model, as bytes."""
    models, url = read_models(), services.database.url
    with connect(url) as connection:
        Followers(url, services.codec.to_domain_event, models).catch_up(connection)
    tables = [table for each in models for table in each.tables if table not in ABOUT_THE_LOG]
    return {table: _bytes(services, table) for table in tables}


def _bytes(services: Services, table: str) -> bytes:
    found = services.database.fetch_all(f"select to_jsonb(t) as row from {table} t")
    kept = [{name: value for name, value in each["row"].items() if name not in BY_ORDER} for each in found]
    return b"\n".join(sorted(orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in kept))


def test_a_life_told_in_any_way_leaves_the_same_facts_and_the_same_rows(
    databases, redis_url, tmp_path, account, monkeypatch
):
    monkeypatch.setattr(listing, "KEPT", 1000 * 86_400)
    with engine(databases, redis_url, tmp_path, account) as services:
        workers = Workers(services)
        for event in account.events:
            workers.tell([event])
        workers.sweep()
        facts, tables = streams(services), rows(services)
    assert len(account.events) > 100 and len(facts) > 20
    for seed in range(SEEDS):
        chance = random.Random(seed)
        told = list(account.events) * 3
        chance.shuffle(told)
        lost = {event["id"] for event in account.events if chance.random() < 0.05}
        assert lost
        make_up_for = _by_later_delivery if seed % 2 else _by_reconciliation
        with engine(databases, redis_url, tmp_path, account) as services:
            workers = Workers(services)
            workers.tell([event for event in told if event["id"] not in lost])
            make_up_for(services, workers, account, [event for event in account.events if event["id"] in lost])
            workers.sweep()
            assert _differing(streams(services), facts) == {}, f"seed {seed}"
            assert _differing(rows(services), tables) == {}, f"seed {seed}"
            ids = [provider_event_id("stripe", each["id"]) for each in account.events if concerns_us(each["type"])]
            assert all(services.store.fetch(ProviderEvent, id).is_finished for id in ids)


def _by_later_delivery(services: Services, workers: Workers, account: StripeAccount, lost: Told) -> None:
    workers.tell(lost)


def _by_reconciliation(services: Services, workers: Workers, account: StripeAccount, lost: Told) -> None:
    """As if it had looked every month: here Stripe lists the events of the whole time."""
    with serving(account) as url:
        vars(services)["stripe_account"] = Stripe("sk_test_x", services.clock, api_base=url)
        for name in ("stripe", "billing", "reconciliation"):
            vars(services).pop(name, None)
        run = services.reconciliation.run(since=START)
        assert run.outcome is Outcome.COMPLETE


def _differing(found: dict[Any, Any], wanted: dict[Any, Any]) -> dict[Any, Any]:
    """What differs, down to the field."""
    differing = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
    both = {name: (found.get(name), wanted.get(name)) for name in differing}
    return {
        name: _differing(one, other) if isinstance(one, dict) and isinstance(other, dict) else (one, other)
        for name, (one, other) in both.items()
    }
