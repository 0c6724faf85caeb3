"""In which epoch of a licence's seats a pool's word of them counts: the time since the pool last lost the licence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import psycopg

from adapters.database import Database, Row
from domain.seat_pool import EpochOver

_OVER = "23U02"


class SeatEpochs:
    """The only writer of `seat_epochs`. Asks Postgres: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counting(self, license_ids: Iterable[UUID]) -> dict[UUID, str]:
        """Which epoch of each licence counts; of some none has begun."""
        sql = "select license_id, epoch from seat_epochs where license_id = any(%s)"
        return {row["license_id"]: row["epoch"] for row in self._database.fetch_all(sql, (list(license_ids),))}

    def begin(self, epochs: Mapping[UUID, str], seen: Mapping[UUID, str]) -> set[UUID]:
        """Before the log is read for a pool that is in these `epochs`: what an earlier one believed is in the log by
        then, or refused. `seen` counted before the pool was asked; answers the licences of which no other began since.
        """
        names = list(epochs), [seen.get(license_id, "") for license_id in epochs], list(epochs.values())
        sql = "select begin_seat_epochs(%s::uuid[], %s::text[], %s::text[]) as license_id"
        return {row["license_id"] for row in self._database.fetch_all(sql, names)}


def require_epochs(epochs: Iterable[tuple[UUID, str]]) -> Row:
    """For a transaction that rests on what a pool believed; it fails with `EpochOver` when one of these is over."""
    asked: Sequence[tuple[UUID, str]] = sorted(set(epochs))
    return "select require_seat_epochs(%s::uuid[], %s::text[])", ([id for id, _ in asked], [name for _, name in asked])


def epoch_over(error: Exception) -> EpochOver | None:
    """What a failed transaction says, if it failed because a pool has lost a licence since."""
    return EpochOver() if isinstance(error, psycopg.Error) and error.sqlstate == _OVER else None
