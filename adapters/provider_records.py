"""What providers sent, outside the log: raw bodies, and who waits for what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row

_FINISHED = "e.topic in ('provider_event.processed', 'provider_event.ignored')"


class Webhook(NamedTuple):
    """`body` is None once it was purged; one that `is_finished` was processed or ignored."""

    provider: str
    body: bytes | None
    is_finished: bool


class ProviderRecords:
    """Statements to save together with events, and questions about what was saved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def keep_body(provider_event_id: UUID, body: bytes, received_at: datetime) -> Row:
        return (
            "insert into provider_payloads (provider_event_id, body, received_at) values (%s, %s, %s)",
            (provider_event_id, body, received_at),
        )

    def webhook(self, provider_event_id: UUID) -> Webhook | None:
        """What was received under this id; None when nothing was."""
        found = self._database.fetch_one(
            "select e.state->>'provider' as provider, p.body, exists (select from stored_events e"
            f" where e.originator_id = %(id)s and {_FINISHED}) as is_finished"
            " from stored_events e left join provider_payloads p on p.provider_event_id = e.originator_id"
            " where e.originator_id = %(id)s and e.originator_version = 1 and e.topic = 'provider_event.received'",
            {"id": provider_event_id},
        )
        return Webhook(**found) if found else None

    @staticmethod
    def wait(provider: str, waiting_for: str, provider_event_id: UUID) -> Row:
        return (
            "insert into provider_waiting (provider, waiting_for, provider_event_id) values (%s, %s, %s)"
            " on conflict do nothing",
            (provider, waiting_for, provider_event_id),
        )

    @staticmethod
    def stop_waiting(provider_event_id: UUID) -> Row:
        return "delete from provider_waiting where provider_event_id = %s", (provider_event_id,)

    def waiting_for(self, provider: str, arrived: Sequence[str]) -> list[UUID]:
        """The deferred events that wait for one of these objects."""
        if not arrived:
            return []
        found = self._database.fetch_all(
            "select distinct provider_event_id from provider_waiting where provider = %s and waiting_for = any(%s)",
            (provider, list(arrived)),
        )
        return [row["provider_event_id"] for row in found]

    def known(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these events that were received."""
        found = self._database.fetch_all(
            "select originator_id from stored_events where originator_id = any(%s) and originator_version = 1",
            (list(ids),),
        )
        return {row["originator_id"] for row in found}

    def unprocessed(
        self, *, received_before: datetime, limit: int, received_after: datetime | None = None
    ) -> list[UUID]:
        """Events that were received and that no worker has finished, from the log itself, oldest first. Without
        `received_after` every webhook that was ever kept is looked at."""
        found = self._database.fetch_all(
            "select provider_event_id from provider_payloads p where received_at < %s and received_at >= %s"
            f" and not exists (select from stored_events e where e.originator_id = p.provider_event_id and {_FINISHED})"
            " order by received_at limit %s",
            (received_before, received_after or datetime.min.replace(tzinfo=UTC), limit),
        )
        return [row["provider_event_id"] for row in found]
