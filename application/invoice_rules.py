"""What follows from reports about invoices, credit notes and tax rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from application.billing_case import Case, ParentUnknown
from domain.credit_note import CreditNote
from domain.ids import credit_note_id_for, invoice_id_for, subscription_id_for, tax_rate_id_for
from domain.invoice import Invoice
from domain.invoice_facts import CreditNoteReport, InvoiceReport, Items, TaxRateReport
from domain.provider_facts import InvoiceStatus
from domain.subscription import Subscription
from domain.tax_rate import TaxRate

if TYPE_CHECKING:
    from adapters.invoice_papers import InvoicePapers
    from application.billing_accounts import BillingAccounts
    from application.entitling import Entitling
    from application.payment_rules import PaymentRules


class InvoiceRules:
    """Rules of `BillingRules`: they change aggregates of one `Work` and answer what is now known."""

    def __init__(
        self, accounts: BillingAccounts, payments: PaymentRules, papers: InvoicePapers, entitling: Entitling
    ) -> None:
        self._accounts = accounts
        self._payments = payments
        self._papers = papers
        self._entitling = entitling

    def tax_rate(self, fact: TaxRateReport, case: Case) -> Iterator[str]:
        rate = case.work.find(TaxRate, tax_rate_id_for(case.provider, fact.rate))
        if rate is not None:
            rate.report(fact.terms, seen_at=fact.seen.at, now=case.now)
        else:
            case.work.add(
                TaxRate.report_first(
                    provider=case.provider,
                    provider_id=fact.rate,
                    terms=fact.terms,
                    seen_at=fact.seen.at,
                    now=case.now,
                )
            )
        yield f"tax_rate/{fact.rate}"

    def invoice(self, fact: InvoiceReport, case: Case) -> Iterator[str]:
        subscription = _subscription_of(case, fact.subscription)
        account = self._accounts.account(
            case.work, case.provider, fact.customer, fact.seen, case.now, contact=fact.contact
        )
        yield from self._learn_rates(case, fact.rates, fact.items)
        invoice = self._report(case, fact)
        account.add_invoice(invoice.id, now=case.now)
        for application in fact.payments:
            yield from self._payments.application(application, case)
        if fact.failed_attempt is not None:
            invoice.payment_failed(
                attempt=fact.failed_attempt,
                failed_at=fact.seen.at,
                next_attempt_at=fact.next_attempt_at,
                now=case.now,
            )
        invoice.check(now=case.now)
        if subscription is not None:
            _tell(subscription, invoice, fact, case)
            self._entitling.settle(case.work, subscription, case.now)
        yield f"invoice/{fact.invoice}"

    def credit_note(self, fact: CreditNoteReport, case: Case) -> Iterator[str]:
        invoice = case.work.find(Invoice, invoice_id_for(case.provider, fact.invoice))
        if invoice is None:
            raise ParentUnknown(f"invoice/{fact.invoice}")
        yield from self._learn_rates(case, fact.rates, fact.items)
        note = case.work.find(CreditNote, credit_note_id_for(case.provider, fact.credit_note))
        if fact.items.completed_by(note.items if note else None).lacks_words:
            case.ask(f"credit_note/{fact.credit_note}")
        if note is None:
            note = self._first_credit_note(fact, invoice, case)
        elif not note.report(fact.status, fact.figures, fact.issue, fact.items, seen=fact.seen, now=case.now):
            return
        case.work.rows.append(self._papers.keep(note.id, note.organization_id, fact.paper))
        invoice.add_credit_note(note.id, now=case.now)
        yield f"credit_note/{fact.credit_note}"

    def _report(self, case: Case, fact: InvoiceReport) -> Invoice:
        id = invoice_id_for(case.provider, fact.invoice)
        invoice = case.work.find(Invoice, id)
        if fact.items.completed_by(invoice.items if invoice else None).lacks_words:
            case.ask(f"invoice/{fact.invoice}")
        if invoice is None:
            invoice = self._first_invoice(fact, case)
        elif not invoice.report(fact.status, fact.figures, fact.issue, seen=fact.seen, now=case.now):
            return invoice
        invoice.itemize(fact.items, now=case.now)
        case.work.rows.append(self._papers.keep(id, invoice.organization_id, fact.paper))
        return invoice

    def _first_invoice(self, fact: InvoiceReport, case: Case) -> Invoice:
        account = self._accounts.account(case.work, case.provider, fact.customer, fact.seen, case.now)
        return case.work.add(
            Invoice.report_first(
                id=invoice_id_for(case.provider, fact.invoice),
                organization_id=account.organization_id,
                subscription_id=subscription_id_for(case.provider, fact.subscription) if fact.subscription else None,
                provider=case.provider,
                provider_id=fact.invoice,
                customer=fact.customer,
                status=fact.status,
                figures=fact.figures,
                issue=fact.issue,
                seen=fact.seen,
                now=case.now,
            )
        )

    @staticmethod
    def _first_credit_note(fact: CreditNoteReport, invoice: Invoice, case: Case) -> CreditNote:
        return case.work.add(
            CreditNote.report_first(
                id=credit_note_id_for(case.provider, fact.credit_note),
                organization_id=invoice.organization_id,
                invoice_id=invoice.id,
                provider=case.provider,
                provider_id=fact.credit_note,
                status=fact.status,
                figures=fact.figures,
                issue=fact.issue,
                items=fact.items,
                seen=fact.seen,
                now=case.now,
            )
        )

    def _learn_rates(self, case: Case, rates: Iterable[TaxRateReport], items: Items) -> Iterator[str]:
        """What the report says of its tax rates; those that it only names are asked for."""
        for rate in rates:
            yield from self.tax_rate(rate, case)
        for name in dict.fromkeys(tax.rate for tax in items.taxes if tax.rate):
            if case.work.find(TaxRate, tax_rate_id_for(case.provider, name)) is None:
                case.ask(f"tax_rate/{name}")


def _subscription_of(case: Case, reference: str | None) -> Subscription | None:
    if reference is None:
        return None
    subscription = case.work.find(Subscription, subscription_id_for(case.provider, reference))
    if subscription is None:
        raise ParentUnknown(f"subscription/{reference}")
    return subscription


def _tell(subscription: Subscription, invoice: Invoice, fact: InvoiceReport, case: Case) -> None:
    if invoice.status.settled:
        paid = fact.status is InvoiceStatus.PAID and fact.figures.amount_paid > 0
        subscription.invoice_settled(invoice.id, paid_at=fact.issue.paid_at if paid else None, now=case.now)
    elif fact.failed_attempt is not None:
        subscription.payment_failed(
            invoice.id, attempt=fact.failed_attempt, failed_at=invoice.attempts[fact.failed_attempt], now=case.now
        )
    subscription.payment_refunded(invoice.id, refunded_at=invoice.fully_refunded_at, now=case.now)
