"""Deletes and blanks rows as the inventory of data says: by age (retention) and by whom they are about (erasure).

Always a bounded batch in a short transaction of its own, so that neither the log nor a hot table is ever kept waiting,
and a process that is killed has lost nothing: what is left is found again. The one place that deletes from tables
of others: they say in `adapters/data_inventory` what may go when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from adapters.data_inventory import INVENTORY, Erasing, Table
from adapters.data_inventory.table import NEVER
from adapters.database import Database, Row

BATCH = 1_000
"""Rows in one transaction."""


class Whose(NamedTuple):
    """Whose traces are looked for: a person (with its address in lower case), an organization (with its names
    at payment providers), or one and the other."""

    person: UUID | None = None
    address: str | None = None
    organization: UUID | None = None
    customers: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, Any]:
        return {**self._asdict(), "customers": list(self.customers)}


class DataSweep:
    """`tables` is the whole inventory, in the order of which erasure goes through them."""

    tables = INVENTORY

    def __init__(self, database: Database) -> None:
        self._database = database

    # retention

    def expire(self, table: Table, now: datetime, period: timedelta) -> int:
        """Deletes or blanks a batch of what is older than `period`; answers how many rows. What belongs to an
        organization under legal hold stays."""
        try:
            return self._database.execute(_change(table, _expired(table), blank=_is_blanked(table)), _age(now, period))
        except psycopg.errors.UndefinedTable:  # a read model that nobody has made yet
            return 0

    def count_expired(self, table: Table, now: datetime, period: timedelta, most: int) -> int:
        """How many rows `expire` would take by and by; counts no further than `most`."""
        found = self._database.fetch_one(
            f"select count(*) as n from (select from {table.name} where {_expired(table)} limit %(most)s) t",
            {**_age(now, period), "most": most},
        )
        return int(found["n"]) if found else 0

    # erasure

    def erase(self, table: Table, whose: Whose, noted: Callable[[str, int], Row]) -> int:
        """Deletes or blanks a batch of rows about somebody; `noted` counts them in the same transaction."""
        condition, blank = _about(table, whose), table.erasing is Erasing.BLANK
        if table.erasing is Erasing.KEEP or condition == NEVER:
            return 0
        if blank:
            condition = f"({condition}) and ({_filled(table)})"
        with self._database.transaction() as connection:
            count = connection.execute(_change(table, condition, blank=blank), whose.params).rowcount
            if count:
                connection.execute(*noted(table.name, count))
        return count

    def customers_of(self, organization_id: UUID) -> list[str]:
        """Its names at payment providers, as the log has them."""
        found = self._database.fetch_all(
            "select distinct s.state ->> 'customer' as customer from audit_index a"
            " join stored_events s on s.originator_id = a.stream_id and s.topic = 'billing_account.opened'"
            " where a.organization_id = %s and a.stream = 'billing_account'",
            (organization_id,),
        )
        return [row["customer"] for row in found]

    def count_about(self, table: Table, whose: Whose, most: int = 1_000_000) -> int:
        """Rows about somebody."""
        found = self._database.fetch_one(
            f"select count(*) as n from (select from {table.name} where {_about(table, whose)} limit %(most)s) t",
            {**whose.params, "most": most},
        )
        return int(found["n"]) if found else 0

    # what was done

    def note_run(self, rule: str, *, now: datetime, deleted: int, seconds: float, is_behind: bool) -> None:
        self._database.execute(
            "insert into retention_runs as r (rule, ran_at, deleted, total, seconds, is_behind)"
            " values (%(rule)s, %(now)s, %(deleted)s, %(deleted)s, %(seconds)s, %(is_behind)s)"
            " on conflict (rule) do update set ran_at = excluded.ran_at, deleted = excluded.deleted,"
            " total = r.total + excluded.deleted, seconds = excluded.seconds, is_behind = excluded.is_behind",
            {"rule": rule, "now": now, "deleted": deleted, "seconds": seconds, "is_behind": is_behind},
        )

    def runs(self) -> dict[str, dict[str, Any]]:
        """What each rule has done, by its name."""
        return {row["rule"]: dict(row) for row in self._database.fetch_all("select * from retention_runs")}

    def held(self) -> list[dict[str, Any]]:
        """The organizations under legal hold, the longest first."""
        rows = self._database.fetch_all("select organization_id, placed_at from legal_holds order by placed_at")
        return [dict(row) for row in rows]


def about(condition: str, names: Mapping[str, str] | None = None) -> str:
    """A condition of the inventory as SQL: its words as parameters, or as what `names` says."""
    for word in ("organization", "customers", "person", "address"):
        condition = condition.replace(f":{word}", (names or {}).get(word, _PARAMS[word]))
    return condition


_PARAMS = {
    "person": "%(person)s::uuid",
    "address": "%(address)s::text",
    "organization": "%(organization)s::uuid",
    "customers": "%(customers)s::text[]",
}
_HOLDS = "(select organization_id as held_organization, customers as held_customers from legal_holds)"
"""A condition's own column `organization_id` is not to mean the hold's."""
_OF_HOLD = {"organization": "h.held_organization", "customers": "h.held_customers"}


def _about(table: Table, whose: Whose) -> str:
    conditions = [
        about(condition)
        for condition, is_asked in ((table.of_person, whose.person), (table.of_organization, whose.organization))
        if is_asked and condition != NEVER
    ]
    return " or ".join(f"({each})" for each in conditions) or NEVER


def _expired(table: Table) -> str:
    assert table.kept is not None
    conditions = [f"{table.kept.since} <= %(before)s", f"not ({table.kept.unless})"]
    if table.kept.blank:
        conditions.append(f"({_filled(table)})")
    if held := _held(table):
        conditions.append(f"not exists (select from {_HOLDS} h where {held})")
    return " and ".join(conditions)


def _held(table: Table) -> str:
    """When a row belongs to the organization of the hold `h`, or is about one of its members."""
    if table.of_organization != NEVER:
        return about(table.of_organization, _OF_HOLD)
    if "user_id" in table.columns:
        return "user_id in (select m.user_id from memberships m where m.organization_id = h.held_organization)"
    return ""


def _is_blanked(table: Table) -> bool:
    return table.kept is not None and table.kept.blank


def _filled(table: Table) -> str:
    return " or ".join(f"{column} is not null" for column in table.personal)


def _change(table: Table, condition: str, *, blank: bool) -> str:
    some = f"ctid = any(array(select ctid from {table.name} where {condition} limit {BATCH}))"
    if blank:
        return f"update {table.name} set {', '.join(f'{column} = null' for column in table.personal)} where {some}"
    return f"delete from {table.name} where {some}"


def _age(now: datetime, period: timedelta) -> dict[str, datetime]:
    return {"before": now - period}
