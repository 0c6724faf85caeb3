"""What follows from reports about money that moves: attempts, payments of invoices, refunds, disputes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from application.billing_case import Case, NotOurs, ParentUnknown
from domain.billing_account import BillingAccount
from domain.ids import billing_account_id, invoice_id_for, payment_id_for
from domain.invoice import Invoice
from domain.payment import Payment
from domain.payment_facts import (
    Application,
    ApplicationReport,
    ApplicationStatus,
    Card,
    ChargeReport,
    DisputeReport,
    IntentReport,
    Outcome,
    PaymentFact,
    RefundReport,
)
from domain.subscription import Subscription

if TYPE_CHECKING:
    from application.billing_accounts import BillingAccounts
    from application.entitling import Entitling

_SAME_PAYMENT = timedelta(days=1)
"""How far a charge and the payment of its invoice may lie apart when nothing but customer and amount ties them."""


class PaymentRules:
    """Rules of `BillingRules`. A payment tells the invoices that it pays what of it went back, and their subscriptions
    what is disputed, after every report about either: it does not matter which is known first."""

    def __init__(self, accounts: BillingAccounts, entitling: Entitling) -> None:
        self._accounts = accounts
        self._entitling = entitling

    def charge(self, fact: ChargeReport, case: Case) -> Iterator[str]:
        payment = self._payment_of(fact, fact.customer, case)
        payment.attempt(fact.charge, fact.attempt, now=case.now)
        if fact.card and fact.attempt.outcome is Outcome.SUCCEEDED:
            self._card_worked(fact, fact.card, case)
        if fact.refunded:
            payment.charge_refunded(fact.charge, fact.refunded, now=case.now)
        self._tell(payment, case, fact.customer)
        yield from _known(fact)

    def intent(self, fact: IntentReport, case: Case) -> Iterator[str]:
        payment = self._payment_of(fact, fact.customer, case)
        payment.stand(fact.standing, now=case.now)
        if fact.attempt:
            payment.attempt(fact.seen.event, fact.attempt, now=case.now)
        yield from _known(fact)

    def application(self, fact: ApplicationReport, case: Case) -> Iterator[str]:
        invoice = case.work.find(Invoice, invoice_id_for(case.provider, fact.invoice))
        if invoice is None:
            raise ParentUnknown(f"invoice/{fact.invoice}")
        payment = case.work.find(Payment, payment_id_for(case.provider, fact.payment))
        payment = payment or _opened(fact, invoice.organization_id, case)
        payment.pay(invoice.id, fact.application, now=case.now)
        invoice.add_payment(payment.id, now=case.now)
        self._tell(payment, case)
        yield from _known(fact)

    def refund(self, fact: RefundReport, case: Case) -> Iterator[str]:
        payment = self._payment_of(fact, None, case)
        payment.refund(fact.refund, fact.of, now=case.now)
        self._tell(payment, case)
        yield f"refund/{fact.refund}"

    def dispute(self, fact: DisputeReport, case: Case) -> Iterator[str]:
        payment = self._payment_of(fact, None, case)
        payment.dispute(fact.dispute, fact.of, now=case.now)
        for movement, funds in fact.funds:
            payment.move_funds(fact.dispute, movement, funds, now=case.now)
        self._tell(payment, case)
        yield f"dispute/{fact.dispute}"

    def _card_worked(self, fact: ChargeReport, card: Card, case: Case) -> None:
        account = case.work.fetch(BillingAccount, billing_account_id(case.provider, fact.customer or ""))
        account.card_worked(card, charged_at=fact.attempt.attempted_at, now=case.now)
        account.plan_reminders(now=case.now)

    def _payment_of(self, fact: PaymentFact, customer: str | None, case: Case) -> Payment:
        payment = case.work.find(Payment, payment_id_for(case.provider, fact.payment))
        if customer is None:
            return payment or self._nobodys(fact, case)
        account = self._accounts.account(case.work, case.provider, customer, fact.seen, case.now)
        payment = payment or _opened(fact, account.organization_id, case)
        account.add_payment(payment.id, now=case.now)
        return payment

    @staticmethod
    def _nobodys(fact: PaymentFact, case: Case) -> Payment:
        if isinstance(fact, ChargeReport | IntentReport):
            raise NotOurs("a guest's payment: it names no customer and pays no invoice")
        if not case.asked.get(f"payment/{fact.payment}"):
            raise ParentUnknown(f"payment/{fact.payment}")
        raise NotOurs("it is about a payment of nobody we know")

    def _tell(self, payment: Payment, case: Case, customer: str | None = None) -> None:
        """Tells the invoices of a payment, and through them the subscriptions, what became of their money."""
        if not payment.has_consequences:
            return
        if not payment.applications:
            self._find_invoice(payment, case, customer)
        for charge in payment.refunded_charges:
            total = payment.refunded(charge)
            for invoice_id, share in payment.shares(total.amount):
                invoice = case.work.fetch(Invoice, invoice_id)
                invoice.refund(charge, amount=share, refunded_at=total.refunded_at, now=case.now)
        for invoice_id in payment.applications:
            self._tell_subscription(case.work.fetch(Invoice, invoice_id), payment, case)

    def _tell_subscription(self, invoice: Invoice, payment: Payment, case: Case) -> None:
        invoice.check(now=case.now)
        subscription = case.work.find(Subscription, invoice.subscription_id) if invoice.subscription_id else None
        if subscription is None:
            return
        subscription.payment_refunded(invoice.id, refunded_at=invoice.fully_refunded_at, now=case.now)
        for name, dispute in payment.disputes.items():
            subscription.payment_disputed(name, outcome=dispute.outcome, disputed_at=dispute.disputed_at, now=case.now)
        self._entitling.settle(case.work, subscription, case.now)

    def _find_invoice(self, payment: Payment, case: Case, customer: str | None) -> None:
        """Asks the provider which invoice a payment pays. Where that cannot be: the customer's only one that was paid
        with this amount about when the charge was made, else the report waits."""
        reference = f"payment/{payment.provider_id}"
        case.ask(reference)
        if case.asked[reference]:
            return  # it says: none
        alike = [invoice for invoice in _invoices_of(customer, case) if _could_pay(payment, invoice)]
        if len(alike) != 1:
            raise ParentUnknown(reference)
        (invoice,) = alike
        money = payment.money
        assert money is not None and invoice.issue.paid_at is not None
        payment.pay(
            invoice.id,
            Application(
                ApplicationStatus.PAID, money.amount, money.amount, money.currency, invoice.seen, invoice.issue.paid_at
            ),
            now=case.now,
        )
        invoice.add_payment(payment.id, now=case.now)


def _opened(fact: PaymentFact, organization_id: UUID, case: Case) -> Payment:
    return case.work.add(
        Payment.open(provider=case.provider, provider_id=fact.payment, organization_id=organization_id, now=case.now)
    )


def _known(fact: PaymentFact) -> Iterator[str]:
    yield from (f"payment/{name}" for name in fact.names)


def _invoices_of(customer: str | None, case: Case) -> Iterator[Invoice]:
    account = case.work.find(BillingAccount, billing_account_id(case.provider, customer)) if customer else None
    for invoice_id in account.invoices if account else ():
        yield case.work.fetch(Invoice, invoice_id)


def _could_pay(payment: Payment, invoice: Invoice) -> bool:
    money, made_at, paid_at = payment.money, payment.made_at, invoice.issue.paid_at
    return (
        money is not None
        and made_at is not None
        and paid_at is not None
        and abs(paid_at - made_at) <= _SAME_PAYMENT
        and (invoice.figures.amount_paid, invoice.figures.currency) == (money.amount, money.currency)
    )
