"""The index by which an auditor finds events, of every kind, in log order; what they say is read from the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from projections.listing import Row, page, select
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel

# An event belongs to the organization that it names, else to the one that its stream belonged to before it. A stream
# of an organization belongs to it.
_INDEX = """
    with named as (
        select notification_id as position, split_part(topic, '.', 1) as stream, originator_id as stream_id,
            originator_version as version, topic as type, actor, cause,
            (state->>'timestamp')::timestamptz as occurred_at,
            case when topic like 'organization.%%' then originator_id
                else (state->>'organization_id')::uuid end as named
        from stored_events where notification_id between %s and %s
    ),
    latest as (
        select *, max(version) filter (where named is not null)
            over (partition by stream_id order by version) as named_in
        from named
    )
    insert into audit_index (position, stream, stream_id, version, type, organization_id, occurred_at, actor, cause)
    select e.position, e.stream, e.stream_id, e.version, e.type,
        coalesce(e.named, here.named, before.organization_id), e.occurred_at, e.actor, e.cause
    from latest e
        left join named here on here.stream_id = e.stream_id and here.version = e.named_in
        left join lateral (
            select a.organization_id from stored_events s join audit_index a on a.position = s.notification_id
            where e.named_in is null and s.originator_id = e.stream_id
                and s.originator_version < e.version and s.notification_id < %s
            order by s.originator_version desc limit 1
        ) before on true
    order by e.position"""


class AuditIndex(ReadModel):
    """One row an event, made inside Postgres a batch at a time and without decoding: an event that no read model
    understands is just what an auditor has to see."""

    name = "audit"
    tables = ("audit_index",)
    tenants_see: ClassVar[Mapping[str, str]] = {"audit_index": OWN}
    ddl = """
        create table audit_index (
            position        bigint primary key,
            stream          text        not null,   -- the kind of aggregate
            stream_id       uuid        not null,
            version         bigint      not null,
            type            text        not null,
            organization_id uuid,                   -- null: nobody's, e.g. a plan or a webhook
            occurred_at     timestamptz not null,
            actor           text        not null,
            cause           text        not null
        );
        create index audit_index_of_organization on audit_index (organization_id, position);
        create index audit_index_of_type on audit_index (type, position);
        create index audit_index_by_time on audit_index using brin (occurred_at) with (pages_per_range = 16);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.topics = None

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        first, last = batch[0].position, batch[-1].position
        connection.execute(_INDEX, (first, last, first))


def list_events(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    stream: str | None = None,
    stream_id: UUID | None = None,
    type: str | None = None,
    organization_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """Events in log order, from above the position `after`, from `since` to before `until`; `state` is what is stored
    of the event, as a dict. `stream` is a kind such as `license`, `type` a topic such as `license.issued`."""
    conditions = [
        ("stream", "a.stream = %(stream)s", stream),
        ("stream_id", "a.position in (select stream_positions(%(stream_id)s))", stream_id),
        ("type", "a.type = %(type)s", type),
        ("organization_id", "a.organization_id = %(organization_id)s", organization_id),
        ("since", "a.occurred_at >= %(since)s", since),
        ("until", "a.occurred_at < %(until)s", until),
        ("after", "a.position > %(after)s", after),
    ]
    found = page(connection, "select a.* from audit_index a", conditions, order="a.position", limit=limit)
    positions = {"positions": [row["position"] for row in found]}
    stored = select(connection, "select at, said from audited_states(%(positions)s)", positions)
    said = {row["at"]: row["said"] for row in stored}
    return [{**row, "state": said[row["position"]]} for row in found]
