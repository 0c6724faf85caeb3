"""Subscriptions as the provider last reported them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.subscription import Subscription
from domain.subscription_terms import HeldChange, PlannedChange, Purchase, Terms
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


def _pending(change: HeldChange | PlannedChange) -> dict[str, Any]:
    purchase = change.purchase
    return {
        "plan": purchase.plan,
        "plan_version": purchase.plan_version,
        "price": purchase.price,
        "seats": change.seats,
    }


def _held(recorded: Recorded) -> Iterable[Statement]:
    change: HeldChange | None = recorded.event.change
    yield "delete from held_changes where subscription_id = %s", (recorded.stream_id,)
    if change is not None:
        held = {**_pending(change), "at": change.expires_at, "invoice_id": change.invoice_id}
        yield insert("held_changes", subscription_id=recorded.stream_id, **held)


def _planned(recorded: Recorded) -> Iterable[Statement]:
    planned: Subscription.PlannedChangeSet = recorded.event
    place = {"subscription_id": recorded.stream_id, "schedule": planned.schedule}
    yield "delete from planned_changes where subscription_id = %(subscription_id)s and schedule = %(schedule)s", place
    if planned.change is not None:
        yield insert("planned_changes", **place, at=planned.change.takes_effect_at, **_pending(planned.change))


class Subscriptions(ReadModel):
    name = "subscriptions"
    tables = ("subscriptions", "held_changes", "planned_changes")
    tenants_see: ClassVar[Mapping[str, str]] = {
        "subscriptions": OWN,
        "held_changes": "tenant_has_stream(subscription_id)",
        "planned_changes": "tenant_has_stream(subscription_id)",
    }
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
        create table held_changes (
            subscription_id uuid primary key,
            plan            text        not null,
            plan_version    integer     not null,
            price           text        not null,
            seats           bigint      not null,
            at              timestamptz not null,
            invoice_id      uuid
        );
        create table planned_changes (
            subscription_id uuid        not null,
            schedule        text        not null,
            plan            text        not null,
            plan_version    integer     not null,
            price           text        not null,
            seats           bigint      not null,
            at              timestamptz not null,
            primary key (subscription_id, schedule)
        );
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Subscription.Started: _started,
        Subscription.PlanChanged: lambda r: _changed(r, **_purchase(r.event.purchase)),
        Subscription.QuantityChanged: lambda r: _changed(r, quantity=r.event.quantity),
        Subscription.PeriodBegan: _period,
        Subscription.TrialSet: lambda r: _changed(r, trial_end=r.event.trial_end),
        Subscription.CancellationSet: lambda r: _changed(r, cancel_at=r.event.cancel_at),
        Subscription.StatusChanged: _status,
        Subscription.HeldChangeSet: _held,
        Subscription.PlannedChangeSet: _planned,
        Subscription.Transferred: lambda r: _changed(r, organization_id=r.event.organization_id),
    }


_LIST = """
    select s.*, s.quantity * coalesce(v.seats_per_unit, 1) as seats, pending.change as pending_change
    from subscriptions s left join plan_versions v on v.plan = s.plan and v.version = s.plan_version
    left join lateral (
        select to_jsonb(c) as change from (
            select plan, plan_version, price, seats, 'awaiting_payment' as reason, at, invoice_id
            from held_changes where subscription_id = s.subscription_id and s.status <> 'canceled'
            union all
            (select plan, plan_version, price, seats, 'scheduled' as reason, at, null
             from planned_changes where subscription_id = s.subscription_id and s.status <> 'canceled'
             order by at limit 1)
            limit 1
        ) c
    ) pending on true"""


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


def plans_of(connection: psycopg.Connection[Any], organization_id: UUID) -> list[str]:
    """The plans that an organization has, or had, a subscription of."""
    sql = "select distinct plan from subscriptions where organization_id = %(organization_id)s"
    return [row["plan"] for row in select(connection, sql, {"organization_id": organization_id})]
