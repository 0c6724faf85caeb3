"""Do invoices and payments say the same of each other, and do the sums of invoices hold?"""

from __future__ import annotations

from uuid import UUID

from application.verification_report import Damage, Report
from domain.aggregate import Aggregate
from domain.credit_note import CreditNote
from domain.invoice import Invoice
from domain.payment import Payment


class BillingChecks:
    """Is shown every stream once, replayed, in any order. Keeps what one side said until the other has said it too."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._links: dict[tuple[UUID, UUID], str] = {}  # (invoice, payment) → who has said so
        self._given_back: dict[tuple[UUID, str], int] = {}  # (invoice, charge) → as the payment says
        self._heard: dict[tuple[UUID, str], int] = {}  # and as the invoice does

    def take(self, aggregate: Aggregate) -> None:
        if isinstance(aggregate, Invoice):
            self._take_invoice(aggregate)
        elif isinstance(aggregate, Payment):
            self._take_payment(aggregate)
        elif isinstance(aggregate, CreditNote) and aggregate.doubts:
            self._doubt("credit note", aggregate, aggregate.doubts)

    def finish(self) -> None:
        """Reports what only one side has said."""
        for (invoice_id, payment_id), side in self._links.items():
            text = f"only the {side} says that payment {payment_id} pays invoice {invoice_id}"
            self._report.found(Damage.BILLING, text, stream_id=invoice_id)
        for (invoice_id, charge), amount in self._given_back.items():
            heard = self._heard.get((invoice_id, charge), 0)
            if heard != amount:
                text = f"of {charge}, {amount} minor units went back, says the payment, and {heard} says the invoice"
                self._report.found(Damage.BILLING, text, stream_id=invoice_id)

    def _take_invoice(self, invoice: Invoice) -> None:
        for payment_id in invoice.payments:
            self._said(invoice.id, payment_id, "invoice")
        for charge, refund in invoice.refunds.items():
            self._heard[invoice.id, charge] = refund.amount
        if invoice.found_doubts:
            self._doubt("invoice", invoice, invoice.found_doubts)

    def _take_payment(self, payment: Payment) -> None:
        for invoice_id in payment.applications:
            self._said(invoice_id, payment.id, "payment")
        for charge in payment.refunded_charges:
            for invoice_id, share in payment.shares(payment.refunded(charge).amount):
                self._given_back[invoice_id, charge] = share

    def _said(self, invoice_id: UUID, payment_id: UUID, side: str) -> None:
        if self._links.pop((invoice_id, payment_id), None) is None:
            self._links[invoice_id, payment_id] = side

    def _doubt(self, noun: str, aggregate: Aggregate, doubts: tuple[str, ...]) -> None:
        self._report.doubted(f"the provider's {noun} {aggregate.id} does not add up: {', '.join(doubts)}", aggregate.id)
