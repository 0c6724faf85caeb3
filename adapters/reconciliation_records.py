"""How far reconciliation has come, and what it found."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.database import Database
from domain.drift import Drift, Outcome, Place, Run, What

_CLAIM = "10 minutes"
"""After which a run that says nothing is not waited for."""
_KEPT_WITH_DRIFT = timedelta(days=90)
_KEPT = timedelta(days=7)


class ReconciliationRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, provider: str, run_id: UUID) -> bool:
        """Whether the run may begin: one at a time."""
        sql = f"""
            insert into reconciliation_places as p (provider, claimed_by, claimed_until)
            values (%(provider)s, %(run_id)s, now() + interval '{_CLAIM}')
            on conflict (provider) do update
            set claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
            where p.claimed_by is null or p.claimed_until < now()
            returning 1 as got"""
        return self._database.fetch_one(sql, {"provider": provider, "run_id": run_id}) is not None

    def let_go(self, provider: str, run_id: UUID) -> None:
        self._database.execute(
            "update reconciliation_places set claimed_by = null where provider = %s and claimed_by = %s",
            (provider, run_id),
        )

    def place(self, provider: str) -> Place:
        names = ", ".join(each.name for each in fields(Place))
        found = self._database.fetch_one(f"select {names} from reconciliation_places where provider = %s", (provider,))
        return Place(**(found or {}))

    def put(self, provider: str, run_id: UUID, place: Place) -> None:
        """Keeps the place, and the claim. A run whose claim another one has taken over changes nothing."""
        columns = asdict(place)
        changes = "".join(f", {name} = %({name})s" for name in columns)
        self._database.execute(
            f"update reconciliation_places set claimed_until = now() + interval '{_CLAIM}'{changes}"
            " where provider = %(provider)s and claimed_by = %(run_id)s",
            {**columns, "provider": provider, "run_id": run_id},
        )

    def keep(self, run: Run) -> None:
        columns = {**vars(run), "run_id": run.id, "found": len(run.drift), "repaired": run.repaired}
        columns = {name: value for name, value in columns.items() if name not in ("id", "drift")}
        drift = [
            {**vars(each), "fields": list(each.fields), "run_id": run.id, "number": number}
            for number, each in enumerate(run.drift, 1)
        ]
        with self._database.connection() as connection, connection.transaction():
            connection.execute(*_insert("reconciliation_runs", columns))
            for row in drift:
                connection.execute(*_insert("reconciliation_drift", row))

    def last_run_at(self, provider: str) -> datetime | None:
        found = self._database.fetch_one(
            "select max(started_at) as at from reconciliation_runs where provider = %s and not dry_run", (provider,)
        )
        return found["at"] if found else None

    def runs(self, *, limit: int, after: tuple[datetime, UUID] | None = None, drift_only: bool = False) -> list[Run]:
        """The newest first, from before `after`."""
        conditions = ["found > 0"] * drift_only + ["(started_at, run_id) < (%(at)s, %(id)s)"] * (after is not None)
        where = f"where {' and '.join(conditions)}" if conditions else ""
        at, id = after or (None, None)
        rows = self._database.fetch_all(
            f"select * from reconciliation_runs {where} order by started_at desc, run_id desc limit %(limit)s",
            {"at": at, "id": id, "limit": limit},
        )
        drift = self._drift([row["run_id"] for row in rows])
        return [_run(row, drift) for row in rows]

    def _drift(self, runs: list[UUID]) -> dict[UUID, list[Drift]]:
        found: dict[UUID, list[Drift]] = {id: [] for id in runs}
        sql = "select * from reconciliation_drift where run_id = any(%s) order by run_id, number"
        for row in self._database.fetch_all(sql, (runs,)):
            found[row["run_id"]].append(_drift(row))
        return found

    def figures(self, provider: str) -> dict[str, Any]:
        """For `/metrics`: what the runs of the last day found and repaired, and when a whole pass last ended."""
        sql = """
            select coalesce(sum(found), 0)::bigint as found, coalesce(sum(repaired), 0)::bigint as repaired,
                max(started_at) filter (where outcome = 'complete') as complete_at
            from reconciliation_runs
            where provider = %(provider)s and not dry_run
                and started_at > (select max(started_at) from reconciliation_runs) - interval '1 day'"""
        return self._database.fetch_one(sql, {"provider": provider}) or {}

    def purge(self, now: datetime) -> None:
        self._database.execute(
            "delete from reconciliation_runs where started_at < %s or (found = 0 and started_at < %s)",
            (now - _KEPT_WITH_DRIFT, now - _KEPT),
        )


def _insert(table: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    values = ", ".join(f"%({name})s" for name in row)
    return f"insert into {table} ({', '.join(row)}) values ({values})", row


def _run(row: dict[str, Any], drift: dict[UUID, list[Drift]]) -> Run:
    names = ("provider", "dry_run", "started_at", "ended_at", "calls", "events", "objects", "problem")
    known = {name: row[name] for name in names}
    return Run(id=row["run_id"], outcome=Outcome(row["outcome"]), drift=tuple(drift[row["run_id"]]), **known)


def _drift(row: dict[str, Any]) -> Drift:
    return Drift(
        row["kind"], row["reference"], What(row["what"]), tuple(row["fields"]), row["repaired"], row["problem"]
    )
