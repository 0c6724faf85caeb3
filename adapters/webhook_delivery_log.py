"""The delivery log as people read it: what was sent to whom, what it came to, and what still waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from adapters.database import Database
from domain.webhook_delivery import DeliveryState
from domain.webhook_endpoint import Replay


class LoggedDelivery(NamedTuple):
    """`status` and `error` are those of the last attempt; `replay_id` None: not part of a replay."""

    delivery_id: UUID
    sequence: int
    endpoint_id: UUID
    organization_id: UUID | None
    event_id: UUID
    type: str
    object_id: UUID
    version: int | None
    position: int | None
    replay_id: UUID | None
    is_test: bool
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None
    status: int | None
    error: str | None


class LoggedAttempt(NamedTuple):
    number: int
    at: datetime
    status: int | None
    error: str | None
    latency_ms: int
    body: bytes | None


_SHOWN = """
    select delivery_id, sequence, endpoint_id, organization_id, event_id, type, object_id, version, position,
        case when kind = 'replay' then feed_id end as replay_id, kind = 'test' as is_test, state, attempts, created_at,
        due_at, finished_at, status, error
    from webhook_deliveries"""


class WebhookDeliveryLog:
    """Reads what `webhook_deliveries.py` and `projections/webhook_feeds.py` write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, delivery_id: UUID) -> LoggedDelivery | None:
        found = self._database.fetch_one(f"{_SHOWN} where delivery_id = %s", (delivery_id,))
        return _logged(found) if found else None

    def list(
        self,
        *,
        organization_id: UUID | None = None,
        endpoint_id: UUID | None = None,
        object_id: UUID | None = None,
        replay_id: UUID | None = None,
        state: str | None = None,
        type: str | None = None,
        after: int | None = None,
        limit: int,
    ) -> list[LoggedDelivery]:
        """Newest first, from below the sequence `after`. Only the conditions that are given, so that each gets its
        index."""
        conditions = {
            "organization_id": organization_id,
            "endpoint_id": endpoint_id,
            "object_id": object_id,
            "feed_id": replay_id,
            "state": state,
            "type": type,
        }
        given = {name: value for name, value in conditions.items() if value is not None}
        tests = [f"{name} = %({name})s" for name in given] + ["sequence < %(after)s"] * (after is not None)
        where = f"where {' and '.join(tests)}" if tests else ""
        sql = f"{_SHOWN} {where} order by sequence desc limit %(limit)s"
        return [_logged(row) for row in self._database.fetch_all(sql, {**given, "after": after, "limit": limit})]

    def attempts(self, delivery_id: UUID) -> Sequence[LoggedAttempt]:
        """In their order."""
        found = self._database.fetch_all(
            "select number, at, status, error, latency_ms, body from webhook_attempts where delivery_id = %s"
            " order by number",
            (delivery_id,),
        )
        return [LoggedAttempt(**row) for row in found]

    def replays(self, endpoint_id: UUID) -> Sequence[Replay]:
        """The last hundred, newest first, as far as the follower has heard of them."""
        found = self._database.fetch_all(
            "select feed_id as id, first_position as from_position, last_position as to_position, types, state,"
            " position, created_at from webhook_feeds"
            " where endpoint_id = %s and is_replay order by created_at desc, feed_id limit 100",
            (endpoint_id,),
        )
        return [Replay(**row) for row in found]

    def running(self, replay_ids: Iterable[UUID]) -> int:
        """How many of these replays are not over; those that the follower has not heard of yet are among them."""
        found = self._database.fetch_one(
            "select count(*) as n from unnest(%s::uuid[]) as asked (feed_id) left join webhook_feeds f using (feed_id)"
            " where coalesce(f.state, 'running') = 'running'",
            (list(replay_ids),),
        )
        return found["n"] if found else 0

    # for /metrics

    def outcomes(self) -> dict[str, int]:
        """How many attempts came to what, since the first."""
        return {row["outcome"]: row["n"] for row in self._database.fetch_all("select * from webhook_outcomes")}

    def oldest_waiting(self) -> datetime | None:
        """Since when the delivery that has waited longest waits."""
        found = self._database.fetch_one(
            "select created_at from webhook_deliveries where state = 'waiting' order by sequence limit 1"
        )
        return found["created_at"] if found else None

    def failing(self) -> int:
        """Endpoints from which nothing but failures came of late."""
        found = self._database.fetch_one(
            "select count(*) as n from webhook_outages join webhook_endpoints using (endpoint_id)"
        )
        return found["n"] if found else 0


def _logged(row: dict[str, Any]) -> LoggedDelivery:
    return LoggedDelivery(**{**row, "state": DeliveryState(row["state"])})
