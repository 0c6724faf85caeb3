"""Reading the usage log as it is stored: records by their keys, or an account's in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from adapters.database import Database

_STORED = "position, account_id, id, meter, quantity, at, recorded_at, subject, key_id, dimensions"


class UsageRecord(NamedTuple):
    """A record as it is stored. `name` is the subject's, while it is known; `voids` the id of the record that it
    cancels, `voided_by` that of the one that cancels it."""

    position: int
    account_id: UUID
    id: str
    meter: str
    quantity: Decimal
    at: datetime
    recorded_at: datetime
    subject: UUID | None
    key_id: UUID | None
    dimensions: dict[str, str]
    name: str | None
    voids: str | None
    voided_by: str | None


class UsageRecords:
    """Everything here asks Postgres: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def with_key(self, key: UUID) -> UsageRecord | None:
        """The record of an id, unless its partition was taken away."""
        found = self._fetch("r.position = (select position from usage_ids where key = %(key)s)", {"key": key}, limit=1)
        return found[0] if found else None

    def page(
        self,
        accounts: Sequence[UUID],
        *,
        meter: str,
        since: datetime,
        before: datetime,
        subject: UUID | None = None,
        key_id: UUID | None = None,
        after: tuple[datetime, int] | None = None,
        limit: int,
    ) -> list[UsageRecord]:
        """What was recorded of a meter, in order of time, from after (time, position)."""
        conditions = [
            "r.account_id = any(%(accounts)s) and r.meter = %(meter)s and r.at >= %(since)s and r.at < %(before)s"
        ]
        if subject is not None:
            conditions.append("r.subject = %(subject)s")
        if key_id is not None:
            conditions.append("r.key_id = %(key_id)s")
        if after is not None:
            conditions.append("r.at >= %(at)s and (r.at, r.position) > (%(at)s, %(position)s)")
        at, position = after or (None, None)
        given = {"accounts": list(accounts), "meter": meter, "since": since, "before": before, "subject": subject}
        return self._fetch(
            " and ".join(conditions), {**given, "key_id": key_id, "at": at, "position": position}, limit=limit
        )

    def _fetch(self, condition: str, params: dict[str, Any], *, limit: int) -> list[UsageRecord]:
        columns = ", ".join(f"f.{name}" for name in _STORED.split(", "))
        rows = self._database.fetch_all(
            f"with found as (select {_STORED}, voids as void_of from usage_records r where {condition}"
            " order by r.at, r.position limit %(limit)s)"
            f" select {columns}, s.name, t.id as voids, v.id as voided_by from found f"
            " left join usage_subjects s on s.account_id = f.account_id and s.subject = f.subject"
            " left join usage_records t on t.position = f.void_of left join usage_records v on v.voids = f.position"
            " order by f.at, f.position",
            {**params, "limit": limit},
        )
        return [UsageRecord(**{**row, "dimensions": row["dimensions"] or {}}) for row in rows]
