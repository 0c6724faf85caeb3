"""The body of a webhook, made from the log whenever it is sent: the same bytes at each attempt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from application.past import plain
from application.store import Store
from domain.public_events import TEST

if TYPE_CHECKING:
    from datetime import datetime

    from application.webhook_documents import WebhookDocuments

_OF_ONE_SAVE = 16
"""More events than one save ever stores of one thing."""
_SESSIONS = frozenset({"seat.taken", "seat.freed"})


class Told(Protocol):
    """What is known of a delivery (`adapters/webhook_deliveries.py`, `webhook_delivery_log.py`)."""

    @property
    def endpoint_id(self) -> UUID: ...
    @property
    def organization_id(self) -> UUID | None: ...
    @property
    def event_id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def object_id(self) -> UUID: ...
    @property
    def version(self) -> int | None: ...
    @property
    def position(self) -> int | None: ...
    @property
    def created_at(self) -> datetime: ...


class WebhookPayloads:
    """`{id, type, occurred_at, position, replay_id, data}`: contract §10, docs/outbound-webhooks.md."""

    def __init__(self, store: Store, documents: WebhookDocuments) -> None:
        self._store = store
        self._documents = documents

    def body(self, delivery: Told, replay_id: UUID | None) -> bytes:
        """UTF-8 JSON."""
        return json.dumps(plain(self.payload(delivery, replay_id)), ensure_ascii=False, separators=(",", ":")).encode()

    def payload(self, delivery: Told, replay_id: UUID | None) -> dict[str, Any]:
        """JSON-ready but for ids and times."""
        occurred_at, data = self._test(delivery) if delivery.type == TEST else self._fact(delivery)
        return {
            "id": delivery.event_id,
            "type": delivery.type,
            "occurred_at": occurred_at,
            "position": delivery.position,
            "replay_id": replay_id,
            "data": data,
        }

    @staticmethod
    def _test(delivery: Told) -> tuple[datetime, dict[str, Any]]:
        return delivery.created_at, {"webhook_endpoint": {"id": delivery.endpoint_id}}

    def _fact(self, delivery: Told) -> tuple[datetime, dict[str, Any]]:
        version = delivery.version or 0
        if delivery.type in _SESSIONS:
            thing, fact = None, self._events(delivery.object_id, version - 1, version)[0]
        else:
            thing, fact = self._as_it_was(delivery.object_id, version)
        return fact.timestamp, self._documents.of(thing, fact)

    def _as_it_was(self, stream: UUID, version: int) -> tuple[Any, Any]:
        """The thing after the save that the fact was part of (what lay between the save's events nobody ever saw), and
        the fact."""
        thing: Any = None
        events = self._events(stream, 0, version + _OF_ONE_SAVE)
        fact = next(event for event in events if event.originator_version == version)
        for event in events:
            if event.originator_version <= version or event.timestamp == fact.timestamp:
                thing = event.mutate(thing)
        return thing, fact

    def _events(self, stream: UUID, after: int, until: int) -> list[Any]:
        return list(self._store.events.get(stream, gt=after, lte=until))
