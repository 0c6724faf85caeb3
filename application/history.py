"""What happened: the log in sentences, and any aggregate as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from threading import Event as Signal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.past import owner_of, state_of
from domain.aggregate import Aggregate
from domain.errors import Conflict, NotFound
from domain.sentences import sentence_of

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.event_codec import EventCodec
    from adapters.log_scan import LogRow, LogScan

BATCH = 500
_INDEXED = ("position", "stream", "stream_id", "version", "type", "occurred_at", "actor", "cause")
_BESIDE_THE_DATA = ("timestamp", "originator_topic")


class Entry(NamedTuple):
    """An event for people. `stream` is the kind of aggregate, `data` what the event itself says, as it is stored;
    `occurred_at` is None when it cannot be read."""

    position: int
    stream: str
    stream_id: UUID
    version: int
    type: str
    occurred_at: datetime | None
    actor: str
    cause: str
    sentence: str
    data: dict[str, Any]


class Filters(NamedTuple):
    """Which events; None: all. `stream` is a kind (`license`), `type` a topic (`license.issued`); from `since` to
    before `until`."""

    stream: str | None = None
    stream_id: UUID | None = None
    type: str | None = None
    organization_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class Moment(NamedTuple):
    """A point in a stream's history, in one of three ways; none of them: now."""

    at: datetime | None = None
    version: int | None = None
    position: int | None = None


class Past(NamedTuple):
    """An aggregate as it was. `owners` are the organizations that had it then and have it now."""

    state: dict[str, Any]
    version: int
    position: int
    events: list[Entry]
    owners: frozenset[UUID | None]


Find = Callable[..., Sequence[dict[str, Any]]]
"""`projections.audit.list_events` over a connection of its own: (limit=, after=, **filters) → rows of the index with
the stored `state`."""


class History:
    def __init__(self, scan: LogScan, codec: EventCodec, find: Find, clock: Clock) -> None:
        self._scan = scan
        self._codec = codec
        self._find = find
        self._clock = clock

    def events(self, filters: Filters, *, after: int | None = None, limit: int = BATCH) -> list[Entry]:
        """The next events of the audit index, in log order, from above the position `after`."""
        return [self._found(row) for row in self._find(limit=limit, after=after, **filters._asdict())]

    def export(self, filters: Filters, *, after: int | None = None) -> Iterator[list[Entry]]:
        """All of them that are there by now, in batches of 500."""
        last = self._scan.head()
        while True:
            batch = self.events(filters, after=after)
            if current := [entry for entry in batch if entry.position <= last]:
                yield current
            if len(current) < BATCH:
                return
            after = current[-1].position

    def tail(self, after: int | None = None, *, stop: Signal | None = None) -> Iterator[Entry]:
        """Every event after a position (None: from now on) as it is stored, straight from the log, until `stop`."""
        position = self._scan.head() if after is None else after
        return map(self._entry, self._scan.follow(position, stop or Signal()))

    def show(self, stream: str, stream_id: UUID, moment: Moment | None = None) -> Past:
        """An aggregate as it was. `NotFound` when there was none then; `Conflict` when its history does not replay."""
        moment = moment or Moment()
        rows = [row for row in self._scan.stream(stream_id) if row.stream == stream]
        replay = _Replay(self._codec, rows)
        until = replay.count_until(moment)
        if until == 0 or (moment.version or 0) > len(rows):
            raise NotFound.of(stream.replace("_", " "), stream_id)
        then, now = replay.aggregate(until), replay.aggregate(len(rows))
        asked_at = self._clock.now() if moment == Moment() else moment.at or then.modified_on
        return Past(
            state=state_of(then, asked_at),
            version=then.version,
            position=rows[until - 1].position,
            events=[self._entry(row) for row in rows[:until]],
            owners=frozenset({owner_of(then), owner_of(now)}),
        )

    def _found(self, row: dict[str, Any]) -> Entry:
        stored = _Stored(row["stream_id"], row["version"], row["type"], json.dumps(row["state"]).encode())
        indexed = {name: row[name] for name in _INDEXED}
        return Entry(**indexed, sentence=self._sentence(stored), data=_said(row["state"]))

    def _entry(self, row: LogRow) -> Entry:
        state = json.loads(row.state)
        return Entry(
            position=row.position,
            stream=row.stream,
            stream_id=row.originator_id,
            version=row.originator_version,
            type=row.topic,
            occurred_at=_time(state),
            actor=row.actor,
            cause=row.cause,
            sentence=self._sentence(row),
            data=_said(state),
        )

    def _sentence(self, stored: Any) -> str:
        """Also for an event that cannot be decoded: it is just what an auditor has to see."""
        try:
            event: Any = self._codec.to_domain_event(stored)
        except MapperDeserialisationError:
            return "This event cannot be read"
        return sentence_of(event)


class _Stored(NamedTuple):
    """What the codec reads."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes


class _Replay:
    """The events of one stream, decoded once."""

    def __init__(self, codec: EventCodec, rows: Sequence[LogRow]) -> None:
        self._rows = rows
        try:
            self._events: list[Any] = [codec.to_domain_event(row) for row in rows]  # type: ignore[arg-type]
        except MapperDeserialisationError as error:
            raise _broken() from error

    def count_until(self, moment: Moment) -> int:
        """How many events had happened."""
        for count, (row, event) in enumerate(zip(self._rows, self._events, strict=True)):
            if moment.at is not None and event.timestamp > moment.at:
                return count
            if moment.version is not None and row.originator_version > moment.version:
                return count
            if moment.position is not None and row.position > moment.position:
                return count
        return len(self._events)

    def aggregate(self, count: int) -> Aggregate:
        """As the first `count` events made it."""
        aggregate: Any = None
        try:
            for event in self._events[:count]:
                aggregate = event.mutate(aggregate)
        except Exception as error:  # whatever its kind, an event is missing or wrong
            raise _broken() from error
        return aggregate  # type: ignore[no-any-return]


def _broken() -> Conflict:
    return Conflict("This history is damaged and cannot be replayed; `usher events verify` says where.")


def _said(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in _BESIDE_THE_DATA}


def _time(state: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(state["timestamp"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None
