"""What an invoice's or a credit note's paper says, as a JSON-ready document: amounts in minor units, times in ISO 8601,
words by their names. `adapters/papers` puts it in the customer's language and prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from application.invoices import WholeCreditNote, WholeInvoice
from domain.documents import Document
from domain.invoice import Invoice
from domain.invoice_facts import CreditNoteStatus, Discount, Items, Line, Paper, Tax, TaxRateTerms
from domain.payment import Payment, PaymentStatus
from domain.payment_facts import RefundStatus
from domain.provider_facts import DisputeOutcome, InvoiceStatus
from domain.vendor import Identity

Rates = Mapping[str, TaxRateTerms]


def invoice_paper(whole: WholeInvoice, language: str | None = None) -> Document:
    """The paper of an invoice; in `language`, else in the customer's, else in the vendor's."""
    invoice, paper = whole.invoice, whole.paper
    issue, items = invoice.issue, invoice.items or Items()
    return {
        "kind": "invoice",
        "headline": _headline(invoice),
        "badge": _badge(whole),
        "number": issue.number,
        "currency": invoice.figures.currency,
        "dated": _time(issue.issued_at or issue.period_end),
        "facts": {"number": issue.number, "issued": _time(issue.issued_at), **_state_dates(invoice)},
        **_shared(whole.vendor, issue.seller, paper, items, whole.rates, language or whole.language),
        "memo": paper.memo if paper else None,
        "sums": list(_sums(whole, items)),
        "history": sorted(_history(whole), key=lambda entry: (entry["at"] or "", entry["word"])),
        "doubtful": bool(invoice.doubts),
    }


def credit_note_paper(whole: WholeCreditNote, language: str | None = None) -> Document:
    """The paper of a credit note."""
    note, figures, issue = whole.note, whole.note.figures, whole.note.issue
    is_void = note.status is CreditNoteStatus.VOID
    sums = [
        _sum("subtotal", figures.subtotal),
        *_discounts(note.items.discounts, figures.discount),
        *_taxes(note.items.taxes, figures.tax, whole.rates),
        _sum("total", figures.total, strong=True),
    ]
    return {
        "kind": "credit_note",
        "headline": "credit_void" if is_void else "credit_note",
        "badge": "void" if is_void else None,
        "number": issue.number,
        "currency": figures.currency,
        "dated": _time(issue.issued_at),
        "facts": {
            "credit_number": issue.number,
            "issued": _time(issue.issued_at),
            "for_invoice": whole.invoice.issue.number,
            "voided": _time(issue.voided_at),
        },
        **_shared(
            whole.vendor,
            whole.invoice.issue.seller,
            whole.paper,
            note.items,
            whole.rates,
            language or whole.language,
        ),
        "memo": whole.memo,
        "sums": sums,
        "history": [],
        "doubtful": bool(note.doubts),
    }


def paper_file_name(document: Document) -> str:
    """`invoice-AZ-0017.pdf`; whatever is not a plain letter, digit or `-` becomes `-`."""
    number = "".join(char if char.isascii() and char.isalnum() else "-" for char in document["number"] or "draft")
    return f"{document['kind'].replace('_', '-')}-{number[:60]}.pdf"


def _shared(
    vendor: Identity | None, seller: str | None, paper: Paper | None, items: Items, rates: Rates, language: str | None
) -> Document:
    return {
        "language": language or (vendor.language if vendor else None),
        "vendor": _vendor(vendor, seller),
        "customer": _customer(paper),
        "lines": [_line(line, rates) for line in items.lines],
        "reasons": sorted({tax.reason for tax in items.taxes if tax.reason}),
    }


def _vendor(vendor: Identity | None, seller: str | None) -> Document:
    known = vendor or Identity(seller or "")
    return {
        "name": known.name,
        "address": list(known.address),
        "tax_ids": list(known.tax_ids),
        "reach": [each for each in (known.email, known.website, known.phone) if each],
        "footer": known.footer,
        "logo": known.logo,
    }


def _customer(paper: Paper | None) -> Document | None:
    if paper is None:
        return None
    return {
        "name": paper.name,
        "email": paper.email,
        "address": dict(vars(paper.address)),
        "tax_ids": [value for _, value in paper.tax_ids],
        "fields": [list(each) for each in paper.fields],
        "footer": paper.footer,
    }


def _line(line: Line, rates: Rates) -> Document:
    return {
        "description": line.description,
        "quantity": str(line.quantity) if line.quantity is not None else None,
        "unit_amount": str(line.unit_amount) if line.unit_amount is not None else None,
        "amount": line.amount,
        "currency": line.currency,
        "period": [_time(line.period_start), _time(line.period_end)],
        "proration": line.proration,
        "discounts": [{"name": each.name, "amount": each.amount} for each in line.discounts],
        "taxes": [_rate(tax, rates) for tax in line.taxes],
    }


# what is owed


def _sums(whole: WholeInvoice, items: Items) -> Iterator[Document]:
    invoice, figures = whole.invoice, whole.invoice.figures
    yield _sum("subtotal", figures.subtotal)
    yield from _discounts(items.discounts, figures.discount)
    if figures.credits:
        yield _sum("credits", -figures.credits)
    if figures.shipping:
        yield _sum("shipping", figures.shipping)
    yield from _taxes(items.taxes, figures.tax, whole.rates)
    yield _sum("total", figures.total, strong=True)
    if balance := figures.balance_applied:
        yield _sum("balance_used" if balance < 0 else "balance_owed", balance)
    if figures.credited_before_payment:
        yield _sum("credited", -figures.credited_before_payment)
    if figures.amount_paid:
        yield _sum("amount_paid", -figures.amount_paid)
    if invoice.status is not InvoiceStatus.VOID:
        yield _sum("amount_due", figures.remaining, strong=True)


def _discounts(discounts: tuple[Discount, ...], total: int) -> Iterator[Document]:
    for each in discounts:
        yield _sum("discount", -each.amount, name=each.name)
    if not discounts and total:
        yield _sum("discount", -total)


def _taxes(taxes: tuple[Tax, ...], total: int, rates: Rates) -> Iterator[Document]:
    for tax in taxes:
        yield _sum("tax", tax.amount, taxable=tax.taxable, **_rate(tax, rates))
    if not taxes and total:
        yield _sum("tax", total)


def _rate(tax: Tax, rates: Rates) -> Document:
    """What a tax is called; a rate that nobody knows is worked out from the amounts."""
    terms = rates.get(tax.rate or "")
    if terms is not None:
        percentage = str(terms.percentage) if terms.percentage is not None else None
        return {"name": terms.name, "place": terms.jurisdiction, "percentage": percentage, "inclusive": tax.inclusive}
    worked_out = f"{100 * tax.amount / tax.taxable:.2f}" if tax.taxable else None
    return {"name": None, "place": None, "percentage": worked_out, "inclusive": tax.inclusive}


def _sum(word: str, amount: int, *, strong: bool = False, **more: Any) -> Document:
    return {"word": word, "amount": amount, "strong": strong, **more}


# what became of it


def _headline(invoice: Invoice) -> str:
    match invoice.status:
        case InvoiceStatus.OPEN:
            return "open_by" if invoice.issue.due_at else "open"
        case InvoiceStatus.PAID:
            return "paid" if invoice.figures.amount_paid and invoice.issue.paid_at else "nothing"
    return invoice.status.value


def _badge(whole: WholeInvoice) -> str:
    invoice, figures = whole.invoice, whole.invoice.figures
    disputes = [dispute for payment in whole.payments for dispute in payment.disputes.values()]
    if invoice.status is not InvoiceStatus.PAID:
        return invoice.status.value
    if any(dispute.outcome is not DisputeOutcome.WON for dispute in disputes):
        return "disputed"
    if invoice.amount_refunded:
        return "refunded" if invoice.amount_refunded >= figures.amount_paid else "partly_refunded"
    return "credited" if 0 < figures.total <= figures.credited else "paid"


def _state_dates(invoice: Invoice) -> Document:
    """What of them is due, paid, void is printed; a paid invoice needs no date when it was due."""
    issue, status = invoice.issue, invoice.status
    is_open = status in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)
    return {
        "due": _time(issue.due_at) if is_open else None,
        "paid": _time(issue.paid_at) if status is InvoiceStatus.PAID and invoice.figures.amount_paid else None,
        "voided": _time(issue.voided_at) if status is InvoiceStatus.VOID else None,
    }


def _history(whole: WholeInvoice) -> Iterator[Document]:
    """Payments that were made, money that went back, disputes, credit notes."""
    for payment in whole.payments:
        yield from _paid(payment, whole.invoice)
        yield from _refunded(payment, whole.invoice.figures.currency)
        for dispute in payment.disputes.values():
            if dispute.outcome is not DisputeOutcome.WON:
                yield _entry(dispute.disputed_at, "dispute", -dispute.amount, dispute.currency)
    for note in whole.credit_notes:
        if note.status is CreditNoteStatus.ISSUED:
            yield {
                **_entry(note.issue.issued_at, "credit", -note.figures.total, note.figures.currency),
                "number": note.issue.number,
            }


def _paid(payment: Payment, invoice: Invoice) -> Iterator[Document]:
    applied = payment.applications[invoice.id]
    if payment.status is PaymentStatus.SUCCEEDED:
        at = applied.paid_at or payment.made_at
        outside = not payment.attempts and payment.standing is None
        entry = _entry(at, "outside" if outside else "payment", applied.amount_paid, applied.currency)
        yield {**entry, "method": payment.method}


def _refunded(payment: Payment, currency: str) -> Iterator[Document]:
    """Refund by refund, or as the totals of its charges where the provider told no more."""
    for refund in payment.refunds.values():
        sign = -1 if refund.status.is_live else 1
        yield _entry(refund.created_at, _REFUND_WORDS[refund.status], sign * refund.amount, refund.currency)
    if not payment.refunds:
        for total in map(payment.refunded, payment.refunded_charges):
            yield _entry(total.refunded_at, "refund", -total.amount, currency)


_REFUND_WORDS = {
    RefundStatus.SUCCEEDED: "refund",
    RefundStatus.PENDING: "refund_pending",
    RefundStatus.FAILED: "refund_failed",
    RefundStatus.CANCELED: "refund_failed",
}


def _entry(at: datetime | None, word: str, amount: int, currency: str) -> Document:
    return {"at": _time(at), "word": word, "amount": amount, "currency": currency}


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
