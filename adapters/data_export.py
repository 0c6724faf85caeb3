"""Everything that is kept about somebody, read section by section as JSON, and exports that are made in the background.

Which rows and columns is declared in `adapters/data_inventory`. Read past the wall between tenants, by conditions that
all name the one who asks: half of the tables are shown to no tenant otherwise. A request that is confined to an
organization is given that one only.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from adapters.data_inventory import INVENTORY, Kind, Table
from adapters.data_inventory.table import NEVER
from adapters.data_sweep import Whose, about
from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.secrets import Secrets
from adapters.walled import Walled
from domain.sentences import sentence_of

BATCH = 1_000
"""Rows that are in memory at once."""
HISTORY = "history"
_CLAIM = 60
_OF_PERSON = (
    "select notification_id, originator_id, originator_version, topic, state::text as state, actor from stored_events"
    " where originator_id = %(person)s and notification_id > %(after)s order by notification_id limit %(limit)s"
)
_OF_ORGANIZATION = (
    "select s.notification_id, s.originator_id, s.originator_version, s.topic, s.state::text as state, s.actor"
    " from audit_index a join stored_events s on s.notification_id = a.position"
    " where a.organization_id = %(organization)s and a.position > %(after)s order by a.position limit %(limit)s"
)


class Export(NamedTuple):
    """One that is made in the background; `section` of `sections` are done."""

    export_id: UUID
    kind: str
    subject_id: UUID
    state: str
    sections: int
    section: int
    asked_at: datetime
    made_at: datetime | None


_EXPORT = ", ".join(Export._fields)


class DataExport:
    """The only writer of `exports` and `export_parts`."""

    def __init__(self, database: Database, wall: Walled, codec: EventCodec, secrets: Secrets) -> None:
        self._database = database
        self._wall = wall
        self._codec = codec
        self._secrets = secrets

    # reading

    @staticmethod
    def sections(whose: Whose) -> list[str]:
        """What an export of a person, or of an organization, consists of."""
        found = [table.section.name for table in INVENTORY if table.section and _rows_of(table, whose) != NEVER]
        return [*found, HISTORY]

    def count(self, whose: Whose, most: int) -> int:
        """How many rows there are, no further than a little above `most`."""
        self._wall.must_be_within(whose.organization)
        total = 0
        for table in (each for each in INVENTORY if each.section):
            if total > most:
                break
            sql = (
                f"select count(*) as n from (select from {table.name} where {_rows_of(table, whose)} limit %(most)s) t"
            )
            found = self._database.fetch_one(sql, {**whose.params, "most": most + 1})
            total += found["n"] if found else 0
        return total

    def rows(self, section: str, whose: Whose) -> Iterator[list[str]]:
        """The section's rows as JSON texts, in batches."""
        self._wall.must_be_within(whose.organization)
        if section == HISTORY:
            return self._history(whose)
        return self._rows(next(each for each in INVENTORY if each.section and each.section.name == section), whose)

    def _rows(self, table: Table, whose: Whose) -> Iterator[list[str]]:
        assert table.section is not None
        keys = table.section.key.split(", ")
        hidden = [*table.section.hide, *table.holds(Kind.SECRET)]
        names, marks = ", ".join(keys), ", ".join(f"%(k{n})s" for n in range(len(keys)))
        after: dict[str, Any] = {}
        while True:
            beyond = f"and ({names}) > ({marks})" if after else ""
            found = self._database.fetch_all(
                f"select (to_jsonb(t) - %(hidden)s::text[])::text as shown,"
                f" {', '.join(f'{key} as k{n}' for n, key in enumerate(keys))}"
                f" from (select * from {table.name} where {_rows_of(table, whose)}) t where true {beyond}"
                f" order by {names} limit {BATCH}",
                {**whose.params, "hidden": hidden, **after},
            )
            if found:
                yield [row["shown"] for row in found]
            if len(found) < BATCH:
                return
            after = {f"k{n}": found[-1][f"k{n}"] for n in range(len(keys))}

    def _history(self, whose: Whose) -> Iterator[list[str]]:
        sql, after = _OF_PERSON if whose.person else _OF_ORGANIZATION, 0
        while found := self._database.fetch_all(sql, {**whose.params, "after": after, "limit": BATCH}):
            yield [self._told(row) for row in found]
            after = found[-1]["notification_id"]

    def _told(self, row: dict[str, Any]) -> str:
        event: Any = self._codec.to_domain_event(
            StoredEvent(row["originator_id"], row["originator_version"], row["topic"], row["state"].encode())
        )
        told = {
            "position": row["notification_id"],
            "type": row["topic"],
            "stream_id": str(row["originator_id"]),
            "occurred_at": event.timestamp.isoformat(),
            "actor": row["actor"],
            "sentence": sentence_of(event),
        }
        return json.dumps(told, ensure_ascii=False)

    # in the background

    def find(self, export_id: UUID, subject_id: UUID | None = None) -> Export | None:
        self._wall.must_be_within(subject_id)
        found = self._database.fetch_one(
            f"select {_EXPORT} from exports where export_id = %s and subject_id = coalesce(%s, subject_id)",
            (export_id, subject_id),
        )
        return Export(**found) if found else None

    def latest(self, subject_id: UUID, since: datetime) -> Export | None:
        """The newest that was asked for since then and did not fail."""
        found = self._database.fetch_one(
            f"select {_EXPORT} from exports where subject_id = %s and asked_at >= %s and state <> 'failed'"
            " order by asked_at desc limit 1",
            (subject_id, since),
        )
        return Export(**found) if found else None

    def ask(self, export_id: UUID, kind: str, subject_id: UUID, sections: int, now: datetime) -> None:
        self._database.execute(
            "insert into exports (export_id, kind, subject_id, state, sections, asked_at)"
            " values (%s, %s, %s, 'waiting', %s, %s)",
            (export_id, kind, subject_id, sections, now),
        )

    def waiting(self, limit: int) -> list[UUID]:
        """Those that nobody is at."""
        found = self._database.fetch_all(
            "select export_id from exports where state = 'waiting'"
            " and (claimed_until is null or claimed_until < clock_timestamp()) order by asked_at limit %s",
            (limit,),
        )
        return [row["export_id"] for row in found]

    def claim(self, export_id: UUID) -> Export | None:
        """To be made; None when somebody is at it, or it is done. What a dead one left of its section is dropped; after
        five deaths it has failed."""
        found = self._database.fetch_one(
            f"update exports set claimed_until = clock_timestamp() + make_interval(secs => {_CLAIM}),"
            " attempts = attempts + 1, state = case when attempts >= 5 then 'failed' else state end"
            " where export_id = %s and state = 'waiting'"
            f" and (claimed_until is null or claimed_until < clock_timestamp()) returning {_EXPORT}",
            (export_id,),
        )
        if found is None or found["state"] == "failed":
            return None
        export = Export(**found)
        self._database.execute(
            "delete from export_parts where export_id = %s and section >= %s", (export_id, export.section)
        )
        return export

    def add_part(self, export_id: UUID, section: int, number: int, text: str) -> None:
        """Sealed: it is the largest heap of personal data there is."""
        body = self._secrets.seal(zlib.compress(text.encode()), purpose="exports", bound_to=str(export_id))
        with self._database.transaction() as connection:
            connection.execute(
                "insert into export_parts (export_id, section, number, body) values (%s, %s, %s, %s)",
                (export_id, section, number, body),
            )
            connection.execute(
                f"update exports set claimed_until = clock_timestamp() + make_interval(secs => {_CLAIM})"
                " where export_id = %s",
                (export_id,),
            )

    def end_section(self, export_id: UUID, done: int) -> None:
        self._database.execute("update exports set section = %s where export_id = %s", (done, export_id))

    def finish(self, export_id: UUID, now: datetime) -> None:
        self._database.execute(
            "update exports set state = 'made', made_at = %s, claimed_until = null where export_id = %s",
            (now, export_id),
        )

    def parts(self, export_id: UUID) -> Iterator[bytes]:
        """The pieces in their order, one at a time."""
        after = (-1, -1)
        while found := self._database.fetch_one(
            "select section, number, body from export_parts where export_id = %s and (section, number) > (%s, %s)"
            " order by section, number limit 1",
            (export_id, *after),
        ):
            opened = self._secrets.unseal(bytes(found["body"]), purpose="exports", bound_to=str(export_id))
            yield zlib.decompress(opened)
            after = found["section"], found["number"]


def _rows_of(table: Table, whose: Whose) -> str:
    assert table.section is not None
    if whose.person:
        return about(table.section.person or table.of_person)
    return about(table.section.organization or table.of_organization)
