"""What follows from each kind of report: on accounts, subscriptions, invoices and, through them, licences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from application.work import Work
from domain.billing_account import BillingAccount
from domain.ids import billing_account_id, invoice_id_for, subscription_id_for
from domain.invoice import Invoice, Issue
from domain.provider_facts import (
    CustomerReport,
    DisputeReport,
    InvoiceReport,
    InvoiceStatus,
    PaymentReport,
    ProviderFact,
    RefundReport,
    SubscriptionReport,
)
from domain.subscription import Purchase, Subscription, Terms

if TYPE_CHECKING:
    from adapters.provider_records import ProviderRecords
    from application.billing_accounts import BillingAccounts
    from application.catalog import Catalog
    from application.entitling import Entitling

_SAME_PAYMENT = timedelta(days=1)
"""How far a charge and the payment of its invoice may lie apart when nothing but customer and amount ties them."""


class ParentUnknown(Exception):
    """A report depends on an object that has not arrived, e.g. `subscription/sub_1A…`."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(reference)


class BillingRules:
    """Each rule changes aggregates of one `Work` and answers the references of the objects that are now known."""

    def __init__(
        self, catalog: Catalog, accounts: BillingAccounts, records: ProviderRecords, entitling: Entitling
    ) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._records = records
        self._entitling = entitling

    def apply(self, work: Work, provider: str, fact: ProviderFact, now: datetime) -> list[str]:
        """Raises `ParentUnknown`; then nothing of `work` may be saved."""
        return list(self._follow(fact, work, provider, now))

    @singledispatchmethod
    def _follow(self, fact: ProviderFact, work: Work, provider: str, now: datetime) -> Iterator[str]:
        raise TypeError(f"no rule for {type(fact).__name__}")

    @_follow.register
    def _(self, fact: CustomerReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        account = self._accounts.account(
            work, provider, fact.customer, fact.seen, now, contact=fact.contact, named=fact.organization_id
        )
        if fact.deleted:
            account.delete(now=now)
        yield f"customer/{fact.customer}"

    @_follow.register
    def _(self, fact: SubscriptionReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        subscription = self._subscription(work, provider, fact, now)
        if fact.trial_ending and fact.trial_end:
            subscription.trial_is_ending(trial_end=fact.trial_end, now=now)
        self._entitling.settle(work, subscription, now)
        yield f"subscription/{fact.subscription}"

    @_follow.register
    def _(self, fact: InvoiceReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        subscription = self._subscription_of(work, provider, fact.subscription)
        account = self._accounts.account(work, provider, fact.customer, fact.seen, now, contact=fact.contact)
        invoice = self._invoice(work, provider, fact, account, now)
        account.add_invoice(invoice.id, now=now)
        self._learn_payments(work, provider, fact.payments, fact.invoice)
        if fact.failed_attempt is not None:
            invoice.payment_failed(
                attempt=fact.failed_attempt,
                failed_at=fact.seen.at,
                next_attempt_at=fact.next_attempt_at,
                now=now,
            )
        if subscription is not None:
            self._tell_subscription(subscription, invoice, fact, now)
            self._entitling.settle(work, subscription, now)
        yield f"invoice/{fact.invoice}"
        yield from (f"payment/{payment}" for payment in fact.payments)

    @_follow.register
    def _(self, fact: PaymentReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        self._learn_payments(work, provider, fact.payments, fact.invoice)
        yield from (f"payment/{payment}" for payment in fact.payments)

    @_follow.register
    def _(self, fact: RefundReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        invoice = self._paid_invoice(work, provider, fact)
        invoice.refund(fact.payments[0], amount=fact.amount_refunded, refunded_at=fact.seen.at, now=now)
        self._learn_payments(work, provider, fact.payments, invoice.provider_id)
        subscription = self._subscription_paid_by(work, invoice)
        if subscription is not None:
            self._tell_refund(subscription, invoice, now)
            self._entitling.settle(work, subscription, now)
        yield from (f"payment/{payment}" for payment in fact.payments)

    @_follow.register
    def _(self, fact: DisputeReport, work: Work, provider: str, now: datetime) -> Iterator[str]:
        invoice = self._known_invoice(work, provider, fact.payments)
        if invoice is None:
            raise ParentUnknown(f"payment/{fact.payments[0]}")
        subscription = self._subscription_paid_by(work, invoice)
        if subscription is not None:
            subscription.payment_disputed(fact.dispute, outcome=fact.outcome, disputed_at=fact.disputed_at, now=now)
            self._entitling.settle(work, subscription, now)
        yield f"dispute/{fact.dispute}"

    # subscriptions

    def _subscription(self, work: Work, provider: str, fact: SubscriptionReport, now: datetime) -> Subscription:
        priced = next(filter(None, map(self._catalog.terms_for_price, fact.prices)), None)
        if priced is None:
            raise ParentUnknown(f"price/{fact.prices[0] if fact.prices else ''}")
        account = self._accounts.account(work, provider, fact.customer, fact.seen, now, named=fact.organization_id)
        id = subscription_id_for(provider, fact.subscription)
        account.add_subscription(id, now=now)
        purchase = Purchase(priced.plan, priced.version, priced.price.code)
        terms = _terms(fact)
        subscription = work.find(Subscription, id)
        if subscription is not None:
            subscription.report(terms, _keep_version(subscription, purchase), seen=fact.seen, now=now)
            return subscription
        return work.add(
            Subscription.start(
                id=id,
                organization_id=account.organization_id,
                provider=provider,
                provider_id=fact.subscription,
                purchase=purchase,
                terms=terms,
                seen=fact.seen,
                now=now,
            )
        )

    @staticmethod
    def _subscription_of(work: Work, provider: str, reference: str | None) -> Subscription | None:
        if reference is None:
            return None
        subscription = work.find(Subscription, subscription_id_for(provider, reference))
        if subscription is None:
            raise ParentUnknown(f"subscription/{reference}")
        return subscription

    @staticmethod
    def _subscription_paid_by(work: Work, invoice: Invoice) -> Subscription | None:
        return work.find(Subscription, invoice.subscription_id) if invoice.subscription_id else None

    def _tell_subscription(
        self, subscription: Subscription, invoice: Invoice, fact: InvoiceReport, now: datetime
    ) -> None:
        if invoice.status.settled:
            paid = fact.status is InvoiceStatus.PAID and fact.figures.amount_paid > 0
            subscription.invoice_settled(invoice.id, paid_at=fact.paid_at if paid else None, now=now)
        elif fact.failed_attempt is not None:
            subscription.payment_failed(
                invoice.id, attempt=fact.failed_attempt, failed_at=invoice.attempts[fact.failed_attempt], now=now
            )
        self._tell_refund(subscription, invoice, now)

    @staticmethod
    def _tell_refund(subscription: Subscription, invoice: Invoice, now: datetime) -> None:
        if invoice.fully_refunded_at is not None:
            subscription.payment_refunded(invoice.id, refunded_at=invoice.fully_refunded_at, now=now)

    # invoices and payments

    def _invoice(
        self, work: Work, provider: str, fact: InvoiceReport, account: BillingAccount, now: datetime
    ) -> Invoice:
        id = invoice_id_for(provider, fact.invoice)
        issue = Issue(fact.number, fact.period_start, fact.period_end, fact.issued_at, fact.paid_at)
        invoice = work.find(Invoice, id)
        if invoice is not None:
            invoice.report(fact.status, fact.figures, issue, seen=fact.seen, now=now)
            return invoice
        return work.add(
            Invoice.report_first(
                id=id,
                organization_id=account.organization_id,
                subscription_id=subscription_id_for(provider, fact.subscription) if fact.subscription else None,
                provider=provider,
                provider_id=fact.invoice,
                status=fact.status,
                figures=fact.figures,
                issue=issue,
                seen=fact.seen,
                now=now,
            )
        )

    def _learn_payments(self, work: Work, provider: str, payments: tuple[str, ...], invoice: str) -> None:
        work.rows += [self._records.learn_payment(provider, payment, invoice) for payment in payments]

    def _paid_invoice(self, work: Work, provider: str, fact: RefundReport) -> Invoice:
        """The invoice that a refunded payment had paid: the one it is known to pay, else the customer's only one that
        was paid with this amount about when the charge was made."""
        if known := self._known_invoice(work, provider, fact.payments):
            return known
        alike = [invoice for invoice in self._invoices_of(work, provider, fact.customer) if _could_pay(fact, invoice)]
        if len(alike) != 1:
            raise ParentUnknown(f"payment/{fact.payments[0]}")
        return alike[0]

    def _known_invoice(self, work: Work, provider: str, payments: tuple[str, ...]) -> Invoice | None:
        references = self._records.invoices_paid_by(provider, payments)
        if not references:
            return None
        invoice = work.find(Invoice, invoice_id_for(provider, references[0]))
        if invoice is None:
            raise ParentUnknown(f"invoice/{references[0]}")
        return invoice

    @staticmethod
    def _invoices_of(work: Work, provider: str, customer: str | None) -> Iterator[Invoice]:
        account = work.find(BillingAccount, billing_account_id(provider, customer)) if customer else None
        for invoice_id in account.invoices if account else ():
            yield work.fetch(Invoice, invoice_id)


def _could_pay(fact: RefundReport, invoice: Invoice) -> bool:
    paid_at = invoice.issue.paid_at
    return (
        paid_at is not None
        and abs(paid_at - fact.charged_at) <= _SAME_PAYMENT
        and (invoice.figures.amount_paid, invoice.figures.currency) == (fact.amount, fact.currency)
    )


def _keep_version(subscription: Subscription, purchase: Purchase) -> Purchase:
    """A running subscription keeps the plan version it was bought under until it is moved to another plan or price."""
    current = subscription.purchase
    return current if (current.plan, current.price) == (purchase.plan, purchase.price) else purchase


def _terms(fact: SubscriptionReport) -> Terms:
    return Terms(
        status=fact.status,
        quantity=fact.quantity,
        period_start=fact.period_start,
        period_end=fact.period_end,
        trial_end=fact.trial_end,
        cancel_at=fact.cancel_at,
        ended_at=fact.ended_at,
    )
