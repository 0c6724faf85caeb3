"""What organizations use above limits that bill, period by period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.overage import SETTLED_AFTER, Measured, Overage, OverageTerms
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _terms(terms: OverageTerms) -> dict[str, Any]:
    return {
        "product": terms.product,
        "plan": terms.plan,
        "subscription_id": terms.subscription_id,
        "included": terms.included,
        "unit_price": terms.unit_price,
        "currency": terms.currency,
    }


def _begun(recorded: Recorded) -> Iterable[Statement]:
    begun: Overage.Begun = recorded.event
    yield insert(
        "overages",
        overage_id=recorded.stream_id,
        position=recorded.position,
        organization_id=begun.organization_id,
        meter=begun.meter,
        per=begun.per.value,
        period_start=begun.period_start,
        period_end=begun.period_end,
        closes_at=begun.closes_at,
        due_at=begun.period_end + SETTLED_AFTER,
        status="running",
        **_terms(begun.terms),
    )


def _settled(recorded: Recorded) -> Iterable[Statement]:
    yield _measured(recorded, "settled", "closes_at")


def _closed(recorded: Recorded) -> Iterable[Statement]:
    yield _measured(recorded, "closed", "null")


def _measured(recorded: Recorded, status: str, due_at: str) -> Statement:
    """What was asked for adds up over the lines of a period."""
    fact: Measured = recorded.event
    return (
        "update overages set used = %(used)s, included = %(included)s, overage = %(overage)s,"
        f" amount = coalesce(amount, 0) + %(amount)s, status = %(status)s, due_at = {due_at}"
        " where overage_id = %(id)s",
        {
            "used": fact.used,
            "included": fact.included,
            "overage": fact.overage,
            "amount": fact.amount,
            "status": status,
            "id": recorded.stream_id,
        },
    )


class Overages(ReadModel):
    """One row for each limit of an organization and period in which more was used than is included. `amount` is null
    until the period is settled."""

    name = "overages"
    tables = ("overages",)
    tenants_see: ClassVar[Mapping[str, str]] = {"overages": OWN}
    ddl = """
        create table overages (
            overage_id      uuid primary key,
            position        bigint not null,
            organization_id uuid not null,
            subscription_id uuid,
            product         text not null,
            plan            text not null,
            meter           text not null,
            per             text not null,
            period_start    timestamptz not null,
            period_end      timestamptz not null,
            closes_at       timestamptz not null,
            due_at          timestamptz,
            status          text not null,
            included        bigint not null,
            used            numeric,
            overage         numeric,
            unit_price      numeric not null,
            currency        text not null,
            amount          bigint
        );
        create index overages_of_organizations on overages (organization_id, position);
        create index overages_due on overages (due_at) where due_at is not null;
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Overage.Begun: _begun,
        Overage.TermsChanged: lambda r: update("overages", "overage_id", r, **_terms(r.event.terms)),
        Overage.Settled: _settled,
        Overage.Closed: _closed,
    }


def list_overages(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    meter: str | None = None,
    organization_id: UUID | None = None,
) -> list[Row]:
    """Newest first, from below the position `after`; of all organizations when None."""
    conditions = [
        ("meter", "meter = %(meter)s", meter),
        ("organization_id", "organization_id = %(organization_id)s", organization_id),
        ("after", "position < %(after)s", after),
    ]
    return page(connection, "select * from overages", conditions, order="position desc", limit=limit)


def due_overages(connection: psycopg.Connection[Any], *, now: datetime, limit: int) -> list[UUID]:
    """Periods to settle or to close, the longest overdue first."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        sql = "select overage_id from overages where due_at <= %s order by due_at limit %s"
        return [id for (id,) in cursor.execute(sql, (now, limit)).fetchall()]
