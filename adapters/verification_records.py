"""The results of finished verifications: the only writer of `verifications`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from adapters.database import Database


class VerificationRecords:
    """A finding is (kind, text, position, stream id); the last two may be None."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        counts: Mapping[str, Any],
        findings: Sequence[tuple[Any, ...]],
        started_at: datetime,
        finished_at: datetime,
    ) -> None:
        plain = [
            [None if part is None else part if isinstance(part, int) else str(part) for part in f] for f in findings
        ]
        self._database.execute(
            "insert into verifications (started_at, finished_at, ok, counts, findings) values (%s, %s, %s, %s, %s)",
            (started_at, finished_at, counts["ok"], Jsonb(dict(counts)), Jsonb(plain)),
        )

    def last(self) -> DictRow | None:
        """`{"started_at", "finished_at", "counts", "findings"}` of the newest one."""
        return self._database.fetch_one(
            "select started_at, finished_at, counts, findings from verifications order by id desc limit 1"
        )
