"""The follower that turns facts into deliveries: which endpoint is to be told what, entered with the position.

Each endpoint has a feed. Most are level with the follower and are served a batch at a time. One that was disabled, or
has too much waiting, stands at a position of its own and is brought on from there in steps, as a replay is; what waits
is bounded however far the log runs ahead, and nothing is lost: the log is the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.aggregate import Event
from domain.ids import public_event_id, webhook_delivery_id
from domain.public_events import chooses, topics_of
from domain.webhook_endpoint import WebhookEndpoint
from projections.log import Decode, Recorded
from projections.public_facts import TOLD, PublicFact, public_facts, read_some
from projections.read_model import Statement

NAME = "webhook_feeds"
MOST_OF_REPLAY = 100
"""Deliveries of one replay that wait at a time; a step is taken once a second, so it is also the most in a second."""
MOST_WAITING = 10_000
"""Deliveries of an endpoint that wait; beyond that its feed falls behind and is brought on as they are done."""
MOST_CAUGHT_UP = 1_000
"""The same for a feed that is behind: no more are entered than the endpoint takes."""
MOST_AT_ONCE = 2_000
"""Deliveries that the follower enters with one batch; endpoints that would make it more fall behind. A transaction that
took longer than the follower may hold its position (3 s) would be begun again for ever."""
_WINDOW = 20_000
"""Positions of the log looked through at once."""
_WINDOWS = 5
"""In one step of a feed: what it looks for may be rare."""
_FEEDS_AT_ONCE = 50

Owner = tuple[UUID, UUID | None]
"""An endpoint and the organization that it belongs to."""


class Feed(NamedTuple):
    """A row of `webhook_feeds`; `last_position` is a replay's."""

    feed_id: UUID
    endpoint_id: UUID
    organization_id: UUID | None
    types: list[str]
    is_replay: bool
    position: int | None
    first_position: int
    last_position: int | None


class Deliveries(Protocol):
    """The statements that enter and cancel deliveries: `adapters/webhook_deliveries.py`."""

    def enter(self, new: Sequence[Any], now: datetime, *, revive: bool = False) -> Statement: ...

    def cancel(self, endpoint_id: UUID, feed_id: UUID | None, now: datetime) -> Statement: ...

    def forgive(self, endpoint_id: UUID) -> Statement: ...


class WebhookFeeds:
    """`make` makes a delivery out of its fields (`NewDelivery`), `now` is the engine's time."""

    name = NAME

    def __init__(
        self, deliveries: Deliveries, make: Callable[..., Any], decode: Decode, now: Callable[[], datetime]
    ) -> None:
        self._changes = {kind.topic(): change for kind, change in _CHANGES.items()}
        self.topics: frozenset[str] | None = frozenset(TOLD) | frozenset(self._changes)
        self._deliveries = deliveries
        self._make = make
        self._decode = decode
        self._now = now
        self._entered: set[Owner] = set()

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        """An endpoint is told of what comes after it was added, and of nothing that comes after it was disabled, to the
        event: whatever changes endpoints divides the batch."""
        for is_change, part in groupby(batch, key=lambda recorded: recorded.topic in self._changes):
            facts = list(part)
            for each in facts if is_change else ():
                for statement in self._changes[each.topic](each, self._deliveries, self._now()):
                    connection.execute(*statement)
            self._serve_level(connection, [each for each in facts if each.topic in TOLD])

    def entered(self) -> set[Owner]:
        """The endpoints for which something was entered since the last call, for hints to workers."""
        entered, self._entered = self._entered, set()
        return entered

    def bring_on(self, connection: psycopg.Connection[Any]) -> set[Owner]:
        """A step for feeds that are behind, and out of their level for those that have too much waiting. To be called
        once a second, by one at a time; answers the endpoints for which something was entered."""
        for (feed_id,) in _rows(connection, _CROWDED, (MOST_WAITING, MOST_WAITING)):
            self._fall_behind(connection, feed_id)
        for (feed_id,) in _rows(connection, _BEHIND, (_FEEDS_AT_ONCE,)):
            with connection.transaction():
                self._step(connection, feed_id)
        return self.entered()

    def _serve_level(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        wanted = [filter for (filter,) in _rows(connection, _WANTED)] if batch else []
        facts = public_facts(connection, batch, wanted) if wanted else []
        room = MOST_AT_ONCE
        for feed in _level_feeds(connection, {each.organization_id for each in facts}) if facts else ():
            if room > 0:
                room -= self._enter(connection, facts, feed)
            else:
                _put_behind(connection, feed.feed_id, batch[0].position - 1)

    def _enter(self, connection: psycopg.Connection[Any], facts: Sequence[PublicFact], feed: Feed) -> int:
        """Answers how many deliveries the facts make. An endpoint that is brought on is told what was canceled."""
        new = [self._delivery(fact, feed) for fact in facts if _is_for(fact, feed)]
        if new:
            is_brought_on = feed.position is not None and not feed.is_replay
            connection.execute(*self._deliveries.enter(new, self._now(), revive=is_brought_on))
            self._entered.add((feed.endpoint_id, feed.organization_id))
        return len(new)

    def _delivery(self, fact: PublicFact, feed: Feed) -> Any:
        stream, version = fact.recorded.stream_id, fact.recorded.stored.originator_version
        event_id = public_event_id(stream, version, fact.name)
        return self._make(
            delivery_id=webhook_delivery_id(feed.feed_id, event_id),
            endpoint_id=feed.endpoint_id,
            organization_id=feed.organization_id,
            kind="replay" if feed.is_replay else "live",
            feed_id=feed.feed_id,
            event_id=event_id,
            type=fact.name,
            object_id=stream,
            version=version,
            position=fact.recorded.position,
        )

    def _fall_behind(self, connection: psycopg.Connection[Any], feed_id: UUID) -> None:
        with connection.transaction():
            if (position := _held_position(connection)) is not None:
                _put_behind(connection, feed_id, position)

    def _step(self, connection: psycopg.Connection[Any], feed_id: UUID) -> None:
        """Enters what the endpoint has room for. A feed becomes level while the follower's position is held, which is
        never waited for: the follower may be waiting for this feed."""
        running = f"{_FEED} where feed_id = %s and state = 'running' for update skip locked"
        found = _rows(connection, running, (feed_id,))
        if not found or (feed := Feed(*found[0])).position is None:
            return
        ((until,),) = _rows(connection, "select position from follower_positions where name = %s", (NAME,))
        last = feed.last_position
        room = (MOST_OF_REPLAY if feed.is_replay else MOST_CAUGHT_UP) - _waiting(connection, feed.feed_id)
        position: int | None = self._read_on(connection, feed, until if last is None else min(until, last), room)
        state = "finished" if last is not None and position == last else "running"
        if last is None and position == until and room > 0 and _held_position(connection) == until:
            position = None
        sql = "update webhook_feeds set state = %s, position = %s where feed_id = %s"
        connection.execute(sql, (state, position, feed_id))

    def _read_on(self, connection: psycopg.Connection[Any], feed: Feed, end: int, room: int) -> int:
        """Enters about so many; answers the position up to which everything is entered."""
        assert feed.position is not None
        position, topics = feed.position, sorted(topics_of(feed.types))
        for _ in range(_WINDOWS):
            if position >= end or room <= 0:
                break
            window, limit = min(position + _WINDOW, end), room
            batch = read_some(connection, self._decode, position, window, topics, limit)
            room -= self._enter(connection, public_facts(connection, batch, feed.types), feed)
            position = batch[-1].position if len(batch) == limit else window
        return position


# what happens to endpoints

Change = Callable[[Recorded, Deliveries, datetime], Iterable[Statement]]


def _added(recorded: Recorded, _: Deliveries, __: datetime) -> Iterable[Statement]:
    id, added = recorded.stream_id, recorded.event
    yield (
        "insert into webhook_feeds (feed_id, endpoint_id, organization_id, types, first_position, created_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (id, id, added.organization_id, list(added.types), recorded.position, added.timestamp),
    )


def _filtered(recorded: Recorded, _: Deliveries, __: datetime) -> Iterable[Statement]:
    sql = "update webhook_feeds set types = %s where feed_id = %s"
    yield sql, (list(recorded.event.types), recorded.stream_id)


def _enabled(recorded: Recorded, deliveries: Deliveries, _: datetime) -> Iterable[Statement]:
    asked = recorded.event.from_position
    first, position = (recorded.position, None) if asked is None else (asked, asked - 1)
    sql = "update webhook_feeds set state = 'running', first_position = %s, position = %s where feed_id = %s"
    yield sql, (first, position, recorded.stream_id)
    yield deliveries.forgive(recorded.stream_id)


def _disabled(recorded: Recorded, deliveries: Deliveries, now: datetime) -> Iterable[Statement]:
    """Remembers up to where the endpoint was told, ends its replays, cancels what waits."""
    yield (
        "update webhook_feeds f set state = 'stopped', position = least(f.position, %s, (select min(d.position) - 1"
        " from webhook_deliveries d where d.feed_id = f.feed_id and d.state = 'waiting'))"
        " where endpoint_id = %s and state = 'running'",
        (recorded.position, recorded.stream_id),
    )
    yield deliveries.cancel(recorded.stream_id, None, now)


def _removed(recorded: Recorded, deliveries: Deliveries, now: datetime) -> Iterable[Statement]:
    yield deliveries.cancel(recorded.stream_id, None, now)
    yield deliveries.forgive(recorded.stream_id)
    yield "delete from webhook_feeds where endpoint_id = %s", (recorded.stream_id,)


def _replay_started(recorded: Recorded, _: Deliveries, __: datetime) -> Iterable[Statement]:
    asked = recorded.event
    yield (
        "insert into webhook_feeds (feed_id, endpoint_id, organization_id, types, is_replay, position, first_position,"
        " last_position, created_at) select %s, endpoint_id, organization_id, %s, true, %s, %s, %s, %s"
        " from webhook_feeds where feed_id = %s on conflict do nothing",
        (
            *(asked.replay_id, list(asked.types), asked.from_position - 1, asked.from_position, asked.to_position),
            *(asked.timestamp, recorded.stream_id),
        ),
    )


def _replay_stopped(recorded: Recorded, deliveries: Deliveries, now: datetime) -> Iterable[Statement]:
    replay_id = recorded.event.replay_id
    yield "update webhook_feeds set state = 'stopped' where feed_id = %s and state = 'running'", (replay_id,)
    yield deliveries.cancel(recorded.stream_id, replay_id, now)


_CHANGES: Mapping[type[Event], Change] = {
    WebhookEndpoint.Added: _added,
    WebhookEndpoint.Filtered: _filtered,
    WebhookEndpoint.Enabled: _enabled,
    WebhookEndpoint.Disabled: _disabled,
    WebhookEndpoint.Removed: _removed,
    WebhookEndpoint.ReplayStarted: _replay_started,
    WebhookEndpoint.ReplayStopped: _replay_stopped,
}

# what is asked

_FEED = f"select {', '.join(Feed._fields)} from webhook_feeds"
_LEVEL = f"""{_FEED} where state = 'running' and position is null
    and (organization_id is null or organization_id = any(%s)) order by random()"""
_WANTED = "select distinct unnest(types) from webhook_feeds where state = 'running' and position is null"
_BEHIND = """
    select feed_id from webhook_feeds where state = 'running' and position is not null order by random() limit %s"""
_CROWDED = """
    select feed_id from webhook_feeds f where state = 'running' and position is null and %s < (
        select count(*) from (select from webhook_deliveries d where d.feed_id = f.feed_id and d.state = 'waiting'
            limit %s + 1) as waiting)"""


def _level_feeds(connection: psycopg.Connection[Any], owners: Iterable[UUID | None]) -> list[Feed]:
    return [Feed(*row) for row in _rows(connection, _LEVEL, (list(owners),))]


def _put_behind(connection: psycopg.Connection[Any], feed_id: UUID, position: int) -> None:
    sql = "update webhook_feeds set position = %s where feed_id = %s and position is null"
    connection.execute(sql, (position, feed_id))


def _is_for(fact: PublicFact, feed: Feed) -> bool:
    is_theirs = feed.organization_id is None or feed.organization_id == fact.organization_id
    return is_theirs and fact.recorded.position >= feed.first_position and chooses(feed.types, fact.name)


def _waiting(connection: psycopg.Connection[Any], feed_id: UUID) -> int:
    sql = "select count(*) from (select from webhook_deliveries where feed_id = %s and state = 'waiting' limit %s) as w"
    ((waiting,),) = _rows(connection, sql, (feed_id, MOST_CAUGHT_UP))
    return int(waiting)


def _held_position(connection: psycopg.Connection[Any]) -> int | None:
    """Where the follower stands, until the transaction ends; None while it is at work."""
    sql = "select position from follower_positions where name = %s for update skip locked"
    found = _rows(connection, sql, (NAME,))
    return found[0][0] if found else None


def _rows(connection: psycopg.Connection[Any], sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(sql.encode(), params or None).fetchall()
