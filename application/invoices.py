"""An invoice with everything that hangs on it: its payments, its credit notes, and the words on its paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.billing_account import BillingAccount
from domain.credit_note import CreditNote
from domain.errors import NotFound
from domain.ids import billing_account_id, tax_rate_id_for, vendor_id
from domain.invoice import Invoice
from domain.invoice_facts import Items, Paper, TaxRateTerms
from domain.payment import Payment
from domain.tax_rate import TaxRate
from domain.vendor import Identity, Vendor

if TYPE_CHECKING:
    from adapters.invoice_papers import InvoicePapers
    from application.store import Store


@dataclass(frozen=True)
class WholeInvoice:
    """From the log. `paper` is None when it was never kept, or erased; `rates` are the tax rates by name as they read
    when the invoice was issued, as far as they are known; `vendor` is who sold then."""

    invoice: Invoice
    payments: tuple[Payment, ...]
    credit_notes: tuple[CreditNote, ...]
    paper: Paper | None
    rates: dict[str, TaxRateTerms]
    vendor: Identity | None
    language: str | None


@dataclass(frozen=True)
class WholeCreditNote:
    """A credit note with the invoice that it takes back; `paper` is the invoice's, `memo` its own."""

    note: CreditNote
    invoice: Invoice
    paper: Paper | None
    memo: str | None
    rates: dict[str, TaxRateTerms]
    vendor: Identity | None
    language: str | None


class Invoices:
    """Reads; what changes an invoice are a provider's reports (`billing.py`)."""

    def __init__(self, store: Store, papers: InvoicePapers) -> None:
        self._store = store
        self._papers = papers

    def whole(self, invoice_id: UUID) -> WholeInvoice:
        """`NotFound` when there is none."""
        invoice = self._store.fetch(Invoice, invoice_id)
        issued_at = invoice.issue.issued_at or invoice.created_on
        return WholeInvoice(
            invoice,
            tuple(self._store.fetch(Payment, id) for id in invoice.payments),
            tuple(self._store.fetch(CreditNote, id) for id in invoice.credit_notes),
            self._papers.find(invoice_id),
            self._rates(invoice.provider, invoice.items, issued_at),
            self._vendor(issued_at),
            self._language(invoice),
        )

    def whole_credit_note(self, invoice_id: UUID, credit_note_id: UUID) -> WholeCreditNote:
        """`NotFound` when there is none, or it is another invoice's."""
        note = self._store.find(CreditNote, credit_note_id)
        if note is None or note.invoice_id != invoice_id:
            raise NotFound.of("credit note", credit_note_id)
        invoice, own = self._store.fetch(Invoice, invoice_id), self._papers.find(credit_note_id)
        return WholeCreditNote(
            note,
            invoice,
            self._papers.find(invoice_id),
            own.memo if own else None,
            self._rates(note.provider, note.items, note.issue.issued_at),
            self._vendor(note.issue.issued_at),
            self._language(invoice),
        )

    def _rates(self, provider: str, items: Items | None, moment: datetime) -> dict[str, TaxRateTerms]:
        found = {name: self._store.find(TaxRate, tax_rate_id_for(provider, name)) for name in _rates_named(items)}
        return {name: rate.at(moment) for name, rate in found.items() if rate}

    def _vendor(self, moment: datetime) -> Identity | None:
        vendor = self._store.find(Vendor, vendor_id())
        return vendor.at(moment) if vendor else None

    def _language(self, invoice: Invoice) -> str | None:
        if invoice.customer is None:
            return None
        account = self._store.find(BillingAccount, billing_account_id(invoice.provider, invoice.customer))
        return account.language[0] if account and account.language else None


def _rates_named(items: Items | None) -> Iterable[str]:
    if items is None:
        return ()
    every = (*items.taxes, *(tax for line in items.lines for tax in line.taxes))
    return sorted({tax.rate for tax in every if tax.rate})
