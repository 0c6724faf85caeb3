"""What outsiders may be told of a stretch of the log: the facts that filters choose, under their public names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.public_events import GATHERED, PUBLIC, chooses, names_of
from projections.log import Decode, Recorded, StoredRow

TOLD = {kind.topic(): told for kind, told in PUBLIC.items()}
"""Stored kind of event → the names that it may be told by."""


class PublicFact(NamedTuple):
    """A fact under one of its public names, and the organization that it belongs to (None: the vendor's alone)."""

    recorded: Recorded
    name: str
    organization_id: UUID | None


_OWNERS = """
    select asked.position, (
        select (s.state->>'organization_id')::uuid from stored_events s
        where s.originator_id = asked.stream and s.originator_version <= asked.version
            and s.state->>'organization_id' is not null
        order by s.originator_version desc limit 1)
    from unnest(%s::bigint[], %s::uuid[], %s::bigint[]) as asked (position, stream, version)"""


_EVENTS = """
    select notification_id, originator_id, originator_version, topic, state::text, actor, cause from stored_events
    where notification_id > %s and notification_id <= %s and topic = any(%s) order by notification_id limit %s"""


def read_some(
    connection: psycopg.Connection[Any], decode: Decode, after: int, until: int, topics: Sequence[str], limit: int
) -> list[Recorded]:
    """The first events of these kinds after a position and up to another, in log order."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_EVENTS, (after, until, list(topics), limit)).fetchall()
    return [
        Recorded(position, StoredRow(stream, version, topic, state.encode()), actor, cause, decode)
        for position, stream, version, topic, state, actor, cause in found
    ]


def public_facts(
    connection: psycopg.Connection[Any], batch: Sequence[Recorded], filters: Sequence[str]
) -> list[PublicFact]:
    """What of a batch the filters choose, under each of its names. A name that gathers (`subscription.changed`) is told
    once for all that one report has changed."""
    named: dict[tuple[Any, ...], tuple[Recorded, str]] = {}
    for recorded in batch:
        if not any(chooses(filters, each.name) for each in TOLD[recorded.topic]):
            continue  # without decoding it
        for name in names_of(recorded.event):
            if chooses(filters, name):
                told_once = recorded.event.timestamp if name in GATHERED else recorded.position
                named[recorded.stream_id, name, told_once] = (recorded, name)
    owners = _owners(connection, [recorded for recorded, _ in named.values()])
    told = (PublicFact(recorded, name, owners[recorded.position]) for recorded, name in named.values())
    return sorted(told, key=lambda fact: fact.recorded.position)


def _owners(connection: psycopg.Connection[Any], facts: Sequence[Recorded]) -> dict[int, UUID | None]:
    """Position → the organization that the event names, else the one that its stream belonged to before it."""
    owners: dict[int, UUID | None] = {}
    for each in facts:
        if each.topic.startswith("organization."):
            owners[each.position] = each.stream_id
        elif hasattr(each.event, "organization_id"):
            owners[each.position] = each.event.organization_id
    asked = [each for each in facts if each.position not in owners]
    if asked:
        columns = zip(*((r.position, r.stream_id, r.stored.originator_version) for r in asked), strict=True)
        with connection.cursor(row_factory=tuple_row) as cursor:
            owners.update(cursor.execute(_OWNERS, [list(column) for column in columns]).fetchall())
    return owners
