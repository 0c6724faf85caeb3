"""Events to JSON and back, by the declared types of the event's dataclass.

The stored state leaves out what the log already has in columns (stream id, version) and refuses, when read, anything
that does not fit the declared fields: a log that decodes is a log that is understood.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import TopicError, get_topic, resolve_topic
from pydantic import TypeAdapter, ValidationError

_COLUMNS = {"originator_id", "originator_version"}


@cache
def _adapter(event_class: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(event_class)


@cache
def _class_of(topic: str) -> type[Any]:
    return resolve_topic(topic)


class EventCodec(Mapper[UUID]):
    """The library's mapper with pydantic's serializer in place of its transcoder."""

    def __init__(self) -> None:
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: CanMutateAggregate[UUID]) -> StoredEvent:  # type: ignore[override]
        event_class = type(domain_event)
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=get_topic(event_class),
            state=_adapter(event_class).dump_json(domain_event, exclude=_COLUMNS),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> CanMutateAggregate[UUID]:  # type: ignore[override]
        """The event, or `MapperDeserialisationError` naming stream, version and topic."""
        columns = b'{"originator_id":"%s","originator_version":%d,' % (
            str(stored_event.originator_id).encode(),
            stored_event.originator_version,
        )
        try:
            return _adapter(_class_of(stored_event.topic)).validate_json(columns + stored_event.state[1:])  # type: ignore[no-any-return]
        except (ValidationError, TopicError) as error:
            raise MapperDeserialisationError(
                f"event {stored_event.originator_id} version {stored_event.originator_version} "
                f"({stored_event.topic}) cannot be decoded: {error}"
            ) from error
