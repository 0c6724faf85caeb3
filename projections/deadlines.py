"""What falls due when: the ends of licences, and of payment standings that change by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.license import License
from domain.license_terms import RENEWAL_LEEWAY
from domain.standing import Standing
from projections.log import Recorded
from projections.read_model import Handler, ReadModel, Statement, insert, update


def _issued(recorded: Recorded) -> Iterable[Statement]:
    issued: License.Issued = recorded.event
    leeway = RENEWAL_LEEWAY if issued.subscription_id else None
    ends_at = issued.expires_at + leeway if issued.expires_at and leeway else issued.expires_at
    yield insert(
        "deadlines",
        license_id=recorded.stream_id,
        position=recorded.position,
        subscription_id=issued.subscription_id,
        ends_at=ends_at,
    )


def _moved(recorded: Recorded) -> Iterable[Statement]:
    """The row knows whether the licence is a subscription's, the event does not."""
    yield (
        "update deadlines set ends_at = %(expires_at)s::timestamptz"
        " + case when subscription_id is null then interval '0' else %(leeway)s end where license_id = %(license_id)s",
        {"expires_at": recorded.event.expires_at, "leeway": RENEWAL_LEEWAY, "license_id": recorded.stream_id},
    )


def _payment(recorded: Recorded) -> Iterable[Statement]:
    payment = recorded.event.payment
    kind = "grace" if payment.standing is Standing.GRACE else "cancellation"
    return update(
        "deadlines",
        "license_id",
        recorded,
        payment_kind=kind if payment.until else None,
        payment_until=payment.until,
    )


def _revoked(recorded: Recorded) -> Iterable[Statement]:
    yield "delete from deadlines where license_id = %s", (recorded.stream_id,)


class Deadlines(ReadModel):
    """One row for each licence that is not revoked."""

    name = "deadlines"
    tables = ("deadlines",)
    ddl = """
        create table deadlines (
            license_id      uuid primary key,
            position        bigint not null,
            subscription_id uuid,
            payment_kind    text,
            payment_until   timestamptz,
            ends_at         timestamptz
        );
        create index deadlines_of_payments on deadlines (payment_until) where payment_until is not null;
        create index deadlines_of_licenses on deadlines (ends_at) where ends_at is not null;
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        License.Issued: _issued,
        License.GraceOpened: _payment,
        License.PaymentSuspended: _payment,
        License.PaymentRecovered: _payment,
        License.Renewed: _moved,
        License.Extended: _moved,
        License.Expired: lambda r: update("deadlines", "license_id", r, ends_at=None),
        License.Revoked: _revoked,
    }


class Deadline(NamedTuple):
    """`kind` is `grace` (payment grace runs out), `cancellation` (the end that the provider stated for a cancelled
    subscription) or `end` (the licence runs out)."""

    license_id: UUID
    subscription_id: UUID | None
    kind: str
    due_at: datetime


_DUE = """
    (select license_id, subscription_id, payment_kind, payment_until as due_at from deadlines
     where payment_until <= %(now)s order by payment_until limit %(limit)s)
    union all
    (select license_id, subscription_id, 'end', ends_at as due_at from deadlines
     where ends_at <= %(now)s order by ends_at limit %(limit)s)
    order by due_at, license_id limit %(limit)s"""


def due(connection: psycopg.Connection[Any], *, now: datetime, limit: int) -> list[Deadline]:
    """What has fallen due by `now` and has had no consequence yet, the longest overdue first.

    A subscription's are for `Billing.settle`, those of other licences (always `end`) for `Licenses.expire`.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_DUE, {"now": now, "limit": limit})
        return [Deadline(*row) for row in cursor.fetchall()]
