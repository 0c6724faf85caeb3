"""What comes up with time is done by one process, and by another when that one is gone."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from adapters.seat_log import SeatLog
from application.usage_intake import Caller as Teller
from domain.caller import Caller
from domain.license import Status
from domain.usage import Told
from tests.workers.conftest import until
from workers import projector, scheduler


@pytest.fixture
def issue(services, organization):
    def issue():
        end = services.clock.now() + timedelta(days=1)
        return services.licenses.issue(organization.id, "pro", seats=None, expires_at=end).license.id

    return issue


def is_expired(services, license_id) -> bool:
    """Recorded, not only due."""
    events = services.store.events.get(license_id)
    return any(event.topic() == "license.expired" for event in events)


def test_a_licence_whose_time_has_come_expires_also_when_nobody_was_there_for_a_week(services, processes, issue):
    license_id = issue()
    services.clock.advance(timedelta(days=8))
    processes.start(projector, scheduler)
    until(lambda: is_expired(services, license_id))
    assert services.licenses.fetch(license_id).status(services.clock.now()) is Status.EXPIRED


def test_a_deadline_that_cannot_be_settled_keeps_no_other_from_it(services, processes, issue, monkeypatch):
    broken, good = issue(), issue()
    expire = services.licenses.expire

    def failing(license_id):
        if license_id == broken:
            raise KeyError("a fault of ours")
        return expire(license_id)

    monkeypatch.setattr(services.licenses, "expire", failing)
    services.clock.advance(timedelta(days=2))
    processes.start(projector, scheduler)
    until(lambda: is_expired(services, good))
    assert not is_expired(services, broken)


def test_one_leads_and_another_takes_over_when_it_is_gone(services, processes, issue):
    with psycopg.connect(services.database.url, autocommit=True) as leader:
        leader.execute("select pg_advisory_lock(%s)", (scheduler.LEADS,))
        license_id = issue()
        services.clock.advance(timedelta(days=2))
        processes.start(projector, scheduler)
        until(lambda: {"projector", "scheduler"} <= services.process_beats.alive().keys())
        until(lambda: services.database.fetch_one("select from deadlines") is not None)
        assert not is_expired(services, license_id)
    until(lambda: is_expired(services, license_id))


def test_a_lost_connection_is_made_again(services, processes, issue):
    processes.start(projector, scheduler)
    until(lambda: leader_of(services) is not None)
    services.database.execute("select pg_terminate_backend(%s)", (leader_of(services),))
    license_id = issue()
    services.clock.advance(timedelta(days=2))
    until(lambda: is_expired(services, license_id))


def test_sessions_that_the_pool_has_lost_are_brought_back(services, processes, issue, redis):
    license_id = issue()
    services.seat_work.publish(license_id)
    services.database.execute("insert into seats_taken (license_id, taken) values (%s, 1)", (license_id,))
    redis.flushall()
    processes.start(scheduler)
    until(lambda: any(license_id.hex.encode() in key for key in redis.scan_iter()))


def leader_of(services) -> int | None:
    sql = "select pid from pg_locks where locktype = 'advisory' and objid = %s and granted"
    found = services.database.fetch_one(sql, (scheduler.LEADS & 0xFFFFFFFF,))
    return found["pid"] if found else None


def test_it_stops_when_it_is_told_to(processes):
    stop = processes.start(scheduler)
    stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "workers.scheduler"]


def test_seats_lapse_also_while_the_broker_is_away(services, processes, issue, monkeypatch):
    def away(message):
        raise ConnectionError

    async def sit() -> None:
        await services.seats.acquire(key.text, "the machine of ada", Caller())
        await services.aclose()

    license_id = issue()
    key = services.license_keys.reveal(services.licenses.fetch(license_id))
    asyncio.run(sit())
    monkeypatch.setattr(services.task_queue.broker, "enqueue", away)
    services.clock.advance(timedelta(hours=1))
    processes.start(scheduler)
    until(lambda: SeatLog(services.database, services.codec).last_events([(license_id, 1)])[0].session_id is None)


def test_what_is_used_above_a_limit_that_bills_is_noted_while_it_happens_and_settled_when_the_period_is_over(
    services, processes, organization
):
    limit = {"amount": 100, "per": "month", "hard": False, "overage": {"usd": "0.25"}}
    plan = {"code": "soft", "product": "cloud", "name": "Soft", "prices": []}
    plan["entitlements"] = {"seats": 1, "limits": {"calls": limit}}
    product = {"code": "cloud", "name": "Cloud", "license_key_prefix": "CLOU"}
    services.catalog.apply(services.catalog.read(json.dumps({"version": 1, "products": [product], "plans": [plan]})))
    services.licenses.issue(organization.id, "soft", seats=None, expires_at=None)
    told = Told("r1", "calls", Decimal(150), organization_id=organization.id)

    async def record() -> None:
        await services.usage_intake.record([told], Teller(None, None))
        await services.aclose()

    asyncio.run(record())
    processes.start(projector, scheduler)
    until(lambda: services.database.fetch_one("select from overages where status = 'running'") is not None)
    services.clock.advance(timedelta(days=32))
    until(lambda: services.database.fetch_one("select from overages where status = 'settled'") is not None)
    (row,) = services.database.fetch_all("select overage, amount from overages")
    assert (row["overage"], row["amount"]) == (50, 13)
