"""What is remembered of who is a member: never asked twice, never believed when it may have changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest

from adapters.database import Database
from adapters.memberships import Memberships
from adapters.remembered import Remembered
from domain.role import Role

ORGANIZATION, ANN = UUID(int=1), UUID(int=2)
NOTHING = object()


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def remembered(database_url) -> Iterator[Remembered]:
    remembered = Remembered(database_url, trust=60)
    yield remembered
    remembered.close()


@pytest.fixture
def memberships(database, remembered) -> Memberships:
    return Memberships(database, remembered)


def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about in ten seconds")


def recalled(memberships: Memberships) -> object:
    return memberships.recall_role(ORGANIZATION, ANN, NOTHING)


def warm(memberships: Memberships) -> None:
    def is_warm() -> bool:
        memberships.remember_role(ORGANIZATION, ANN)
        return recalled(memberships) is not NOTHING

    wait_for(is_warm)


def test_nothing_is_recalled_before_it_was_asked(memberships):
    assert recalled(memberships) is NOTHING


def test_an_answer_is_recalled_until_the_row_changes_by_whatever_hand(database, memberships, postgres_url):
    warm(memberships)
    assert recalled(memberships) is None
    for sql, role in (
        ("insert into memberships values (%(org)s, %(user)s, 'viewer', now())", Role.VIEWER),
        ("update memberships set role = 'admin' where user_id = %(user)s", Role.ADMIN),
        ("delete from memberships where organization_id = %(org)s", None),
    ):
        with psycopg.connect(database.url, autocommit=True) as somebody_else:
            somebody_else.execute(sql, {"org": ORGANIZATION, "user": ANN})
        wait_for(lambda: recalled(memberships) is NOTHING)
        assert memberships.remember_role(ORGANIZATION, ANN) is role
        warm(memberships)
        assert recalled(memberships) is role


def test_an_answer_that_was_found_just_before_a_change_is_not_kept(remembered):
    remembered.ask("other", lambda: 1)
    wait_for(lambda: remembered.ask("other", lambda: 1) == 1 and remembered.recall("other", NOTHING) == 1)
    changed, asked = threading.Event(), threading.Event()

    def slow_look() -> str:
        asked.set()
        changed.wait(10)
        return "old"

    slow = threading.Thread(target=lambda: remembered.ask("key", slow_look))
    slow.start()
    asked.wait(10)
    remembered.forget("key")
    changed.set()
    slow.join(10)
    assert remembered.recall("key", NOTHING) is NOTHING


def test_nothing_is_believed_while_the_line_to_postgres_is_cut(database, memberships, remembered):
    warm(memberships)
    listening = (
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select 1' and pid <> pg_backend_pid()"
    )
    wait_for(lambda: bool(database.fetch_all(listening)) and recalled(memberships) is NOTHING)
    warm(memberships)
    assert recalled(memberships) is None, "and it comes back by itself"


def test_an_answer_does_not_outlive_the_last_sign_of_life(database_url, database):
    memberships = Memberships(database, Remembered(database_url, trust=0))
    for _ in range(3):
        memberships.remember_role(ORGANIZATION, ANN)
        assert recalled(memberships) is NOTHING
    memberships._remembered.close()


def test_a_look_that_fails_is_not_remembered(remembered):
    def broken() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        remembered.ask("key", broken)
    assert remembered.recall("key", NOTHING) is NOTHING
