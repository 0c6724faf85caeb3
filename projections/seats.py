"""Who sits where: every session of every licence, and how many seats of a licence are taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.seat import Seat
from projections.listing import Row, page, select
from projections.log import Recorded
from projections.read_model import OF_OWN_LICENSES, Handler, ReadModel, Statement

_OPENED = """
    insert into seat_sessions (session_id, position, license_id, organization_id, seat, fingerprint_digest, opened_at,
                               overage, borrowed_until)
    select * from unnest(
        %b::uuid[], %b::bigint[], %b::uuid[], %b::uuid[], %b::integer[], %b::text[], %b::timestamptz[],
        %b::boolean[], %b::timestamptz[])"""
_CLOSED = """
    update seat_sessions set closed_at = closed.at, reason = closed.reason
    from unnest(%b::uuid[], %b::timestamptz[], %b::text[]) as closed (session_id, at, reason)
    where seat_sessions.session_id = closed.session_id"""
_TAKEN = """
    insert into seats_taken (license_id, taken)
    select license_id, sum(seats) from unnest(%b::uuid[], %b::integer[]) as change (license_id, seats)
    group by license_id
    on conflict (license_id) do update set taken = seats_taken.taken + excluded.taken"""


def _opened(recorded: Recorded) -> Iterable[Statement]:
    opened: Seat.SessionOpened = recorded.event
    yield (
        _OPENED,
        (
            opened.session_id,
            recorded.position,
            opened.license_id,
            opened.organization_id,
            opened.seat,
            opened.fingerprint_digest,
            opened.timestamp,
            opened.overage,
            opened.borrowed_until,
        ),
    )
    yield _TAKEN, (opened.license_id, 1)


def _closed(recorded: Recorded) -> Iterable[Statement]:
    closed: Seat.SessionClosed = recorded.event
    yield _CLOSED, (closed.session_id, closed.timestamp, closed.reason.value)
    yield _TAKEN, (closed.license_id, -1)


class Seats(ReadModel):
    """A session opens once and closes once, so a batch may write all its openings before all its closings."""

    name = "seats"
    version = 2
    tables = ("seat_sessions", "seats_taken")
    tenants_see: ClassVar[Mapping[str, str]] = {"seat_sessions": OF_OWN_LICENSES, "seats_taken": OF_OWN_LICENSES}
    ddl = """
        create table seat_sessions (
            session_id         uuid primary key,
            position           bigint      not null,
            license_id         uuid        not null,
            organization_id    uuid        not null,
            seat               integer     not null,
            fingerprint_digest text        not null,
            opened_at          timestamptz not null,
            overage            boolean     not null,
            borrowed_until     timestamptz,
            closed_at          timestamptz,
            reason             text
        );
        create index seat_sessions_of_license on seat_sessions (license_id, position);
        create index seat_sessions_open on seat_sessions (license_id, position) where closed_at is null;
        create table seats_taken (
            license_id uuid primary key,
            taken      integer not null
        ) with (fillfactor = 50);
    """
    gathered = (_OPENED, _CLOSED, _TAKEN)
    handlers: ClassVar[dict[type[Any], Handler]] = {Seat.SessionOpened: _opened, Seat.SessionClosed: _closed}


_LIST = """
    select s.*, c.hostname, c.user_name, c.platform, c.app_version, c.address, c.user_agent
    from seat_sessions s left join session_callers c using (session_id)"""
_STATES = {"open": "s.closed_at is null", "closed": "s.closed_at is not null"}


def list_sessions(
    connection: psycopg.Connection[Any],
    license_id: UUID,
    *,
    limit: int,
    after: int | None = None,
    state: str | None = None,
    organization_id: UUID | None = None,
) -> list[Row]:
    """A licence's sessions, newest first, from below the position `after`; `state` is `open`, `closed` or None.

    With what is still kept of who opened them. With `organization_id`, none unless the licence is that one's now,
    whoever had it when they were opened.
    """
    conditions = [
        ("license_id", "s.license_id = %(license_id)s", license_id),
        ("state", _STATES[state] if state else "", state),
        (
            "organization_id",
            "exists (select from licenses where license_id = %(license_id)s and organization_id = %(organization_id)s)",
            organization_id,
        ),
        ("after", "s.position < %(after)s", after),
    ]
    return page(connection, _LIST, conditions, order="s.position desc", limit=limit)


_USED = """
    select (select coalesce(sum(taken), 0) from seats_taken where license_id = %(license_id)s) + (
        select coalesce(sum(case topic when 'seat.session_opened' then 1 else -1 end), 0) from stored_events
        where notification_id > (select position from follower_positions where name = 'seats')
            and topic in ('seat.session_opened', 'seat.session_closed')
            and state->>'license_id' = %(license_id)s::text
    ) as used"""


def seats_used(connection: psycopg.Connection[Any], license_id: UUID) -> int:
    """How many sit on a licence at this moment: the read model, and what it has not read of the log yet."""
    (found,) = select(connection, _USED, {"license_id": license_id})
    return int(found["used"])


def occupied(connection: psycopg.Connection[Any]) -> list[UUID]:
    """The licences that somebody sits on."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [license_id for (license_id,) in cursor.execute("select license_id from seats_taken where taken > 0")]
