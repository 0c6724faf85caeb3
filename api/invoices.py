"""Invoices as the provider last reported them, and their papers (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, StringConstraints

from api.auth import Caller, require, services_of
from api.bodies import Line
from api.invoice_answers import InvoiceAnswer, MoneyAnswer, WholeInvoiceAnswer
from api.invoice_showing import whole_invoice
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.subscriptions import PeriodAnswer, ProviderAnswer
from domain.api_key import Scope
from domain.invoice import Invoice
from domain.provider_facts import InvoiceStatus
from domain.rate import RateClass
from projections.invoices import list_invoices
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["billing"], dependencies=[Depends(known_parameters)])

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}$")]
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}
_SUMS = (
    *("subtotal", "discount", "tax", "total", "amount_due", "amount_paid"),
    *("amount_remaining", "amount_refunded", "amount_credited"),
)


class InvoiceListing(Listing):
    data: list[InvoiceAnswer]


@router.get("/invoices")
def show_invoices(
    status: InvoiceStatus | None = None,
    subscription_id: UUID | None = None,
    provider_id: Line | None = Query(None, description="The provider's id, e.g. `in_…`."),
    number: Line | None = None,
    issued_since: AwareDatetime | None = None,
    issued_until: AwareDatetime | None = Query(None, description="Before this time."),
    doubtful: bool | None = Query(None, description="Only those whose sums do not hold, or only those whose do."),
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
            number=number,
            issued_since=issued_since,
            issued_until=issued_until,
            doubtful=doubtful,
            organization_id=narrowed,
            after=page.after_number,
            limit=page.take,
        )
    return InvoiceListing(**page.answer(found, cursor=lambda row: (row["position"],), show=_item, position=position))


@router.get("/invoices/{invoice_id}")
def show_invoice(
    invoice_id: UUID, caller: Caller = require(Scope.INVOICES_READ), services: Services = Depends(services_of)
) -> WholeInvoiceAnswer:
    """One invoice with its lines, taxes, discounts, payments, refunds, disputes and credit notes, from the log."""
    whole = services.invoices.whole(invoice_id)
    caller.must_see(whole.invoice.organization_id, "invoice", invoice_id)
    return whole_invoice(whole)


@router.get("/invoices/{invoice_id}/pdf", response_class=Response, responses=_PDF)
def show_invoice_pdf(
    invoice_id: UUID,
    language: Language | None = Query(None, description="Instead of the customer's, e.g. `de`."),
    caller: Caller = require(Scope.INVOICES_READ, rate=RateClass.PAPERS),
    services: Services = Depends(services_of),
) -> Response:
    """The invoice as a PDF for a bookkeeper: the same bytes for the same invoice."""
    _must_see(services, caller, invoice_id)
    return _pdf(*services.invoice_pdf(invoice_id, language))


@router.get("/invoices/{invoice_id}/credit-notes/{credit_note_id}/pdf", response_class=Response, responses=_PDF)
def show_credit_note_pdf(
    invoice_id: UUID,
    credit_note_id: UUID,
    language: Language | None = Query(None, description="Instead of the customer's, e.g. `de`."),
    caller: Caller = require(Scope.INVOICES_READ, rate=RateClass.PAPERS),
    services: Services = Depends(services_of),
) -> Response:
    """A credit note of the invoice as a PDF."""
    _must_see(services, caller, invoice_id)
    return _pdf(*services.credit_note_pdf(invoice_id, credit_note_id, language))


def _must_see(services: Services, caller: Caller, invoice_id: UUID) -> None:
    invoice = services.store.fetch(Invoice, invoice_id)
    caller.must_see(invoice.organization_id, "invoice", invoice_id)


def _pdf(name: str, content: bytes) -> Response:
    return Response(content, 200, {"Content-Disposition": f'inline; filename="{name}"'}, media_type="application/pdf")


def _item(row: dict[str, Any]) -> InvoiceAnswer:
    sums = {**row, "amount_remaining": row["remaining"]}
    monies = {name: MoneyAnswer(amount=sums[name], currency=row["currency"]) for name in _SUMS}
    return InvoiceAnswer(
        **{
            **row,
            **monies,
            "id": row["invoice_id"],
            "period": PeriodAnswer(start=row["period_start"], end=row["period_end"]),
            "provider": ProviderAnswer(name=row["provider"], id=row["provider_id"]),
        }
    )
