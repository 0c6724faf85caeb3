"""How an invoice is shown: as an item of a list, and whole with all that hangs on it (contract §6)."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, Field

from api.bodies import Moment
from api.subscriptions import PeriodAnswer, ProviderAnswer
from domain.invoice_facts import CreditNoteStatus
from domain.invoice_sums import Doubt
from domain.payment import PaymentStatus
from domain.payment_facts import ApplicationStatus, Outcome, RefundStatus
from domain.provider_facts import DisputeOutcome, InvoiceStatus


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
    discount: MoneyAnswer
    tax: MoneyAnswer
    total: MoneyAnswer
    amount_due: MoneyAnswer
    amount_paid: MoneyAnswer
    amount_remaining: MoneyAnswer
    amount_refunded: MoneyAnswer
    amount_credited: MoneyAnswer = Field(description="By credit notes.")
    period: PeriodAnswer
    attempts: int = Field(description="Failed attempts to collect it.")
    next_attempt_at: Moment | None
    issued_at: Moment | None
    due_at: Moment | None
    paid_at: Moment | None
    voided_at: Moment | None
    doubts: list[Doubt] = Field(description="Which of its sums do not hold; empty when they do.")
    provider: ProviderAnswer


class DiscountAnswer(BaseModel):
    id: str
    name: str | None
    amount: MoneyAnswer


class TaxAnswer(BaseModel):
    name: str | None
    percentage: Decimal | None
    jurisdiction: str | None
    inclusive: bool = Field(description="Contained in the prices; else it comes on top.")
    amount: MoneyAnswer
    taxable_amount: MoneyAnswer | None
    reason: str | None


class LineAnswer(BaseModel):
    id: str
    description: str
    quantity: Decimal | None
    unit_amount: Decimal | None = Field(description="In minor units, perhaps with a fraction.")
    amount: MoneyAnswer = Field(description="Before discounts, and before taxes that come on top.")
    period: PeriodAnswer | None
    proration: bool
    price: str | None
    product: str | None
    discounts: list[DiscountAnswer]
    taxes: list[TaxAnswer]


class AttemptAnswer(BaseModel):
    id: str
    outcome: Outcome
    amount: MoneyAnswer
    attempted_at: Moment
    method: str | None
    code: str | None
    decline_code: str | None


class InvoicePaymentAnswer(BaseModel):
    """A payment of the invoice; `applied` is how much of it pays this one."""

    id: UUID
    status: PaymentStatus
    amount: MoneyAnswer | None
    applied: MoneyAnswer
    applied_status: ApplicationStatus
    method: str | None
    made_at: Moment | None
    attempts: list[AttemptAnswer]
    provider: ProviderAnswer


class RefundAnswer(BaseModel):
    id: str
    payment_id: UUID
    status: RefundStatus
    amount: MoneyAnswer
    reason: str | None
    failure: str | None
    created_at: Moment


class DisputeAnswer(BaseModel):
    id: str
    payment_id: UUID
    outcome: DisputeOutcome
    stage: str = Field(description="The provider's own word.")
    amount: MoneyAnswer
    reason: str | None
    disputed_at: Moment
    answer_by: Moment | None
    funds: list[MoneyAnswer] = Field(description="What the bank took (below zero) and gave back, without fees.")


class CreditNoteAnswer(BaseModel):
    id: UUID
    invoice_id: UUID
    organization_id: UUID
    number: str
    status: CreditNoteStatus
    subtotal: MoneyAnswer
    discount: MoneyAnswer
    tax: MoneyAnswer
    total: MoneyAnswer
    reason: str | None
    issued_at: Moment
    voided_at: Moment | None
    lines: list[LineAnswer]
    taxes: list[TaxAnswer]
    refunds: list[str]
    doubts: list[Doubt]
    provider: ProviderAnswer


class AddressAnswer(BaseModel):
    line1: str | None
    line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    country: str | None


class TaxIdAnswer(BaseModel):
    type: str
    value: str


class CustomerAnswer(BaseModel):
    """As the paper is addressed. Erasable: null where nobody knows it any more."""

    name: str | None
    email: str | None
    address: AddressAnswer
    tax_ids: list[TaxIdAnswer]


class WholeInvoiceAnswer(InvoiceAnswer):
    customer: CustomerAnswer | None
    memo: str | None
    pay_url: str | None = Field(description="Where it is paid, by whoever knows the address.")
    lines: list[LineAnswer] | None = Field(description="Null for an invoice that was stored before lines were.")
    discounts: list[DiscountAnswer]
    taxes: list[TaxAnswer]
    payments: list[InvoicePaymentAnswer]
    refunds: list[RefundAnswer]
    disputes: list[DisputeAnswer]
    credit_notes: list[CreditNoteAnswer]
