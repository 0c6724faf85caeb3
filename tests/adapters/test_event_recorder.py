"""Events and the rows that stand or fall with them reach PostgreSQL in one message, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from domain.organization import Organization

AWKWARD = "a'b\"c\\d%s{},%% \n\t$1; drop table license_keys; -- ü 🪑"
BYTES = bytes(range(256))
PAYLOAD = "insert into provider_payloads (provider_event_id, body, received_at) values (%s, %s, %s)"


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def recorder(database) -> EventRecorder:
    return EventRecorder(database)


def founding() -> StoredEvent:
    (event,) = Organization.register(id=uuid4(), now=datetime.now(UTC)).pending_events
    return EventCodec().to_stored_event(event)


def payload(id: Any) -> tuple[str, tuple[Any, ...]]:
    return PAYLOAD, (id, BYTES, datetime(2026, 3, 29, 1, 30, 0, 123456, UTC))


def test_what_is_stored_is_what_was_given(recorder, database):
    event, id, key = founding(), uuid4(), ("insert into license_keys (digest, license_id) values (%(digest)s, %(id)s)")
    rows = [payload(id), (key, {"digest": AWKWARD, "id": id})]
    (position,) = recorder.insert_events([event], rows=rows, actor=AWKWARD, cause="%")
    assert recorder.select_events(event.originator_id) == [event]
    assert position == recorder.max_notification_id()
    (stored,) = database.fetch_all("select actor, cause from stored_events")
    assert stored == {"actor": AWKWARD, "cause": "%"}
    (row,) = database.fetch_all("select body, received_at from provider_payloads where provider_event_id = %s", (id,))
    assert (bytes(row["body"]), row["received_at"]) == payload(id)[1][1:]
    assert database.fetch_all("select digest from license_keys where license_id = %s", (id,)) == [{"digest": AWKWARD}]


def test_positions_are_answered_in_the_order_of_the_events(recorder):
    events = [founding() for _ in range(20)]
    positions = recorder.insert_events(events, rows=[payload(uuid4())])
    assert list(positions) == sorted(positions)
    found = {each.originator_id: each.id for each in recorder.select_notifications(None, 100)}
    assert [found[event.originator_id] for event in events] == list(positions)


def test_many_streams_are_read_in_one_question(recorder):
    one, other = founding(), founding()
    recorder.insert_events([one, other, founding()])
    found = recorder.select_streams([one.originator_id, other.originator_id, uuid4()])
    assert {each.originator_id: each for each in found} == {each.originator_id: each for each in (one, other)}
    assert recorder.select_streams([]) == []


def test_a_row_that_conflicts_leaves_nothing_of_the_rest(recorder, database):
    id = uuid4()
    recorder.insert_events([], rows=[payload(id)])
    event = founding()
    with pytest.raises(IntegrityError):
        recorder.insert_events([event], rows=[payload(uuid4()), payload(id)])
    assert recorder.select_events(event.originator_id) == []
    assert database.fetch_all("select provider_event_id as id from provider_payloads") == [{"id": id}]


def test_an_event_that_conflicts_leaves_nothing_of_the_rows(recorder, database):
    event = founding()
    recorder.insert_events([event])
    with pytest.raises(IntegrityError):
        recorder.insert_events([founding(), event], rows=[payload(uuid4())])
    assert database.fetch_all("select provider_event_id from provider_payloads") == []
    assert recorder.max_notification_id() == 1


def test_nothing_at_all_is_stored_without_a_word(recorder):
    assert recorder.insert_events([]) == []
