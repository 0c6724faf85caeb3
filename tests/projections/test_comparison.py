from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from projections import building
from projections.building import Building, UnderWay
from projections.comparison import SCHEMA, compare
from projections.follower import connect
from projections.licenses import Licenses
from projections.log import EVENTS
from projections.positions import position_of
from tests.projections.followed import Followed, run


def found(followed: Followed):
    seen: list[tuple[int, int]] = []
    answer = compare(followed.url, followed.decode, followed.read_models, lambda *at: seen.append(at))
    assert followed.fetch("select nspname from pg_namespace where nspname = %s", SCHEMA) == []
    return answer, seen


@pytest.fixture
def lived(followed) -> Followed:
    """Some of everything that a seat leaves behind, followed."""
    license = followed.license()
    for seat in (1, 2):
        followed.sit(license, seat)
    followed.follow()
    return followed


def test_tables_that_followed_the_log_do_not_differ(lived):
    differences, seen = found(lived)
    assert differences == []
    assert seen[-1] == (EVENTS.head(lived.connection), EVENTS.head(lived.connection))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("update licenses set seats = 99", ("licenses", 1, 1)),
        ("delete from seat_sessions", ("seat_sessions", 2, 0)),
        ("insert into seats_taken values (gen_random_uuid(), 1)", ("seats_taken", 0, 1)),
        ("update audit_index set actor = 'nobody' where position = 2", ("audit_index", 1, 1)),
    ],
)
def test_a_row_that_the_log_does_not_say_is_found(lived, damage, expected):
    run(lived.connection, damage)
    (difference,), _ = found(lived)
    assert difference[:3] == expected
    assert difference.example != ""


def test_a_follower_that_is_behind_is_compared_where_it_stands(lived):
    lived.license()
    lived.follow(Licenses())
    lived.license()
    assert (
        position_of(lived.connection, "seats")
        < position_of(lived.connection, "licenses")
        < EVENTS.head(lived.connection)
    )
    assert found(lived)[0] == []


def test_tables_of_another_version_are_reported_and_the_others_compared(lived):
    run(lived.connection, "update follower_positions set digest = 'old' where name = 'licenses'")
    run(lived.connection, "delete from seats_taken; drop table users")
    differences, _ = found(lived)
    assert {each.table for each in differences} == {"licenses", "users", "organizations", "seats_taken"}


def test_two_comparisons_at_once_are_refused(lived):
    with Building.opened(lived.url, lived.decode, SCHEMA, []), pytest.raises(UnderWay):
        found(lived)


def test_whoever_builds_next_need_not_wait_until_postgres_has_noticed_that_a_connection_was_closed(lived, monkeypatch):
    """As the comparison does, for one log after the other."""
    with ExitStack() as unnoticed:

        @contextmanager
        def still_open(*args: Any, **options: Any) -> Iterator[psycopg.Connection[Any]]:
            yield unnoticed.enter_context(connect(*args, **options))

        monkeypatch.setattr(building, "connect", still_open)
        for _ in range(2):
            with Building.opened(lived.url, lived.decode, SCHEMA, []):
                pass
