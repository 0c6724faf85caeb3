"""The wall between tenants as an operator meets it: what the doctor finds, which rights the database's user needs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextvars import copy_context
from uuid import uuid4

import psycopg
import pytest

from adapters.database import Database
from adapters.migrate import migrate
from adapters.wall_check import Gap, look_at
from adapters.walled import ROLE, Walled
from projections.all import read_models
from projections.follower import connect
from projections.positions import prepare


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    with connect(database_url) as connection:
        prepare(connection, read_models())
    database = Database(database_url)
    yield database
    database.close()


def test_a_wall_that_stands_is_said_to_stand(database):
    assert look_at(database) >= 15


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("alter table licenses disable row level security", "licenses has no row-level security"),
        ("create table secrets (organization_id uuid)", "secrets has no row-level security"),
        (f"create policy all_of_it on daily_counts to {ROLE} using (true)", "daily_counts shows rows"),
    ],
)
def test_a_gap_is_found_and_named(database, damage, found):
    database.execute("insert into daily_counts values (now(), gen_random_uuid(), 'seats_opened', 1)")
    look_at(database)
    database.execute(damage)
    with pytest.raises(Gap, match=found) as gap:
        look_at(database)
    assert gap.value.fix


def test_a_role_that_passes_by_is_found(database):
    database.execute(f"alter role {ROLE} bypassrls")
    try:
        with pytest.raises(Gap, match="passes by"):
            look_at(database)
    finally:
        database.execute(f"alter role {ROLE} nobypassrls")


@pytest.fixture
def plain_user(postgres_url) -> Iterator[str]:
    """A user of the server who may nothing but log in."""
    name = f"plain_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create role {name} login")
        yield name
        connection.execute(f"drop role {name}")


def test_a_user_without_other_rights_has_to_be_let_into_the_role_first(
    empty_database_url, postgres_url, plain_user, database
):
    """`database`: some other one of this server has the role already."""
    name = re.search(r"/(test_\w+)\?", empty_database_url)
    assert name
    own = empty_database_url.replace("//usher@", f"//{plain_user}@")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"alter database {name[1]} owner to {plain_user}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"GRANT {ROLE} TO {plain_user}"):
            migrate(own)
        admin.execute(f"grant {ROLE} to {plain_user}")
        migrate(own)
        with connect(own) as connection:
            prepare(connection, read_models())
        theirs = Database(own)
        try:
            assert look_at(theirs) >= 15
        finally:
            theirs.close()
            admin.execute(f"alter database {name[1]} owner to usher")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(f"drop owned by {plain_user} cascade")


def test_a_process_of_another_user_than_the_owner_is_found(database, postgres_url, plain_user):
    database.execute(f"grant select on all tables in schema public to {plain_user}")
    other = Database(database.url.replace("user=usher", f"user={plain_user}"))
    try:
        with pytest.raises(Gap, match="is another user's"):
            look_at(other)
    finally:
        other.close()
        database.execute(f"drop owned by {plain_user}")


def test_who_is_not_confined_passes_through_and_writes(database):
    walled = Walled(database)
    assert walled.execute("insert into follower_positions (name) values ('x')") == 1
    assert walled.fetch_one("select current_user as name") == {"name": "usher"}


def test_a_confined_question_that_fails_leaves_the_connection_as_it_was(database_url):
    database = Database(database_url, size=1)
    walled = Walled(database)

    def confined() -> None:
        walled.confine(uuid4())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            walled.fetch_all("select * from stored_events")
        assert walled.fetch_one("select current_user as name") == {"name": ROLE}

    copy_context().run(confined)
    assert walled.confined_to is None
    assert database.fetch_one("select current_user as name") == {"name": "usher"}
    database.close()
