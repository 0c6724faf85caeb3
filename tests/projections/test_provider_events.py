from __future__ import annotations

from uuid import UUID

import pytest

from domain.provider_event import ProviderEvent
from projections.provider_events import get_provider_event, list_provider_events, unprocessed
from tests.projections.followed import DAY, NOW, Followed


def received(followed: Followed, event: str, *decisions, type: str = "invoice.paid", now=NOW) -> UUID:
    each = ProviderEvent.receive(provider="stripe", event=event, type=type, occurred_at=NOW - DAY, now=now)
    for decide in decisions:
        decide(each)
    followed.store.add(each)
    return each.id


def processed(event: ProviderEvent) -> None:
    event.process(consequences=(UUID(int=1), UUID(int=2)), now=NOW)


def deferred(event: ProviderEvent) -> None:
    event.defer(waiting_for="subscription/sub_1", now=NOW + DAY)


def ignored(event: ProviderEvent) -> None:
    event.ignore(reason="nothing follows", now=NOW)


def failed(event: ProviderEvent) -> None:
    event.fail(error="KeyError", now=NOW)


def retried(event: ProviderEvent) -> None:
    event.retry(now=NOW)


@pytest.mark.parametrize(
    ("decisions", "status", "waiting_for", "problem"),
    [
        ([], "received", None, None),
        ([processed], "processed", None, None),
        ([deferred], "deferred", "subscription/sub_1", None),
        ([ignored], "ignored", None, "nothing follows"),
        ([failed], "failed", None, "KeyError"),
        ([failed, retried], "received", None, None),
        ([deferred, retried, processed], "processed", None, None),
    ],
)
def test_an_event_shows_what_became_of_it(followed, decisions, status, waiting_for, problem):
    id = received(followed, "evt_1", *decisions)
    followed.follow()
    row = get_provider_event(followed.connection, id)
    assert (row["status"], row["waiting_for"], row["problem"]) == (status, waiting_for, problem)
    assert (row["provider"], row["event"], row["type"]) == ("stripe", "evt_1", "invoice.paid")
    assert row["consequences"] == ([UUID(int=1), UUID(int=2)] if status == "processed" else None)


def test_events_are_listed_newest_first_by_status_and_in_pages(followed):
    waiting = [received(followed, f"evt_{n}") for n in range(3)]
    received(followed, "evt_9", processed)
    followed.follow()
    first = list_provider_events(followed.connection, limit=2, status="received")
    rest = list_provider_events(followed.connection, limit=2, status="received", after=first[-1]["position"])
    assert [row["provider_event_id"] for row in first + rest] == waiting[::-1]


def test_the_sweep_finds_what_did_not_move_for_a_while_the_longest_waiting_first(followed):
    late = received(followed, "evt_late", now=NOW + 2 * DAY)
    waiting = received(followed, "evt_waiting", deferred)
    broken = received(followed, "evt_broken", failed)
    for event, decision in (("evt_done", processed), ("evt_none", ignored)):
        received(followed, event, decision)
    followed.follow()

    def found(before):
        return [row["provider_event_id"] for row in unprocessed(followed.connection, before=before, limit=9)]

    assert found(NOW + 2 * DAY) == [broken, waiting, late]
    assert found(NOW + DAY) == [broken, waiting]
    assert found(NOW - DAY) == []
