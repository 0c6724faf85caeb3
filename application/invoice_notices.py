"""Mails with papers: invoices, credit notes; and money that goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.notices import Writer
from application.store import Store
from domain.credit_note import CreditNote
from domain.ids import license_id_for
from domain.invoice import Invoice
from domain.invoice_facts import CreditNoteStatus
from domain.license import License
from domain.mail_kinds import MailKind
from domain.money import Money
from domain.notice import Draft, File
from domain.payment import Payment
from domain.provider_facts import InvoiceStatus
from domain.standing import UNPAID
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.purchases import Purchases
    from application.readers import Party, Readers

_NEWS = timedelta(days=7)
"""What is older when it becomes known is not mailed: whoever brings years of invoices in must not send them all."""
_RENEWAL = "subscription_cycle"
_PDF = "application/pdf"

InvoicePdf = Callable[[UUID, str | None], tuple[str, bytes]]
CreditNotePdf = Callable[[UUID, UUID, str | None], tuple[str, bytes]]


class InvoiceNotices:
    """Nothing is said of invoices without money. Papers are printed as they read when they are sent."""

    def __init__(
        self,
        store: Store,
        readers: Readers,
        purchases: Purchases,
        invoice_pdf: InvoicePdf,
        credit_note_pdf: CreditNotePdf,
        clock: Clock,
    ) -> None:
        self._store = store
        self._readers = readers
        self._purchases = purchases
        self._invoice_pdf = invoice_pdf
        self._credit_note_pdf = credit_note_pdf
        self._clock = clock

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "invoice_issued": self._issued,
            "invoice_paid": self._paid,
            "refund_issued": self._refunded,
            "credit_note_issued": self._credited,
        }

    def _issued(self, event: Any) -> Draft | None:
        """Of one that the customer pays by himself; others are collected, and told when they are paid."""
        invoice = self._store.fetch(Invoice, event.originator_id)
        issue, figures = invoice.issue, invoice.figures
        if invoice.status is not InvoiceStatus.OPEN or issue.due_at is None or figures.remaining <= 0:
            return None
        party = self._party(invoice, issue.issued_at)
        if party is None:
            return None
        context = {
            **self._names(invoice, party, Money(figures.remaining, figures.currency)),
            "due_at": issue.due_at,
            "pay_url": self._purchases.pay_url(invoice.id),
        }
        return self._draft(MailKind.INVOICE_ISSUED, invoice, party, context, self._paper(invoice, party))

    def _paid(self, event: Any) -> Draft | None:
        """A receipt; of a renewal that went as it should, the word that it did."""
        invoice = self._store.fetch(Invoice, event.originator_id)
        figures, paid_at = invoice.figures, invoice.issue.paid_at
        if invoice.status is not InvoiceStatus.PAID or figures.amount_paid <= 0:
            return None
        party = self._party(invoice, paid_at)
        if party is None:
            return None
        amount = Money(figures.amount_paid, figures.currency)
        return self._renewed(invoice, amount, party) or self._draft(
            MailKind.INVOICE_PAID,
            invoice,
            party,
            {**self._names(invoice, party, amount), "paid_at": paid_at, **self._still_owed(invoice)},
            self._paper(invoice, party),
        )

    def _renewed(self, invoice: Invoice, amount: Money, party: Party) -> Draft | None:
        """None when the period that was paid is over, or payments had failed before: then it is no mere renewal."""
        license = self._purchases.working_license(invoice.subscription_id) if invoice.subscription_id else None
        if license is None or invoice.issue.reason != _RENEWAL or invoice.attempts:
            return None
        subscription = self._store.fetch(Subscription, invoice.subscription_id or invoice.id)
        works_until = subscription.terms.period_end
        if works_until <= self._clock.now():
            return None
        if not self._purchases.is_sent(MailKind.SUBSCRIPTION_RENEWED, license.terms.product):
            return None
        context = {
            "number": _number(invoice),
            "amount": amount,
            "works_until": works_until,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(
            MailKind.SUBSCRIPTION_RENEWED,
            license,
            context,
            files=(self._paper(invoice, party),),
            thread=invoice.id,
        )

    def _still_owed(self, paid: Invoice) -> dict[str, Any]:
        """What else must be paid before the licence works again: who pays the newer of two invoices and reads only
        thanks would wait for it in vain."""
        subscription = self._store.find(Subscription, paid.subscription_id) if paid.subscription_id else None
        license = self._store.find(License, license_id_for(subscription.id)) if subscription else None
        owed = self._purchases.overdue(subscription)
        if subscription is None or license is None or owed is None or license.suspended_reason not in UNPAID:
            return {"owed": None, "pay_url": None}
        pay_url = self._purchases.pay_url(owed.id) or self._purchases.manage_url(subscription.id)
        return {"owed": Money(owed.figures.remaining, owed.figures.currency), "pay_url": pay_url}

    def _refunded(self, event: Invoice.Refunded) -> Draft | None:
        """How much more went back than before, or how much of it came back to the vendor."""
        invoice = self._store.fetch(Invoice, event.originator_id)
        before = self._store.fetch(Invoice, invoice.id, version=event.originator_version - 1)
        known = before.refunds.get(event.payment)
        change = event.refund.amount - (known.amount if known else 0)
        party = self._party(invoice, event.refund.refunded_at)
        if change == 0 or party is None or (change > 0 and self._is_credited(invoice, event.payment)):
            return None
        context = self._names(invoice, party, Money(abs(change), invoice.figures.currency))
        if change < 0:
            return self._draft(MailKind.REFUND_FAILED, invoice, party, context)
        context["refunded_at"] = event.refund.refunded_at
        return self._draft(MailKind.REFUND_ISSUED, invoice, party, context)

    def _credited(self, event: CreditNote.Reported) -> Draft | None:
        note = self._store.fetch(CreditNote, event.originator_id)
        if note.status is not CreditNoteStatus.ISSUED:
            return None
        invoice = self._store.fetch(Invoice, note.invoice_id)
        party = self._party(invoice, note.issue.issued_at)
        if party is None:
            return None
        name, content = self._credit_note_pdf(invoice.id, note.id, party.reader.language)
        context = {
            **self._names(invoice, party, Money(note.figures.total, note.figures.currency)),
            "credit_number": note.issue.number,
        }
        return self._draft(MailKind.CREDIT_NOTE_ISSUED, invoice, party, context, File(name, content, _PDF))

    def _is_credited(self, invoice: Invoice, charge: str) -> bool:
        """Whether a credit note tells of a refund of this charge."""
        notes = self._store.find_all(CreditNote, invoice.credit_notes)
        told = {refund for note in notes for refund in note.issue.refunds}
        payments = self._store.find_all(Payment, invoice.payments) if told else []
        return any(
            name in told and refund.charge == charge for payment in payments for name, refund in payment.refunds.items()
        )

    def _party(self, invoice: Invoice, since: datetime | None) -> Party | None:
        is_news = since is not None and self._clock.now() - since <= _NEWS
        return self._readers.organization(invoice.organization_id) if is_news else None

    def _paper(self, invoice: Invoice, party: Party) -> File:
        name, content = self._invoice_pdf(invoice.id, party.reader.language)
        return File(name, content, _PDF)

    def _names(self, invoice: Invoice, party: Party, amount: Money) -> dict[str, Any]:
        product = self._product(invoice)
        return {
            "organization_name": party.name,
            "product_name": self._purchases.product_name(product) if product else None,
            "number": _number(invoice),
            "amount": amount,
        }

    def _product(self, invoice: Invoice) -> str | None:
        subscription = self._store.find(Subscription, invoice.subscription_id) if invoice.subscription_id else None
        return self._purchases.product(subscription) if subscription else None

    def _draft(self, kind: MailKind, invoice: Invoice, party: Party, context: Mapping[str, Any], *files: File) -> Draft:
        return Draft(kind, party.reader, context, files, thread=invoice.id, product=self._product(invoice))


def _number(invoice: Invoice) -> str:
    return invoice.issue.number or invoice.provider_id
