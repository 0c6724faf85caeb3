"""Our aggregate root and event base: explicit topics, time as an argument, guards outside of replay.

An aggregate's public method decides (and may refuse); the event's `apply` changes state and never refuses, so a
history that was once accepted replays for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate


class Event(AggregateEvent):
    """A fact about one aggregate. Subclasses are frozen dataclasses in their aggregate, named in the past tense.

    Fields are plain values (str, int, bool, UUID, datetime, timedelta, Decimal, enums, tuples, frozen dataclasses):
    `adapters/event_codec.py` writes them as JSON by their declared types and refuses stored data that does not fit.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    TOPIC: ClassVar[str]

    @classmethod
    def topic(cls) -> str:
        """The name under which the log keeps these events."""
        return cls.TOPIC


class Created(Event, AggregateCreated):
    """The fact that begins a stream; subclasses add fields and an `apply` that sets the whole first state."""


class Aggregate(BaseAggregate[UUID]):
    """Base of all aggregates: `TOPIC` names the stream type, each nested event has a `TOPIC` of its own.

    Not nested here: `Created`, since the library would redefine it, without a topic, on every subclass.
    """

    class Event(Event):
        """Base of an aggregate's events; give it `TOPIC` in each subclass."""

    @classmethod
    def begin(cls, event_class: type[AggregateCreated], *, id: UUID, now: datetime, **facts: Any) -> Self:
        """A new aggregate whose first event is `event_class` with `facts`."""
        return cls._create(event_class, id=id, timestamp=now, **facts)

    def record(self, event_class: type[AggregateEvent], *, now: datetime, **facts: Any) -> None:
        """The next event of this aggregate happened at `now`."""
        self.trigger_event(event_class, timestamp=now, **facts)
