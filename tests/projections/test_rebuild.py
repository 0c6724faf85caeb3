from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from domain.license import License
from projections.building import Building, UnderWay
from projections.comparison import compare
from projections.follower import Followers, connect
from projections.licenses import Licenses, list_licenses
from projections.log import BATCH, EVENTS
from projections.plans import Plans
from projections.positions import position_of, prepare, status
from projections.rebuild import rebuild, rebuild_outdated
from projections.seats import Seats
from tests.projections.followed import DAY, NOW, Followed, run

ROOT = Path(__file__).parents[2]


class NewLicenses(Licenses):
    """The next version of the code wants another column."""

    ddl = Licenses.ddl.replace("key_hint         text", "tint text not null default 'blue', key_hint text")


def silent(position: int, until: int) -> None: ...


def schemas(followed: Followed) -> list[tuple[str]]:
    return followed.fetch("select nspname from pg_namespace where nspname like 'rebuild%%' or nspname = 'verification'")


def a_long_log(followed: Followed) -> License:
    """Longer than what the swap itself would take over."""
    license = followed.license(expires_at=NOW + DAY)
    for number in range(2 * BATCH + 50):
        license.extend(NOW + DAY * (number + 2), reason="asked", now=NOW)
        if number % 400 == 399:
            followed.store.put(license)
    followed.store.put(license)
    return license


def test_tables_that_were_spoiled_are_right_again_after_a_rebuild(followed):
    license = followed.license()
    followed.sit(license)
    followed.follow()
    run(followed.connection, "update licenses set seats = 99; delete from seats_taken")
    assert rebuild(followed.url, followed.decode, Licenses(), silent) == EVENTS.head(followed.connection)
    rebuild(followed.url, followed.decode, Seats(), silent)
    assert list_licenses(followed.connection, now=NOW, limit=9)[0]["seats"] == 10
    assert followed.fetch("select taken from seats_taken") == [(1,)]
    assert schemas(followed) == []


def test_a_rebuild_shows_how_far_it_is(followed):
    a_long_log(followed)
    followed.follow()
    seen: list[tuple[int, int]] = []
    rebuild(followed.url, followed.decode, Licenses(), lambda *at: seen.append(at))
    last = EVENTS.head(followed.connection)
    assert [position for position, _ in seen] == sorted(position for position, _ in seen)
    assert len(seen) >= 3 and seen[-1] == (last, last)


def test_a_follower_goes_on_in_the_new_tables_over_the_connection_it_has(followed):
    for _ in range(8):  # so often that its statements are prepared
        followed.license()
        followed.follow()
    rebuild(followed.url, followed.decode, Licenses(), silent)
    followed.license()
    followed.follow()
    assert len(list_licenses(followed.connection, now=NOW, limit=99)) == 9
    assert compare(followed.url, followed.decode, followed.read_models, silent) == []


def test_a_rebuild_makes_the_tables_of_the_new_code_and_clears_the_error(followed):
    followed.license()
    followed.follow()
    run(followed.connection, "update follower_positions set error = 'NeedsRebuild', failed_at = now()")
    assert prepare(followed.connection, [NewLicenses()]) == ["licenses"]
    rebuild(followed.url, followed.decode, NewLicenses(), silent)
    (shown,) = status(followed.connection, [NewLicenses()])
    assert (shown["needs_rebuild"], shown["error"], shown["failed_at"], shown["lag"]) == (False, None, None, 0)
    assert followed.fetch("select tint from licenses") == [("blue",)]
    indexes = "select count(*) from pg_indexes where tablename = 'licenses' and schemaname = 'public'"
    assert followed.fetch(indexes) == [(4,)]


def test_after_a_migration_only_what_is_outdated_is_rebuilt(followed):
    followed.license()
    followed.follow()
    run(followed.connection, "drop table plans, products, plan_versions")
    assert rebuild_outdated(followed.url, followed.decode, [NewLicenses(), Plans(), Seats()], silent) == [
        "licenses",
        "plans",
    ]
    assert rebuild_outdated(followed.url, followed.decode, [NewLicenses(), Plans(), Seats()], silent) == []


def test_on_an_empty_database_the_tables_are_made_and_nothing_is_rebuilt(followed):
    run(followed.connection, "drop table licenses; delete from follower_positions")
    assert rebuild_outdated(followed.url, followed.decode, [Licenses()], silent) == []
    assert list_licenses(followed.connection, now=NOW, limit=9) == []


def test_a_rebuild_that_is_killed_in_the_middle_changes_nothing_and_the_next_one_begins_anew(followed):
    a_long_log(followed)
    followed.sit(followed.license())
    followed.follow()
    run(followed.connection, "update seats_taken set taken = 77")
    command = [sys.executable, str(Path(__file__).with_name("building_processes.py")), followed.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None and process.stdout.readline() == b"half way\n"
        process.kill()
    assert schemas(followed) == [("rebuild_seats",)]
    assert followed.fetch("select taken from seats_taken") == [(77,)]
    wait_until_free(followed, "rebuild_seats")
    rebuild(followed.url, followed.decode, Seats(), silent)
    assert followed.fetch("select taken from seats_taken") == [(1,)]
    assert schemas(followed) == []


def wait_until_free(followed: Followed, schema: str) -> None:
    """Until the server has noticed that the killed process is gone."""
    run(followed.connection, "select pg_advisory_lock(hashtextextended(%s, 0))", schema)
    run(followed.connection, "select pg_advisory_unlock(hashtextextended(%s, 0))", schema)


def test_a_rebuild_that_fails_in_the_middle_changes_nothing(followed):
    followed.license()
    followed.follow()
    run(followed.connection, "update stored_events set state = '{}'")
    with pytest.raises(Exception, match=r"license\.issued"):
        rebuild(followed.url, followed.decode, Licenses(), silent)
    assert len(list_licenses(followed.connection, now=NOW, limit=9)) == 1
    assert schemas(followed) == []


def test_two_rebuilds_of_one_read_model_at_once_are_refused_and_of_two_are_not(followed):
    followed.license()
    with Building.opened(followed.url, followed.decode, "rebuild_licenses", [Licenses()]):
        with pytest.raises(UnderWay):
            rebuild(followed.url, followed.decode, Licenses(), silent)
        rebuild(followed.url, followed.decode, Seats(), silent)
    rebuild(followed.url, followed.decode, Licenses(), silent)


def test_two_migrations_at_once_rebuild_once(followed):
    followed.license()
    followed.follow()
    done: list[str] = []

    def migrated() -> None:
        done.extend(rebuild_outdated(followed.url, followed.decode, [NewLicenses()], silent))

    with Building.opened(followed.url, followed.decode, "rebuild_licenses", [NewLicenses()]):
        threads = [threading.Thread(target=migrated) for _ in range(2)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(30)
    assert done == ["licenses"]
    assert len(list_licenses(followed.connection, now=NOW, limit=9)) == 1


def test_readers_writers_and_the_follower_go_on_while_it_is_rebuilt(followed):
    a_long_log(followed)
    followed.follow()
    stop, problems, lists = threading.Event(), [], []

    def follow() -> None:
        with connect(followed.url) as connection:
            followers = Followers(followed.url, followed.decode, followed.read_models)
            while not stop.is_set():
                followers.advance(connection)

    def read() -> None:
        with psycopg.connect(followed.url, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    lists.append(len(list_licenses(connection, now=NOW, limit=99)))
                except psycopg.Error as error:
                    problems.append(error)

    def write() -> None:
        for _ in range(40):
            followed.license()

    threads = [threading.Thread(target=each) for each in (follow, read, write)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        rebuild(followed.url, followed.decode, Licenses(), silent)
        rebuild(followed.url, followed.decode, Seats(), silent)
    threads[2].join(60)
    stop.set()
    for thread in threads:
        thread.join(60)
    followed.follow()
    assert problems == []
    assert lists == sorted(lists)
    assert len(list_licenses(followed.connection, now=NOW, limit=99)) == 41
    assert position_of(followed.connection, "licenses") == EVENTS.head(followed.connection)
    assert compare(followed.url, followed.decode, followed.read_models, silent) == []
