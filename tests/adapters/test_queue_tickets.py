"""Rows of tickets under the hands of several processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.database import Database
from adapters.queue_tickets import QueueTickets
from domain.seat_line import Change, Turn, Waiting

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LICENSE = UUID(int=7)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def tickets(database: Database) -> QueueTickets:
    return QueueTickets(database)


def placed(
    database: Database, holder: str, *, priority: int = 0, ends_at: datetime = NOW + MINUTE, ready: bool = False
) -> Waiting:
    """A ticket that was taken a moment after those before it."""
    waiting = Waiting(uuid4(), LICENSE, (), ready, ends_at)
    taken_at = NOW + timedelta(milliseconds=database.fetch_one("select count(*) as n from queue_tickets")["n"])
    database.execute(*QueueTickets.taking(waiting, holder, priority, taken_at, most=100))
    return waiting


def test_a_change_counts_only_for_a_ticket_that_is_still_as_it_was_seen(database, tickets):
    seen, other = placed(database, "ann"), placed(database, "bob")
    ready = Change(seen, True, NOW + 2 * MINUTE)
    assert tickets.change([ready, Change(other, False, NOW + MINUTE)]) == {seen.ticket_id, other.ticket_id}
    assert tickets.change([Change(seen, False, NOW + 9 * MINUTE)]) == set()
    assert tickets.find(seen.ticket_id) == seen._replace(is_ready=True, ends_at=NOW + 2 * MINUTE)
    assert tickets.change([]) == set()


def test_the_last_place_goes_to_one_of_two_that_ask_at_the_same_moment(database, database_url, tickets):
    rows = [
        QueueTickets.taking(Waiting(uuid4(), LICENSE, (), False, NOW + MINUTE), holder, 0, NOW, most=1)
        for holder in ("ann", "bob")
    ]
    refused = list[Exception]()

    def come_second() -> None:
        try:
            database.execute(*rows[1])
        except psycopg.IntegrityError as error:
            refused.append(error)

    second = threading.Thread(target=come_second)
    with psycopg.connect(database_url) as first:
        first.execute(*rows[0])
        second.start()
        while second.is_alive() and not _somebody_waits(database_url):
            second.join(0.01)
    second.join()
    assert len(refused) == 1
    assert tickets.length(LICENSE, NOW) == 1


def _somebody_waits(database_url: str) -> bool:
    with psycopg.connect(database_url) as watching:
        query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return watching.execute(query).fetchone() is not None


def test_the_line_goes_by_kept_seats_then_priority_then_time(database, tickets):
    late, early, first, kept = (
        placed(database, "ann"),
        placed(database, "bob", priority=5),
        placed(database, "cid", priority=5),
        placed(database, "dee", ready=True),
    )
    placed(database, "eve", priority=9, ends_at=NOW)
    line = tickets.lines([LICENSE, UUID(int=8)], NOW)[LICENSE]
    assert [each.ticket_id for each in line] == [each.ticket_id for each in (kept, early, first, late)]
    assert tickets.ahead_of(LICENSE, "ann", NOW) == Turn(late.ticket_id, {(): 3})
    assert tickets.ahead_of(LICENSE, "bob", NOW) == Turn(early.ticket_id, {(): 1})
    assert tickets.ahead_of(LICENSE, "dee", NOW) == Turn(kept.ticket_id, {})
    assert tickets.ahead_of(LICENSE, "fay", NOW) == Turn(None, {(): 4})
    assert tickets.ahead_of(LICENSE, "eve", NOW) == Turn(None, {(): 4})  # his time is over
    assert tickets.ahead_of(UUID(int=8), "ann", NOW) == Turn()


def test_who_has_a_seat_kept_waits_for_no_other_who_has(database, tickets):
    placed(database, "ann", ready=True)
    second = placed(database, "bob", ready=True)
    assert tickets.ahead_of(LICENSE, "bob", NOW) == Turn(second.ticket_id, {})
