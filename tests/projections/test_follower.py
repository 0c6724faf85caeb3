from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from domain.aggregate import Event
from domain.license import License
from projections.follower import Followers, connect, take_batch
from projections.licenses import Licenses, list_licenses
from projections.log import EVENTS, LogReader, Recorded
from projections.plans import Plans
from projections.positions import NeedsRebuild, position_of, prepare, register, status
from projections.read_model import ReadModel, insert
from projections.seat_limits import SeatLimits
from projections.seats import Seats
from tests.projections.followed import NOW, Followed, run


class Awkward:
    """A consumer that breaks as long as it is told to."""

    name = "awkward"
    topics: frozenset[str] | None = None

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.positions: list[int] = []

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        self.positions += [recorded.position for recorded in batch]
        if self.problem:
            raise self.problem


def standing(followed: Followed, *consumers) -> dict[str, dict[str, Any]]:
    known = status(followed.connection, consumers or followed.read_models)
    return {each["name"]: each for each in known}


def spoil(followed: Followed, position: int) -> str:
    """Makes one event undecodable; answers what it was."""
    ((state,),) = followed.fetch("select state::text from stored_events where notification_id = %s", position)
    run(
        followed.connection,
        'update stored_events set state = \'{"timestamp": "2026-01-01T00:00:00Z"}\' where notification_id = %s',
        position,
    )
    return state


def test_an_event_that_cannot_be_decoded_stops_its_followers_and_no_other(followed):
    license = followed.license()
    followed.follow()
    before = EVENTS.head(followed.connection)
    followed.sit(license)
    state = spoil(followed, before + 1)
    followed.license()
    followers = Followers(followed.url, followed.decode, followed.read_models)
    followers.catch_up(followed.connection)

    shown = standing(followed)
    stopped = {name for name, each in shown.items() if each["error"]}
    assert stopped == {"seats", "overview"}
    for name in stopped:
        assert (shown[name]["position"], shown[name]["lag"]) == (before, 2)
        assert "seat.session_opened" in shown[name]["error"] and shown[name]["failed_at"] is not None
    assert all(each["lag"] == 0 for name, each in shown.items() if name not in stopped)
    assert len(list_licenses(followed.connection, now=NOW, limit=9)) == 2

    run(followed.connection, "update stored_events set state = %s where notification_id = %s", state, before + 1)
    run(followed.connection, "update follower_positions set error = null")
    followers.catch_up(followed.connection)
    assert all(
        (each["lag"], each["error"], each["failed_at"]) == (0, None, None) for each in standing(followed).values()
    )
    assert followed.fetch("select taken from seats_taken") == [(1,)]


def test_a_handler_that_breaks_moves_nothing_and_is_left_alone_for_a_while(followed):
    awkward, written = Awkward(), followed.license().id
    awkward.problem = psycopg.OperationalError("another database is away")
    register(followed.connection, [awkward])
    followers = Followers(followed.url, followed.decode, [awkward, *followed.read_models])
    followers.catch_up(followed.connection)
    followers.catch_up(followed.connection)
    assert awkward.positions == [1]
    assert standing(followed, awkward)["awkward"]["error"] == "OperationalError: another database is away"
    assert list_licenses(followed.connection, now=NOW, limit=9)[0]["license_id"] == written


def test_what_was_applied_before_a_batch_broke_is_not_kept(followed):
    class Halves(Licenses):
        name = "licenses"

        def statements(self, recorded):
            yield from super().statements(recorded)
            if recorded.position == 2:
                yield "select 1/0", ()

    for _ in range(2):
        followed.license()
    followers = Followers(followed.url, followed.decode, [Halves()])
    followers.catch_up(followed.connection)
    assert "DivisionByZero" in standing(followed)["licenses"]["error"]
    assert followed.fetch("select count(*) from licenses") == [(0,)]


def test_followers_that_want_nothing_of_a_batch_pass_over_it(followed):
    for _ in range(3):
        followed.license()
    followed.follow()
    assert {each["lag"] for each in standing(followed).values()} == {0}
    assert position_of(followed.connection, "plans") == 3
    assert position_of(followed.connection, "never registered") == 0


def test_a_follower_at_work_elsewhere_is_left_to_it(followed):
    followed.license()
    with connect(followed.url) as other, other.transaction():
        other.execute("select from follower_positions where name = 'licenses' for update")
        assert take_batch(followed.connection, LogReader(followed.decode), Licenses(), 0) == 0
        Followers(followed.url, followed.decode, followed.read_models).catch_up(followed.connection)
        assert standing(followed)["licenses"]["position"] == 0
        assert standing(followed)["audit"]["position"] == 1
    followed.follow()
    assert standing(followed)["licenses"]["position"] == 1


def test_tables_of_another_version_are_not_written_to(followed):
    class NewLicenses(Licenses):
        version = Licenses.version + 1

    followed.license()
    assert prepare(followed.connection, [NewLicenses(), Plans()]) == ["licenses"]
    with pytest.raises(NeedsRebuild, match="usher projections rebuild licenses"):
        take_batch(followed.connection, LogReader(followed.decode), NewLicenses(), 0)
    Followers(followed.url, followed.decode, [NewLicenses()]).catch_up(followed.connection)
    shown = standing(followed, NewLicenses())["licenses"]
    assert (shown["position"], shown["needs_rebuild"]) == (0, True)
    assert shown["error"].startswith("NeedsRebuild")
    assert followed.fetch("select count(*) from licenses") == [(0,)]


def test_a_read_model_whose_tables_were_dropped_has_to_be_built_again(followed):
    followed.license()
    followed.follow()
    assert prepare(followed.connection, followed.read_models) == []
    run(followed.connection, "drop table seats_taken")
    assert prepare(followed.connection, followed.read_models) == ["seats"]
    assert standing(followed)["seats"]["needs_rebuild"]


def test_a_follower_that_never_ran_stands_at_the_beginning(followed):
    followed.license()
    (shown,) = status(followed.connection, [Awkward()])
    assert (shown["position"], shown["log_position"], shown["lag"], shown["needs_rebuild"]) == (0, 1, 1, False)


def test_statements_gathered_over_a_batch_run_once_in_the_order_given_after_the_others(followed):
    class Order(ReadModel):
        name = "order_of_statements"
        tables = ("order_of_statements",)
        ddl = "create table order_of_statements (number serial, said text)"
        first = "insert into order_of_statements (said) select 'first ' || unnest(%b::text[])"
        second = "insert into order_of_statements (said) select 'second ' || unnest(%b::text[])"
        gathered = (first, second)
        handlers = {}

        def statements(self, recorded):
            where = str(recorded.position)
            return [(self.second, (where,)), insert("order_of_statements", said=where), (self.first, (where,))]

        topics = None

        def __init__(self) -> None:
            pass

    followed.license(), followed.license()
    prepare(followed.connection, [Order()])
    followed.follow(Order())
    said = [text for (text,) in followed.fetch("select said from order_of_statements order by number")]
    assert said == ["1", "2", "first 1", "first 2", "second 1", "second 2"]


def test_the_loop_follows_what_is_written_while_it_runs_and_ends_when_told(followed):
    stop, seen = threading.Event(), threading.Event()

    class Watching(Awkward):
        def apply(self, connection, batch):
            super().apply(connection, batch)
            seen.set()

    watching = Watching()
    loop = threading.Thread(target=Followers(followed.url, followed.decode, [watching]).run, args=[stop])
    loop.start()
    try:
        for number in range(3):
            seen.clear()
            followed.license()
            assert seen.wait(30)
            assert len(watching.positions) == number + 1
    finally:
        stop.set()
        loop.join(30)
    assert not loop.is_alive()


def test_the_seat_pool_is_told_which_licences_changed_and_told_again_when_it_failed(followed):
    told: list[set] = []
    problems = [ConnectionError("Redis is away")]

    def put(license_ids: set) -> None:
        assert followed.connection.info.transaction_status is TransactionStatus.IDLE
        told.append(license_ids)
        if problems:
            raise problems.pop()

    license, other = followed.license(), followed.license()
    license.resize(3, reason="asked", now=NOW)
    followed.store.put(license)
    followed.sit(other)
    limits = SeatLimits(put)
    register(followed.connection, [limits])
    followers = Followers(followed.url, followed.decode, [limits])
    followers.catch_up(followed.connection)
    assert standing(followed, limits)["seat_limits"]["error"] == "ConnectionError: Redis is away"
    run(followed.connection, "update follower_positions set error = null")
    followers.catch_up(followed.connection)
    assert told == [{license.id, other.id}] * 2
    assert standing(followed, limits)["seat_limits"]["lag"] == 0


def test_no_change_of_a_licence_is_kept_from_the_seat_pool():
    events = [each for each in vars(License).values() if isinstance(each, type) and issubclass(each, Event)]
    assert SeatLimits.topics == {each.topic() for each in events if each.__name__ != "Event"}


def test_read_models_that_follow_in_turn_and_all_at_once_come_to_the_same(followed):
    license = followed.license()
    for seat in range(1, 4):
        followed.sit(license, seat)
        followed.follow(Seats())
    one_by_one = followed.fetch("select * from seat_sessions order by position")
    run(followed.connection, "truncate seat_sessions, seats_taken; update follower_positions set position = 0")
    followed.follow()
    assert followed.fetch("select * from seat_sessions order by position") == one_by_one
    assert followed.fetch("select taken from seats_taken") == [(3,)]
