"""A process that stands still in the worst moment keeps nobody waiting for long, and what it began never was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import APPEND, EventRecorder, append_params
from adapters.group_commit import GroupCommit
from domain.errors import Unavailable
from domain.organization import Organization

LIVES = "select state from pg_stat_activity where pid = %s"


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def founding() -> Organization:
    return Organization.register(id=uuid4(), now=datetime.now(UTC))


def append(organization: Organization) -> tuple[object, ...]:
    stored = [EventCodec().to_stored_event(event) for event in organization.pending_events]
    return append_params(stored, ["system"], [""])


def stored(database: Database, organization: Organization) -> bool:
    return bool(EventRecorder(database).select_events(organization.id))


def test_who_has_the_logs_lock_and_does_not_commit_loses_it(database):
    stalled, other = founding(), founding()
    with pytest.raises(Unavailable), database.connection() as connection:
        connection.execute("begin")
        connection.execute(APPEND, append(stalled))
        EventRecorder(database).insert_events([EventCodec().to_stored_event(e) for e in other.pending_events])
        connection.execute("commit")
    assert stored(database, other) and not stored(database, stalled)


def test_a_group_commit_that_stops_while_it_sends_loses_its_locks(database, database_url):
    """PostgreSQL does not call it idle: it has not answered yet, it waits for the rest."""
    row = "insert into license_keys (digest, license_id) values ('the same', %s) on conflict do nothing"

    async def stall() -> None:
        log = GroupCommit(database_url, EventCodec())
        connection = await log._line._connected()
        with pytest.raises(psycopg.OperationalError):
            async with connection.transaction(), connection.pipeline():
                await connection.execute(row, (uuid4(),))
                await connection.execute("select 1")
                pid = connection.info.backend_pid
                assert await asyncio.to_thread(database.execute, row, (uuid4(),)) == 1  # waits until the other is gone
                assert database.fetch_all(LIVES, (pid,)) == []
        await log.close()

    asyncio.run(stall())
