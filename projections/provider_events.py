"""Webhooks and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.provider_event import ProviderEvent, Status
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import Handler, ReadModel, Statement, insert, update


def _became(recorded: Recorded, status: Status, **columns: Any) -> list[Statement]:
    """What explained the status before is outdated with it."""
    said = {"waiting_for": None, "problem": None, **columns}
    at = recorded.event.timestamp
    return update("provider_events", "provider_event_id", recorded, status=status.value, changed_at=at, **said)


def _received(recorded: Recorded) -> Iterable[Statement]:
    received: ProviderEvent.Received = recorded.event
    yield insert(
        "provider_events",
        provider_event_id=recorded.stream_id,
        position=recorded.position,
        provider=received.provider,
        event=received.event,
        type=received.type,
        occurred_at=received.occurred_at,
        received_at=received.timestamp,
        status=Status.RECEIVED.value,
        changed_at=received.timestamp,
    )


def _processed(recorded: Recorded) -> Iterable[Statement]:
    processed: ProviderEvent.Processed = recorded.event
    return _became(
        recorded, Status.PROCESSED, consequences=list(processed.consequences), remarks=list(processed.remarks)
    )


class ProviderEvents(ReadModel):
    name = "provider_events"
    tables = ("provider_events",)
    ddl = """
        create table provider_events (
            provider_event_id uuid primary key,
            position          bigint      not null,
            provider          text        not null,
            event             text        not null,
            type              text        not null,
            occurred_at       timestamptz not null,
            received_at       timestamptz not null,
            status            text        not null,
            changed_at        timestamptz not null,
            waiting_for       text,
            problem           text,                 -- why it was ignored, or the kind of the fault it failed with
            consequences      uuid[],
            remarks           text[]
        );
        create index provider_events_in_order on provider_events (position);
        create index provider_events_open on provider_events (changed_at, position)
            where status in ('received', 'deferred', 'failed');
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        ProviderEvent.Received: _received,
        ProviderEvent.Processed: _processed,
        ProviderEvent.Deferred: lambda r: _became(r, Status.DEFERRED, waiting_for=r.event.waiting_for),
        ProviderEvent.Ignored: lambda r: _became(r, Status.IGNORED, problem=r.event.reason),
        ProviderEvent.Failed: lambda r: _became(r, Status.FAILED, problem=r.event.error),
        ProviderEvent.Retried: lambda r: _became(r, Status.RECEIVED),
    }


_LIST = "select * from provider_events"


def list_provider_events(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    provider_event_id: UUID | None = None,
    status: str | None = None,
    type: str | None = None,
) -> list[Row]:
    """Webhooks of all organizations, newest first, from below the position `after`: for the vendor only."""
    conditions = [
        ("provider_event_id", "provider_event_id = %(provider_event_id)s", provider_event_id),
        ("status", "status = %(status)s", status),
        ("type", "type = %(type)s", type),
        ("after", "position < %(after)s", after),
    ]
    return page(connection, _LIST, conditions, order="position desc", limit=limit)


def get_provider_event(connection: psycopg.Connection[Any], provider_event_id: UUID) -> Row | None:
    found = list_provider_events(connection, provider_event_id=provider_event_id, limit=1)
    return found[0] if found else None


def unprocessed(connection: psycopg.Connection[Any], *, before: datetime, limit: int) -> list[Row]:
    """What was received, deferred or failed, and has not moved since `before`; the longest waiting first."""
    conditions = [
        ("open", "status in ('received', 'deferred', 'failed')", True),
        ("before", "changed_at <= %(before)s", before),
    ]
    return page(connection, _LIST, conditions, order="changed_at, position", limit=limit)
