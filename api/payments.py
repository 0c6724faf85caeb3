"""Payments, refunds and disputes of an organization (contract §6)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Line, Moment
from api.invoice_answers import MoneyAnswer
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.subscriptions import ProviderAnswer
from domain.api_key import Scope
from projections.payments import list_payments
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["billing"], dependencies=[Depends(known_parameters)])


class Kind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"


class PaymentAnswer(BaseModel):
    id: UUID
    kind: Kind
    payment_id: UUID = Field(description="Of a refund or a dispute: of which payment; of a payment: its own id.")
    organization_id: UUID
    status: str = Field(
        description="A payment: open, action_required, pending, authorized, failed, canceled, succeeded;"
        " a refund: pending, succeeded, failed, canceled; a dispute: open, won, lost."
    )
    stage: str | None = Field(description="Of a dispute, in the provider's own word.")
    amount: MoneyAnswer | None
    method: str | None = Field(description="How it was paid, or tried last: card, sepa_debit, …")
    reason: str | None = Field(description="Why it failed, was refunded or disputed, in the provider's code.")
    invoice_ids: list[UUID] = Field(description="The invoices that the payment pays.")
    happened_at: Moment
    answer_by: Moment | None = Field(description="Until when a dispute can be answered.")
    provider: ProviderAnswer


class PaymentListing(Listing):
    data: list[PaymentAnswer]


@router.get("/payments")
def show_payments(
    kind: Kind | None = None,
    status: Line | None = None,
    invoice_id: UUID | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = Query(None, description="Before this time."),
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.INVOICES_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> PaymentListing:
    """Payments, refunds and disputes by the provider's time, newest first."""
    narrowed = caller.narrow(organization_id)
    with services.database.connection() as connection:
        position = position_of(connection, "payments")
        found = list_payments(
            connection,
            kind=kind,
            status=status,
            invoice_id=invoice_id,
            since=since,
            until=until,
            organization_id=narrowed,
            after=page.after_time_and_id,
            limit=page.take,
        )
    return PaymentListing(
        **page.answer(
            found,
            cursor=lambda row: (row["happened_at"], row["movement_id"]),
            show=_item,
            position=position,
        )
    )


def _item(row: dict[str, Any]) -> PaymentAnswer:
    has_amount = row["amount"] is not None
    return PaymentAnswer(
        **{
            **row,
            "id": row["movement_id"],
            "amount": MoneyAnswer(amount=row["amount"], currency=row["currency"]) if has_amount else None,
            "invoice_ids": row["invoices"],
            "provider": ProviderAnswer(name=row["provider"], id=row["provider_id"]),
        }
    )
