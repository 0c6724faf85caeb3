"""An invoice from the log, made into an answer."""

from __future__ import annotations

from api.invoice_answers import (
    AddressAnswer,
    AttemptAnswer,
    CreditNoteAnswer,
    CustomerAnswer,
    DiscountAnswer,
    DisputeAnswer,
    InvoicePaymentAnswer,
    LineAnswer,
    MoneyAnswer,
    RefundAnswer,
    TaxAnswer,
    TaxIdAnswer,
    WholeInvoiceAnswer,
)
from api.subscriptions import PeriodAnswer, ProviderAnswer
from application.invoice_document import credit_note_document, invoice_document
from application.invoices import WholeInvoice
from domain.credit_note import CreditNote
from domain.invoice import Invoice
from domain.invoice_facts import Discount, Line, Paper, Tax, TaxRateTerms
from domain.payment import Payment


def whole_invoice(whole: WholeInvoice) -> WholeInvoiceAnswer:
    invoice, paper, show = whole.invoice, whole.paper or Paper(), Showing(whole.rates, whole.invoice)
    items = invoice.items
    return WholeInvoiceAnswer(
        **invoice_document(invoice),
        customer=_customer(whole.paper) if whole.paper else None,
        memo=paper.memo,
        pay_url=paper.pay_url,
        lines=[show.line(line) for line in items.lines] if items else None,
        discounts=[show.discount(each) for each in items.discounts] if items else [],
        taxes=[show.tax(tax) for tax in items.taxes] if items else [],
        payments=[show.payment(payment) for payment in whole.payments],
        refunds=[refund for payment in whole.payments for refund in show.refunds(payment)],
        disputes=[dispute for payment in whole.payments for dispute in show.disputes(payment)],
        credit_notes=[show.credit_note(note) for note in whole.credit_notes],
    )


class Showing:
    """Parts of one invoice; amounts without a currency of their own are of the invoice's."""

    def __init__(self, rates: dict[str, TaxRateTerms], invoice: Invoice) -> None:
        self._rates = rates
        self._invoice = invoice

    def money(self, amount: int, currency: str | None = None) -> MoneyAnswer:
        return MoneyAnswer(amount=amount, currency=currency or self._invoice.figures.currency)

    def line(self, line: Line) -> LineAnswer:
        has_period = line.period_start is not None and line.period_end is not None
        return LineAnswer(
            id=line.reference,
            description=line.description,
            quantity=line.quantity,
            unit_amount=line.unit_amount,
            amount=self.money(line.amount, line.currency),
            period=PeriodAnswer(start=line.period_start, end=line.period_end) if has_period else None,
            proration=line.proration,
            price=line.price,
            product=line.product,
            discounts=[self.discount(each) for each in line.discounts],
            taxes=[self.tax(tax) for tax in line.taxes],
        )

    def discount(self, discount: Discount) -> DiscountAnswer:
        return DiscountAnswer(id=discount.reference, name=discount.name, amount=self.money(discount.amount))

    def tax(self, tax: Tax) -> TaxAnswer:
        terms = self._rates.get(tax.rate or "")
        return TaxAnswer(
            name=terms.name if terms else None,
            percentage=terms.percentage if terms else None,
            jurisdiction=terms.jurisdiction if terms else None,
            inclusive=tax.inclusive,
            amount=self.money(tax.amount),
            taxable_amount=self.money(tax.taxable) if tax.taxable is not None else None,
            reason=tax.reason,
        )

    def payment(self, payment: Payment) -> InvoicePaymentAnswer:
        money, applied = payment.money, payment.applications[self._invoice.id]
        attempts = sorted(payment.attempts.items(), key=lambda each: (each[1].attempted_at, each[0]))
        return InvoicePaymentAnswer(
            id=payment.id,
            status=payment.status,
            amount=self.money(money.amount, money.currency) if money else None,
            applied=self.money(applied.amount_paid or applied.amount_requested, applied.currency),
            applied_status=applied.status,
            method=payment.method,
            made_at=payment.made_at,
            attempts=[
                AttemptAnswer(id=id, **{**vars(each), "amount": self.money(each.amount, each.currency)})
                for id, each in attempts
            ],
            provider=ProviderAnswer.of(payment),
        )

    def refunds(self, payment: Payment) -> list[RefundAnswer]:
        return [
            RefundAnswer(
                **{**vars(each), "id": id, "payment_id": payment.id, "amount": self.money(each.amount, each.currency)}
            )
            for id, each in sorted(payment.refunds.items(), key=lambda each: (each[1].created_at, each[0]))
        ]

    def disputes(self, payment: Payment) -> list[DisputeAnswer]:
        return [
            DisputeAnswer(
                **{**vars(each), "id": id, "payment_id": payment.id, "amount": self.money(each.amount, each.currency)},
                funds=[
                    self.money(moved.amount, moved.currency)
                    for moved in sorted(payment.funds.get(id, {}).values(), key=lambda moved: moved.moved_at)
                ],
            )
            for id, each in sorted(payment.disputes.items(), key=lambda each: (each[1].disputed_at, each[0]))
        ]

    def credit_note(self, note: CreditNote) -> CreditNoteAnswer:
        return CreditNoteAnswer(
            **credit_note_document(note),
            lines=[self.line(line) for line in note.items.lines],
            taxes=[self.tax(tax) for tax in note.items.taxes],
        )


def _customer(paper: Paper) -> CustomerAnswer:
    return CustomerAnswer(
        name=paper.name,
        email=paper.email,
        address=AddressAnswer(**vars(paper.address)),
        tax_ids=[TaxIdAnswer(type=kind, value=value) for kind, value in paper.tax_ids],
    )
