"""People who registered before members were known own what they registered, by a fact and not by a rewritten one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from adapters import migrate as migrations
from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from application.store import Store
from domain.organization import Organization
from domain.role import Role
from domain.user import User

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FOLDER = Path(migrations.__file__).parent / "migrations"
ANN, BOB, GONE = (UUID(int=n) for n in (1, 2, 3))
ANNS, BOBS, DESERTED, ADOPTED = (UUID(int=n) for n in (11, 12, 13, 14))


@pytest.fixture
def before(empty_database_url) -> Iterator[Database]:
    """A database as it was before there were members."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create table migrations (name text primary key, ran_at timestamptz default now())")
        for path in sorted(FOLDER.glob("*.sql")):
            if path.name < "0030":
                connection.execute(path.read_text().encode())
                connection.execute("insert into migrations (name) values (%s)", (path.name,))
    database = Database(empty_database_url)
    yield database
    database.close()


def registered(store: Store, user_id: UUID, organization_id: UUID) -> None:
    """As it was stored then: the organization did not say whose it is."""
    organization = Organization.register(id=organization_id, now=NOW)
    organization.rename(now=NOW)
    person = (
        "insert into people (user_id, organization_id, email, full_name, password_hash, registered_at)"
        " values (%s, %s, %s, '', '', %s)",
        (user_id, organization_id, f"{user_id}@example.test", NOW),
    )
    store.add(organization, User.register(id=user_id, organization_id=organization_id, now=NOW), rows=[person])
    session = "insert into login_sessions (session_id, user_id, credential_version, started_at, expires_at)"
    store.put(rows=[(f"{session} values (%s, %s, 1, %s, %s)", (user_id, user_id, NOW, NOW))])


def test_everybody_who_was_there_owns_the_organization_that_was_registered_with_it(before):
    store = Store(EventRecorder(before), EventCodec())
    registered(store, ANN, ANNS)
    registered(store, BOB, BOBS)
    registered(store, GONE, DESERTED)
    erased = [("delete from people where user_id = %s", (GONE,))]
    store.change(User, GONE, lambda user: user.erase(now=NOW), rows=erased)
    store.add(Organization.adopt(id=ADOPTED, provider="stripe", customer="cus_1", now=NOW))
    old = before.fetch_all("select * from stored_events order by notification_id")

    migrations.migrate(before.url)

    assert store.fetch(Organization, ANNS).members == {ANN: Role.OWNER}
    assert store.fetch(Organization, BOBS).owners == (BOB,)
    assert store.fetch(Organization, DESERTED).members == {}
    assert store.fetch(Organization, ADOPTED).is_unclaimed
    found = before.fetch_all("select organization_id, user_id, role, joined_at from memberships order by user_id")
    assert [tuple(row.values()) for row in found] == [(ANNS, ANN, "owner", NOW), (BOBS, BOB, "owner", NOW)]
    sessions = before.fetch_all("select organization_id from login_sessions order by user_id")
    assert [row["organization_id"] for row in sessions] == [ANNS, BOBS, None]
    now = before.fetch_all("select * from stored_events order by notification_id")
    assert now[: len(old)] == old, "history is as it was"
    assert [row["topic"] for row in now[len(old) :]] == ["organization.owner_recognized"] * 2


def test_an_empty_database_has_nobody_to_recognize(before):
    migrations.migrate(before.url)
    assert before.fetch_all("select * from stored_events") == []
