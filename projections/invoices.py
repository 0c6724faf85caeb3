"""Invoices as the provider last reported them, with their failed attempts and refunds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.invoice import Invoice, Issue
from domain.provider_facts import Figures, InvoiceStatus
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _changed(recorded: Recorded, **columns: Any) -> list[Statement]:
    return update("invoices", "invoice_id", recorded, **columns)


def _said(of: Figures | Issue) -> dict[str, Any]:
    """Every field has a column of its name."""
    return dict(vars(of))


def _reported(recorded: Recorded) -> Iterable[Statement]:
    reported: Invoice.Reported = recorded.event
    yield insert(
        "invoices",
        invoice_id=recorded.stream_id,
        position=recorded.position,
        organization_id=reported.organization_id,
        subscription_id=reported.subscription_id,
        provider=reported.provider,
        provider_id=reported.provider_id,
        status=reported.status.value,
        **_said(reported.figures),
        **_said(reported.issue),
    )


def _settled(recorded: Recorded, status: InvoiceStatus) -> Iterable[Statement]:
    return _changed(recorded, status=status.value, next_attempt_at=None)


def _payment_failed(recorded: Recorded) -> Iterable[Statement]:
    failed: Invoice.PaymentFailed = recorded.event
    yield (
        "update invoices set attempts = greatest(attempts, %(attempt)s), next_attempt_at ="
        " case when %(attempt)s >= attempts and status not in ('paid', 'void') then %(next)s else next_attempt_at end"
        " where invoice_id = %(invoice)s",
        {"attempt": failed.attempt, "next": failed.next_attempt_at, "invoice": recorded.stream_id},
    )


def _refunded(recorded: Recorded) -> Iterable[Statement]:
    refunded: Invoice.Refunded = recorded.event
    yield (
        "update invoices set refunds = refunds || jsonb_build_object(%s::text, %s::bigint) where invoice_id = %s",
        (refunded.payment, refunded.refund.amount, recorded.stream_id),
    )


class Invoices(ReadModel):
    name = "invoices"
    tables = ("invoices",)
    tenants_see: ClassVar[Mapping[str, str]] = {"invoices": OWN}
    ddl = """
        create table invoices (
            invoice_id      uuid primary key,
            position        bigint      not null,
            organization_id uuid        not null,
            subscription_id uuid,
            provider        text        not null,
            provider_id     text        not null,
            number          text,
            status          text        not null,
            currency        text        not null,
            subtotal        bigint      not null,
            tax             bigint      not null,
            total           bigint      not null,
            amount_due      bigint      not null,
            amount_paid     bigint      not null,
            discount        bigint      not null,
            shipping        bigint      not null,
            credits         bigint      not null,
            balance_applied bigint,
            amount_remaining bigint,
            amount_overpaid bigint      not null,
            credited_before_payment bigint not null,
            credited_after_payment  bigint not null,
            refunds         jsonb       not null default '{}',  -- charge → minor units that went back
            period_start    timestamptz not null,
            period_end      timestamptz not null,
            attempts        integer     not null default 0,
            next_attempt_at timestamptz,
            issued_at       timestamptz,
            paid_at         timestamptz,
            due_at          timestamptz,
            voided_at       timestamptz,
            reason          text,
            seller          text,
            doubts          text[]      not null default '{}'
        );
        create index invoices_in_order on invoices (position);
        create index invoices_of_organization on invoices (organization_id, position);
        create index invoices_of_subscription on invoices (subscription_id, position);
        create index invoices_open on invoices (position) where status = 'open';
        create index invoices_doubtful on invoices (position) where doubts <> '{}';
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Invoice.Reported: _reported,
        Invoice.Amended: lambda r: _changed(r, **_said(r.event.figures), **_said(r.event.issue)),
        Invoice.Finalized: lambda r: _changed(r, status=InvoiceStatus.OPEN.value),
        Invoice.Paid: lambda r: _settled(r, InvoiceStatus.PAID),
        Invoice.Voided: lambda r: _settled(r, InvoiceStatus.VOID),
        Invoice.WrittenOff: lambda r: _changed(r, status=InvoiceStatus.UNCOLLECTIBLE.value),
        Invoice.PaymentFailed: _payment_failed,
        Invoice.Refunded: _refunded,
        Invoice.Doubted: lambda r: _changed(r, doubts=[doubt.value for doubt in r.event.doubts]),
        Invoice.Transferred: lambda r: _changed(r, organization_id=r.event.organization_id),
    }


_LIST = """
    select i.*, refunded.amount_refunded, credited_before_payment + credited_after_payment as amount_credited,
        coalesce(amount_remaining, amount_due - amount_paid) as remaining from invoices i cross join lateral (
        select coalesce(sum(amount::bigint), 0)::bigint as amount_refunded
        from jsonb_each_text(i.refunds) as each (payment, amount)
    ) as refunded"""


def list_invoices(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    organization_id: UUID | None = None,
    invoice_id: UUID | None = None,
    subscription_id: UUID | None = None,
    status: str | None = None,
    provider_id: str | None = None,
    number: str | None = None,
    issued_since: datetime | None = None,
    issued_until: datetime | None = None,
    doubtful: bool | None = None,
) -> list[Row]:
    """Invoices, newest first, from below the position `after`; sums in minor units of `currency`."""
    conditions = [
        ("organization_id", "i.organization_id = %(organization_id)s", organization_id),
        ("invoice_id", "i.invoice_id = %(invoice_id)s", invoice_id),
        ("subscription_id", "i.subscription_id = %(subscription_id)s", subscription_id),
        ("status", "i.status = %(status)s", status),
        ("provider_id", "i.provider_id = %(provider_id)s", provider_id),
        ("number", "i.number = %(number)s", number),
        ("issued_since", "i.issued_at >= %(issued_since)s", issued_since),
        ("issued_until", "i.issued_at < %(issued_until)s", issued_until),
        ("doubtful", "(i.doubts <> '{}') = %(doubtful)s", doubtful),
        ("after", "i.position < %(after)s", after),
    ]
    return page(connection, _LIST, conditions, order="i.position desc", limit=limit)


def get_invoice(
    connection: psycopg.Connection[Any], invoice_id: UUID, *, organization_id: UUID | None = None
) -> Row | None:
    """One invoice of the list; None when there is none, or it is another organization's."""
    found = list_invoices(connection, invoice_id=invoice_id, organization_id=organization_id, limit=1)
    return found[0] if found else None
