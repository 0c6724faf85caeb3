"""Invoices as the provider last reported them (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Line, Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.subscriptions import PeriodAnswer, ProviderAnswer
from domain.api_key import Scope
from domain.invoice import Invoice
from domain.provider_facts import InvoiceStatus
from projections.invoices import list_invoices
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["billing"], dependencies=[Depends(known_parameters)])

_SUMS = ("subtotal", "tax", "total", "amount_due", "amount_paid", "amount_refunded")


class MoneyAnswer(BaseModel):
    amount: int = Field(description="In minor units.")
    currency: str


class InvoiceAnswer(BaseModel):
    id: UUID
    organization_id: UUID
    number: str | None
    subscription_id: UUID | None
    status: InvoiceStatus
    subtotal: MoneyAnswer
    tax: MoneyAnswer
    total: MoneyAnswer
    amount_due: MoneyAnswer
    amount_paid: MoneyAnswer
    amount_refunded: MoneyAnswer
    period: PeriodAnswer
    attempts: int = Field(description="Failed attempts to collect it.")
    next_attempt_at: Moment | None
    issued_at: Moment | None
    paid_at: Moment | None
    provider: ProviderAnswer


class InvoiceListing(Listing):
    data: list[InvoiceAnswer]


@router.get("/invoices")
def show_invoices(
    status: InvoiceStatus | None = None,
    subscription_id: UUID | None = None,
    provider_id: Line | None = Query(None, description="The provider's id, e.g. `in_…`."),
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.INVOICES_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> InvoiceListing:
    """Invoices, newest first."""
    narrowed = caller.narrow(organization_id)
    with services.database.connection() as connection:
        position = position_of(connection, "invoices")
        found = list_invoices(
            connection,
            status=status,
            subscription_id=subscription_id,
            provider_id=provider_id,
            organization_id=narrowed,
            after=page.after_number,
            limit=page.take,
        )
    return InvoiceListing(**page.answer(found, cursor=lambda row: (row["position"],), show=_item, position=position))


@router.get("/invoices/{invoice_id}")
def show_invoice(
    invoice_id: UUID, caller: Caller = require(Scope.INVOICES_READ), services: Services = Depends(services_of)
) -> InvoiceAnswer:
    """One invoice, from the log."""
    invoice = services.store.fetch(Invoice, invoice_id)
    caller.must_see(invoice.organization_id, "invoice", invoice_id)
    figures, issue = invoice.figures, invoice.issue
    return InvoiceAnswer(
        id=invoice.id,
        organization_id=invoice.organization_id,
        number=issue.number,
        subscription_id=invoice.subscription_id,
        status=invoice.status,
        **_sums({**vars(figures), "amount_refunded": invoice.amount_refunded}),
        period=PeriodAnswer(start=issue.period_start, end=issue.period_end),
        attempts=max(invoice.attempts, default=0),
        next_attempt_at=invoice.next_attempt_at,
        issued_at=issue.issued_at,
        paid_at=issue.paid_at,
        provider=ProviderAnswer.of(invoice),
    )


def _item(row: dict[str, Any]) -> InvoiceAnswer:
    return InvoiceAnswer(
        **{
            **row,
            **_sums(row),
            "id": row["invoice_id"],
            "period": PeriodAnswer(start=row["period_start"], end=row["period_end"]),
            "provider": ProviderAnswer(name=row["provider"], id=row["provider_id"]),
        }
    )


def _sums(facts: dict[str, Any]) -> dict[str, MoneyAnswer]:
    return {name: MoneyAnswer(amount=facts[name], currency=facts["currency"]) for name in _SUMS}
