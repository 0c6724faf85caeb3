from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from application.store import Store
from domain.errors import ConcurrentChange
from domain.organization import Organization
from projections.audit import AuditIndex
from projections.follower import Followers, connect
from projections.positions import prepare
from tests.concurrency.following import Seen, follow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WRITERS, STREAMS, CHANGES = 16, 4, 25
EVENTS = WRITERS * STREAMS * (1 + CHANGES)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def log(database_url) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        assert prepare(connection, [Seen(), AuditIndex()]) == []
        yield connection


@contextmanager
def store_on(database_url: str) -> Iterator[Store]:
    """A store with connections of its own, as a process has it."""
    database = Database(database_url, size=1, timeout=60)
    yield Store(EventRecorder(database), EventCodec())
    database.close()


def write(database_url: str, start: threading.Barrier, failures: list[BaseException]) -> None:
    """Some streams, growing side by side by one, two or five events a transaction."""
    try:
        with store_on(database_url) as store:
            organizations = [Organization.register(id=uuid4(), now=NOW) for _ in range(STREAMS)]
            start.wait(60)
            for organization in organizations:
                store.add(organization)
            for together in (1, 2, 5) * (CHANGES // 8) + (1,) * (CHANGES % 8):
                for organization in organizations:
                    for _ in range(together):
                        organization.rename(now=NOW)
                    store.put(organization)
    except BaseException as failure:
        failures.append(failure)
        start.abort()


@contextmanager
def writers(database_url: str) -> Iterator[None]:
    """Sixteen at once; at the end all have written everything."""
    start, failures = threading.Barrier(WRITERS), []
    threads = [threading.Thread(target=write, args=(database_url, start, failures)) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(120)
    assert failures == []


@contextmanager
def follower_thread(database_url: str) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(database_url, stop, lambda: None))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


@contextmanager
def follower_process(database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.concurrency.following", database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == b"beat\n"
        try:
            yield process
        finally:
            process.kill()


def wait_until_followed(log: psycopg.Connection[Any], at_least: int) -> None:
    """Woken by the log itself, and by a look at the position when all is written."""
    log.execute("listen usher_log")
    query = "select position from follower_positions where name = 'seen'"
    for _ in range(600):
        (position,) = log.execute(query).fetchone()
        if position >= at_least:
            return
        for _ in log.notifies(timeout=0.1, stop_after=1):
            pass
    raise AssertionError(f"the followers stand at {position}, not at {at_least}")


def written(log: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    query = "select notification_id, originator_id, originator_version from stored_events order by notification_id"
    return log.execute(query).fetchall()


def seen(log: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return log.execute("select position, stream, version from seen order by arrival").fetchall()


def test_two_followers_of_one_read_model_miss_nothing_and_take_nothing_twice(database_url, log):
    with follower_thread(database_url), follower_thread(database_url):
        with writers(database_url):
            pass
        wait_until_followed(log, written(log)[-1][0])
    assert len(written(log)) == EVENTS
    assert seen(log) == written(log)


def test_two_processes_follow_and_when_one_is_killed_the_other_takes_over(database_url, log):
    with follower_process(database_url) as first, follower_process(database_url), writers(database_url):
        wait_until_followed(log, EVENTS // 4)
        first.kill()
    with follower_process(database_url):
        wait_until_followed(log, written(log)[-1][0])
    assert len(written(log)) == EVENTS
    assert seen(log) == written(log)


def test_a_reader_that_goes_on_from_its_last_position_never_passes_a_later_commit(database_url, log):
    """The naive reader: everything after the last one that I saw. It is what every follower relies on."""
    read: list[tuple[Any, ...]] = []
    query = (
        "select notification_id, originator_id, originator_version from stored_events"
        " where notification_id > %s order by notification_id"
    )
    with writers(database_url):
        for _ in range(1_000_000):
            read += log.execute(query, (read[-1][0] if read else 0,)).fetchall()
            if len(read) == EVENTS or (read and read[-1][0] == EVENTS):
                break
    assert read == written(log)


def test_writers_of_one_stream_make_one_chain(database_url, log):
    id = uuid4()
    with ExitStack() as stack:
        stores = [stack.enter_context(store_on(database_url)) for _ in range(WRITERS)]
        stores[0].add(Organization.register(id=id, now=NOW))
        failures: list[BaseException] = []

        def rename(store: Store) -> None:
            try:
                for _ in range(3):
                    change_until_done(store, id)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=rename, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert failures == []
    assert [version for _, _, version in written(log)] == list(range(1, 1 + 1 + 3 * WRITERS))
    Followers(database_url, EventCodec().to_domain_event, [Seen(), AuditIndex()]).catch_up(log)
    assert seen(log) == written(log)
    assert log.execute("select position, stream_id, version from audit_index order by position").fetchall() == written(
        log
    )


def change_until_done(store: Store, id: Any) -> None:
    """As a client does that is told to try again."""
    while True:
        try:
            store.change(Organization, id, lambda organization: organization.rename(now=NOW))
            return
        except ConcurrentChange:
            continue
