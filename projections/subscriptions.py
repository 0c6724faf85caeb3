"""Subscriptions as the provider last reported them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.subscription import Purchase, Subscription, Terms
from projections.listing import Row, page, select
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _changed(recorded: Recorded, **columns: Any) -> list[Statement]:
    return update("subscriptions", "subscription_id", recorded, **columns)


def _purchase(purchase: Purchase) -> dict[str, Any]:
    return {"plan": purchase.plan, "plan_version": purchase.plan_version, "price": purchase.price}


def _terms(terms: Terms) -> dict[str, Any]:
    return {
        "status": terms.status.value,
        "quantity": terms.quantity,
        "period_start": terms.period_start,
        "period_end": terms.period_end,
        "trial_end": terms.trial_end,
        "cancel_at": terms.cancel_at,
        "ended_at": terms.ended_at,
    }


def _started(recorded: Recorded) -> Iterable[Statement]:
    started: Subscription.Started = recorded.event
    yield insert(
        "subscriptions",
        subscription_id=recorded.stream_id,
        position=recorded.position,
        organization_id=started.organization_id,
        provider=started.provider,
        provider_id=started.provider_id,
        started_at=started.timestamp,
        **_purchase(started.purchase),
        **_terms(started.terms),
    )


def _period(recorded: Recorded) -> Iterable[Statement]:
    return _changed(recorded, period_start=recorded.event.period_start, period_end=recorded.event.period_end)


def _status(recorded: Recorded) -> Iterable[Statement]:
    return _changed(recorded, status=recorded.event.status.value, ended_at=recorded.event.ended_at)


class Subscriptions(ReadModel):
    name = "subscriptions"
    tables = ("subscriptions",)
    tenants_see: ClassVar[Mapping[str, str]] = {"subscriptions": OWN}
    ddl = """
        create table subscriptions (
            subscription_id uuid primary key,
            position        bigint      not null,
            organization_id uuid        not null,
            provider        text        not null,
            provider_id     text        not null,
            plan            text        not null,
            plan_version    integer     not null,
            price           text        not null,
            quantity        bigint      not null,
            status          text        not null,
            period_start    timestamptz not null,
            period_end      timestamptz not null,
            trial_end       timestamptz,
            cancel_at       timestamptz,
            ended_at        timestamptz,
            started_at      timestamptz not null
        );
        create index subscriptions_in_order on subscriptions (position);
        create index subscriptions_of_organization on subscriptions (organization_id, position);
        create index subscriptions_of_provider on subscriptions (provider_id);
        create index subscriptions_by_renewal on subscriptions (period_end);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Subscription.Started: _started,
        Subscription.PlanChanged: lambda r: _changed(r, **_purchase(r.event.purchase)),
        Subscription.QuantityChanged: lambda r: _changed(r, quantity=r.event.quantity),
        Subscription.PeriodBegan: _period,
        Subscription.TrialSet: lambda r: _changed(r, trial_end=r.event.trial_end),
        Subscription.CancellationSet: lambda r: _changed(r, cancel_at=r.event.cancel_at),
        Subscription.StatusChanged: _status,
        Subscription.Transferred: lambda r: _changed(r, organization_id=r.event.organization_id),
    }


_LIST = """
    select s.*, s.quantity * coalesce(v.seats_per_unit, 1) as seats
    from subscriptions s left join plan_versions v on v.plan = s.plan and v.version = s.plan_version"""


def list_subscriptions(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    organization_id: UUID | None = None,
    subscription_id: UUID | None = None,
    status: str | None = None,
    provider_id: str | None = None,
) -> list[Row]:
    """Subscriptions, newest first, from below the position `after`; `seats` are those that are paid for."""
    conditions = [
        ("organization_id", "s.organization_id = %(organization_id)s", organization_id),
        ("subscription_id", "s.subscription_id = %(subscription_id)s", subscription_id),
        ("status", "s.status = %(status)s", status),
        ("provider_id", "s.provider_id = %(provider_id)s", provider_id),
        ("after", "s.position < %(after)s", after),
    ]
    return page(connection, _LIST, conditions, order="s.position desc", limit=limit)


def running(connection: psycopg.Connection[Any], organization_id: UUID) -> list[UUID]:
    """An organization's subscriptions that will be charged again unless somebody ends them."""
    found = select(
        connection,
        "select subscription_id from subscriptions where organization_id = %(organization_id)s"
        " and status <> 'canceled' and cancel_at is null order by position",
        {"organization_id": organization_id},
    )
    return [row["subscription_id"] for row in found]


def get_subscription(
    connection: psycopg.Connection[Any], subscription_id: UUID, *, organization_id: UUID | None = None
) -> Row | None:
    """One subscription of the list; None when there is none, or it is another organization's."""
    found = list_subscriptions(connection, subscription_id=subscription_id, organization_id=organization_id, limit=1)
    return found[0] if found else None
