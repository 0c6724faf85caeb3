"""Money that moved, or was to: payments, refunds and disputes, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.ids import movement_id
from domain.payment import Payment
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert

_SUMMED_UP = """
    update payments set
        status = case
            when tried.taken is not null or progress = 'succeeded' or applied.paid then 'succeeded'
            when progress = 'canceled' then 'canceled'
            when tried.authorized then 'authorized'
            when tried.pending or progress = 'processing' then 'pending'
            when progress = 'action_required' then 'action_required'
            when tried.times > 0 then 'failed' else 'open' end,
        amount = coalesce(tried.taken, asked_amount, applied.amount, tried.last_amount),
        currency = coalesce(tried.taken_currency, asked_currency, applied.currency, tried.last_currency),
        method = tried.method,
        reason = case when tried.taken is null then tried.reason end,
        happened_at = coalesce(tried.taken_at, applied.paid_at, tried.tried_at, known_at)
    from (
        select count(*) as times, bool_or(outcome = 'authorized') as authorized,
            bool_or(outcome = 'pending') as pending,
            sum(amount) filter (where outcome = 'succeeded') as taken,
            min(currency) filter (where outcome = 'succeeded') as taken_currency,
            min(attempted_at) filter (where outcome = 'succeeded') as taken_at, max(attempted_at) as tried_at,
            (array_agg(amount order by seen desc))[1] as last_amount,
            (array_agg(currency order by seen desc))[1] as last_currency,
            (array_agg(reason order by seen desc))[1] as reason,
            (array_agg(method order by outcome = 'succeeded' desc, seen desc)
                filter (where method is not null))[1] as method
        from payment_attempts where payment_id = %(payment)s
    ) as tried, (
        select bool_or(status = 'paid') as paid, min(paid_at) as paid_at, min(currency) as currency,
            sum(case when amount_paid = 0 then amount_requested else amount_paid end) as amount
        from payment_applications where payment_id = %(payment)s
    ) as applied
    where movement_id = %(payment)s"""
_MOVED = """
    insert into payments (movement_id, payment_id, kind, organization_id, provider, provider_id, known_at, charge,
        amount, currency, status, stage, reason, happened_at, answer_by)
    select %(id)s, p.payment_id, %(kind)s, p.organization_id, p.provider, %(name)s, %(at)s, %(charge)s,
        %(amount)s, %(currency)s, %(status)s, %(stage)s, %(reason)s, %(at)s, %(answer_by)s
    from payments p where movement_id = %(payment)s
    on conflict (movement_id) do update set charge = excluded.charge, amount = excluded.amount,
        currency = excluded.currency, status = excluded.status, stage = excluded.stage, reason = excluded.reason,
        happened_at = excluded.happened_at, answer_by = excluded.answer_by"""


def _opened(recorded: Recorded) -> Iterable[Statement]:
    opened: Payment.Opened = recorded.event
    yield insert(
        "payments",
        movement_id=recorded.stream_id,
        payment_id=recorded.stream_id,
        kind="payment",
        organization_id=opened.organization_id,
        provider=opened.provider,
        provider_id=opened.provider_id,
        known_at=opened.timestamp,
        happened_at=opened.timestamp,
        status="open",
    )


def _summed_up(recorded: Recorded) -> Statement:
    return _SUMMED_UP, {"payment": recorded.stream_id}


def _upsert(table: str, keys: tuple[str, ...], columns: dict[str, Any]) -> Statement:
    sql, params = insert(table, **columns)
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    return f"{sql} on conflict ({', '.join(keys)}) do update set {changed}", params


def _attempted(recorded: Recorded) -> Iterable[Statement]:
    event: Payment.Attempted = recorded.event
    attempt = event.attempt
    columns = {
        "payment_id": recorded.stream_id,
        "charge": event.charge,
        "outcome": attempt.outcome.value,
        "amount": attempt.amount,
        "currency": attempt.currency,
        "attempted_at": attempt.attempted_at,
        "method": attempt.method,
        "reason": attempt.decline_code or attempt.code,
        "seen": f"{attempt.seen.at.timestamp():020.3f}/{attempt.seen.rank}/{attempt.seen.event}",
    }
    yield _upsert("payment_attempts", ("payment_id", "charge"), columns)
    yield _summed_up(recorded)


def _stood(recorded: Recorded) -> Iterable[Statement]:
    standing = recorded.event.standing
    yield (
        "update payments set progress = %s, asked_amount = %s, asked_currency = %s where movement_id = %s",
        (standing.progress.value, standing.amount, standing.currency, recorded.stream_id),
    )
    yield _summed_up(recorded)


def _applied(recorded: Recorded) -> Iterable[Statement]:
    event: Payment.Applied = recorded.event
    of = event.application
    columns = {
        "payment_id": recorded.stream_id,
        "invoice_id": event.invoice_id,
        "status": of.status.value,
        "amount_requested": of.amount_requested,
        "amount_paid": of.amount_paid,
        "currency": of.currency,
        "paid_at": of.paid_at,
    }
    yield _upsert("payment_applications", ("payment_id", "invoice_id"), columns)
    yield _summed_up(recorded)


def _moved(recorded: Recorded, kind: str, name: str, **columns: Any) -> Statement:
    params = {"id": movement_id(recorded.stream_id, name), "payment": recorded.stream_id, "kind": kind, "name": name}
    return _MOVED, {"stage": None, "answer_by": None, **params, **columns}


def _refunded(recorded: Recorded) -> Iterable[Statement]:
    event: Payment.RefundReported = recorded.event
    of = event.of
    said = {"charge": of.charge, "amount": of.amount, "currency": of.currency, "at": of.created_at}
    yield _moved(recorded, "refund", event.refund, **said, status=of.status.value, reason=of.failure or of.reason)


def _disputed(recorded: Recorded) -> Iterable[Statement]:
    event: Payment.DisputeReported = recorded.event
    of = event.of
    said = {"charge": of.charge, "amount": of.amount, "currency": of.currency, "at": of.disputed_at}
    stage = {"status": of.outcome.value, "stage": of.stage, "reason": of.reason, "answer_by": of.answer_by}
    yield _moved(recorded, "dispute", event.dispute, **said, **stage)


def _transferred(recorded: Recorded) -> Iterable[Statement]:
    sql = "update payments set organization_id = %s where payment_id = %s"
    yield sql, (recorded.event.organization_id, recorded.stream_id)


class Payments(ReadModel):
    name = "payments"
    tables = ("payments", "payment_attempts", "payment_applications")
    tenants_see: ClassVar[Mapping[str, str]] = {
        "payments": OWN,
        "payment_applications": "tenant_has_stream(payment_id)",
    }
    ddl = """
        create table payments (
            movement_id     uuid primary key,       -- a payment's own id, or a refund's or dispute's of it
            payment_id      uuid        not null,
            kind            text        not null,   -- payment, refund, dispute
            organization_id uuid        not null,
            provider        text        not null,
            provider_id     text        not null,
            known_at        timestamptz not null,
            happened_at     timestamptz not null,
            status          text        not null,
            amount          bigint,
            currency        text,
            charge          text,
            method          text,
            reason          text,                   -- why it failed, was refunded or disputed, in the provider's code
            stage           text,                   -- of a dispute, in the provider's word
            answer_by       timestamptz,
            progress        text,
            asked_amount    bigint,
            asked_currency  text
        );
        create index payments_in_order on payments (happened_at, movement_id);
        create index payments_of_organization on payments (organization_id, happened_at, movement_id);
        create index payments_of_payment on payments (payment_id);
        create table payment_attempts (
            payment_id   uuid        not null,
            charge       text        not null,
            outcome      text        not null,
            amount       bigint      not null,
            currency     text        not null,
            attempted_at timestamptz not null,
            method       text,
            reason       text,
            seen         text collate "C" not null, -- sorts as reports do
            primary key (payment_id, charge)
        );
        create table payment_applications (
            payment_id       uuid   not null,
            invoice_id       uuid   not null,
            status           text   not null,
            amount_requested bigint not null,
            amount_paid      bigint not null,
            currency         text   not null,
            paid_at          timestamptz,
            primary key (payment_id, invoice_id)
        );
        create index payment_applications_of_invoice on payment_applications (invoice_id);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Payment.Opened: _opened,
        Payment.Attempted: _attempted,
        Payment.Stood: _stood,
        Payment.Applied: _applied,
        Payment.RefundReported: _refunded,
        Payment.DisputeReported: _disputed,
        Payment.Transferred: _transferred,
    }


_LIST = """
    select p.*, array(
        select invoice_id from payment_applications a where a.payment_id = p.payment_id order by invoice_id
    ) as invoices from payments p"""


def list_payments(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
    organization_id: UUID | None = None,
    invoice_id: UUID | None = None,
    kind: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """Payments, refunds and disputes by the provider's time, newest first; amounts in minor units of `currency`."""
    conditions = [
        ("organization_id", "p.organization_id = %(organization_id)s", organization_id),
        ("invoice_id", f"p.payment_id in ({_PAYING})", invoice_id),
        ("kind", "p.kind = %(kind)s", kind),
        ("status", "p.status = %(status)s", status),
        ("since", "p.happened_at >= %(since)s", since),
        ("until", "p.happened_at < %(until)s", until),
        ("at", "(p.happened_at, p.movement_id) < (%(at)s, %(id)s)", after[0] if after else None),
    ]
    params = {"id": after[1] if after else None}
    return page(
        connection, _LIST, conditions, order="p.happened_at desc, p.movement_id desc", limit=limit, params=params
    )


_PAYING = "select payment_id from payment_applications where invoice_id = %(invoice_id)s"
