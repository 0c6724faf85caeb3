"""An invoice with everything that hangs on it: its payments, its credit notes, and the words on its paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from domain.aggregate import Aggregate
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


A = TypeVar("A", bound=Aggregate)


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
        beside = self._beside(invoice, invoice.items, (*invoice.payments, *invoice.credit_notes))
        issued_at = invoice.issue.issued_at or invoice.created_on
        return WholeInvoice(
            invoice,
            tuple(beside.all(Payment, invoice.payments)),
            tuple(beside.all(CreditNote, invoice.credit_notes)),
            self._papers.find(invoice_id),
            beside.rates(invoice.items, issued_at),
            beside.vendor(issued_at),
            beside.language,
        )

    def whole_credit_note(self, invoice_id: UUID, credit_note_id: UUID) -> WholeCreditNote:
        """`NotFound` when there is none, or it is another invoice's."""
        note = self._store.find(CreditNote, credit_note_id)
        if note is None or note.invoice_id != invoice_id:
            raise NotFound.of("credit note", credit_note_id)
        invoice, own = self._store.fetch(Invoice, invoice_id), self._papers.find(credit_note_id)
        beside = self._beside(invoice, note.items, ())
        return WholeCreditNote(
            note,
            invoice,
            self._papers.find(invoice_id),
            own.memo if own else None,
            beside.rates(note.items, note.issue.issued_at),
            beside.vendor(note.issue.issued_at),
            beside.language,
        )

    def _beside(self, invoice: Invoice, items: Items | None, more: Iterable[UUID]) -> _Beside:
        """All that is printed of other streams, read at once."""
        rates = (tax_rate_id_for(invoice.provider, name) for name in _rates_named(items))
        account = [billing_account_id(invoice.provider, invoice.customer)] if invoice.customer else []
        return _Beside(invoice, self._store.look_at([vendor_id(), *account, *rates, *more]))


class _Beside:
    def __init__(self, invoice: Invoice, found: Mapping[UUID, Aggregate | None]) -> None:
        self._invoice = invoice
        self._found = found

    def all(self, kind: type[A], ids: Iterable[UUID]) -> Iterator[A]:
        for id in ids:
            found = self._found[id]
            assert isinstance(found, kind)  # an invoice names what was stored with its naming
            yield found

    def rates(self, items: Items | None, moment: datetime) -> dict[str, TaxRateTerms]:
        named = {name: self._found[tax_rate_id_for(self._invoice.provider, name)] for name in _rates_named(items)}
        return {name: rate.at(moment) for name, rate in named.items() if isinstance(rate, TaxRate)}

    def vendor(self, moment: datetime) -> Identity | None:
        vendor = self._found[vendor_id()]
        return vendor.at(moment) if isinstance(vendor, Vendor) else None

    @property
    def language(self) -> str | None:
        account = self._found.get(billing_account_id(self._invoice.provider, self._invoice.customer or ""))
        return account.language[0] if isinstance(account, BillingAccount) and account.language else None


def _rates_named(items: Items | None) -> Iterable[str]:
    if items is None:
        return ()
    every = (*items.taxes, *(tax for line in items.lines for tax in line.taxes))
    return sorted({tax.rate for tax in every if tax.rate})
