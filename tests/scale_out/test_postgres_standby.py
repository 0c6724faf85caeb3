"""The database fails over to its synchronous standby while everybody works: what was answered is there, and goes on."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.group_commit import GroupCommit
from domain.errors import Unavailable
from domain.organization import Organization
from scripts.benchmarks.engine import free_port
from scripts.benchmarks.standby import Postgres, PostgresPair
from tests.scale_out.clients import Clients, check, written
from tests.scale_out.engine import Engine, until

KINDS = ("api", "worker", "projector", "dispatcher", "scheduler")
SEATS = 30
STORED = "select 1 from stored_events where originator_id = %s"
TOUCH = "update follower_positions set updated_at = now()"


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[PostgresPair]:
    """For all stories in turn: in the middle of them it fails over."""
    with PostgresPair(tmp_path_factory.mktemp("pair"), (free_port(), free_port()), durable=False) as pair:
        yield pair


@pytest.fixture
def engine(pair, settings, tmp_path) -> Iterator[Engine]:
    engine = Engine(replace(settings, database_url=pair.url, port=free_port()), tmp_path / "log")
    yield engine
    engine.close()


@pytest.fixture
def database(pair) -> Iterator[Database]:
    database = Database(pair.url)
    yield database
    database.close()


def founding() -> Organization:
    return Organization.register(id=uuid4(), now=datetime.now(UTC))


def append(url: str, organization: Organization) -> None:
    """In a process of its own that does not wait long."""

    async def run() -> None:
        log = GroupCommit(url, EventCodec(), patience=1.0)
        try:
            await log.append(organization.pending_events, actor="system", cause="")
        finally:
            await log.close()

    asyncio.run(run())


def test_a_server_whose_machine_is_gone_is_given_up_within_seconds(database):
    """Nobody says a word then: left to itself, TCP would ask for a quarter of an hour."""
    with database.connection() as connection, socket.socket(fileno=os.dup(connection.fileno())) as wire:
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 6000  # milliseconds: sent, not taken
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [wire.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [3, 1, 3]


def test_a_write_that_waits_for_a_standby_that_is_away_is_given_up_and_found_when_it_is_back(pair, engine, database):
    organization = founding()
    pair.withhold()
    with pytest.raises(Unavailable):
        append(pair.url, organization)
    assert database.fetch_all(STORED, (organization.id,)) == [], "seen before it was safe"
    pair.let_go()
    until(lambda: database.fetch_all(STORED, (organization.id,)))
    with pytest.raises(IntegrityError):
        append(pair.url, organization)


def test_the_primary_is_killed_under_load_and_the_standby_goes_on_with_all_that_was_answered(pair, engine):
    for kind in KINDS:
        engine.start(kind)
    key = engine.sell(SEATS)
    until(lambda: engine.is_ready())
    clients = Clients([engine.settings.local_url], key, engine.settings.stripe_webhook_secrets[0], timeout=30)
    promises = clients.promises
    promoted_at, untold = asyncio.run(failing_over(pair, clients))

    print(f"\nanswered {promises.first_after(promoted_at):.2f} s after promotion, refused {dict(promises.refused)}")
    assert {"503"} <= promises.refused.keys() <= {"503", "429"}
    assert untold and untold <= promises.kept, "stored, and its client was never told"
    check(promises, engine.services.database)
    until(engine.is_ready)
    until(lambda: engine.unprocessed() == 0)
    assert engine.leader() == "scheduler"
    assert engine.alive() == set(KINDS)
    assert "Traceback" not in engine.log.read_text()
    assert engine.services.verification.run().counts["ok"]


async def failing_over(pair: PostgresPair, clients: Clients) -> tuple[float, set[tuple[str, str]]]:
    """Answers when the standby was promoted, and what it had that no client had been told."""
    crowd = [clients.come_and_go() for _ in range(12)] + [clients.post_webhooks() for _ in range(4)]
    load = asyncio.gather(*crowd)
    seat = await clients.acquire()
    await asyncio.sleep(1.5)
    told = await asyncio.to_thread(silence, pair, clients)
    assert (await clients.heartbeat(seat)).status_code == 200
    await asyncio.to_thread(pair.fail_over)
    promoted_at, untold = time.monotonic(), await asyncio.to_thread(written_on, pair.standby, told)
    assert (await clients.heartbeat(seat)).status_code == 200
    await asyncio.sleep(1.5)
    clients.is_over.set()
    await load
    await clients.release(seat)
    await clients.close()
    return promoted_at, untold


def silence(pair: PostgresPair, clients: Clients) -> set[tuple[str, str]]:
    """What is written from now on reaches the standby, and nobody is told. Answers what was told before."""
    until(lambda: withheld_from_api(pair))
    time.sleep(0.3)  # for answers that are on their way
    told = set(clients.promises.kept)
    time.sleep(0.5)
    assert told == clients.promises.kept
    return told


def withheld_from_api(pair: PostgresPair) -> bool:
    """Withholds when the API has just written: it may be the worker, and what clients ask would wait behind it."""
    pair.withhold()
    time.sleep(0.1)
    waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'api'"
    if not pair.primary.ask(waits):
        pair.let_go()
    return pair.withholds


def written_on(server: Postgres, told: set[tuple[str, str]]) -> set[tuple[str, str]]:
    database = Database(server.url)
    try:
        return written(database) - told
    finally:
        database.close()


def test_a_former_primary_that_comes_back_as_it_was_promises_nothing(pair, engine, database):
    organization = founding()
    pair.primary.start()
    with pytest.raises(Unavailable):
        append(pair.url, organization)  # the first of the two that takes writes is the wrong one
    pair.primary.kill()
    assert database.fetch_all(STORED, (organization.id,)) == []
    append(pair.url, organization)


def test_a_server_that_may_not_be_written_to_any_more_is_left_until_it_may(pair, engine, database):
    organization = founding()
    database.execute(TOUCH)
    pair.standby.set("default_transaction_read_only", "on")
    until(lambda: refuses(database))
    with pytest.raises(Unavailable):
        append(pair.url, organization)
    pair.standby.set("default_transaction_read_only", "off")
    until(lambda: not refuses(database))
    append(pair.url, organization)


def refuses(database: Database) -> bool:
    try:
        database.execute(TOUCH)
    except Unavailable:
        return True
    return False
