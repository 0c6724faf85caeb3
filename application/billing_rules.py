"""What follows from each kind of report: on accounts, subscriptions and, through them, licences. What is about money
is in `invoice_rules.py` and `payment_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from application.billing_case import Case, ParentUnknown
from application.work import Work
from domain.ids import subscription_id_for
from domain.invoice_facts import CreditNoteReport, InvoiceReport, TaxRateReport
from domain.payment_facts import (
    ApplicationReport,
    CardReport,
    ChargeReport,
    DisputeReport,
    IntentReport,
    RefundReport,
)
from domain.provider_facts import CustomerReport, ProviderFact, SubscriptionReport
from domain.subscription import Purchase, Subscription, Terms

if TYPE_CHECKING:
    from application.billing_accounts import BillingAccounts
    from application.catalog import Catalog
    from application.entitling import Entitling
    from application.invoice_rules import InvoiceRules
    from application.payment_rules import PaymentRules


class BillingRules:
    """Each rule changes aggregates of one `Work` and answers the references of the objects that are now known."""

    def __init__(
        self,
        catalog: Catalog,
        accounts: BillingAccounts,
        entitling: Entitling,
        invoices: InvoiceRules,
        payments: PaymentRules,
    ) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._entitling = entitling
        self._invoices = invoices
        self._payments = payments

    def apply(
        self, work: Work, provider: str, fact: ProviderFact, now: datetime, asked: Mapping[str, bool] | None = None
    ) -> list[str]:
        """Raises `ParentUnknown` and `NotOurs`; then nothing of `work` may be saved."""
        return list(self._follow(fact, Case(work, provider, now, asked or {})))

    @singledispatchmethod
    def _follow(self, fact: ProviderFact, case: Case) -> Iterator[str]:
        raise TypeError(f"no rule for {type(fact).__name__}")

    @_follow.register
    def _(self, fact: CustomerReport, case: Case) -> Iterator[str]:
        account = self._accounts.account(
            case.work,
            case.provider,
            fact.customer,
            fact.seen,
            case.now,
            contact=fact.contact,
            named=fact.organization_id,
        )
        if fact.language:
            account.learn_language(fact.language, seen=fact.seen, now=case.now)
        if account.contact_seen is None or account.contact_seen[1] <= fact.seen:
            account.learn_method(fact.customer, fact.method, now=case.now)
        account.plan_reminders(now=case.now)
        if fact.deleted:
            account.delete(now=case.now)
        yield f"customer/{fact.customer}"

    @_follow.register
    def _(self, fact: SubscriptionReport, case: Case) -> Iterator[str]:
        subscription = self._subscription(fact, case)
        self._entitling.settle(case.work, subscription, case.now)
        if fact.trial_ending:
            subscription.remind(now=case.now)
        yield f"subscription/{fact.subscription}"

    @_follow.register
    def _(self, fact: TaxRateReport, case: Case) -> Iterator[str]:
        return self._invoices.tax_rate(fact, case)

    @_follow.register
    def _(self, fact: InvoiceReport, case: Case) -> Iterator[str]:
        return self._invoices.invoice(fact, case)

    @_follow.register
    def _(self, fact: CreditNoteReport, case: Case) -> Iterator[str]:
        return self._invoices.credit_note(fact, case)

    @_follow.register
    def _(self, fact: CardReport, case: Case) -> Iterator[str]:
        account = self._accounts.account(case.work, case.provider, fact.customer, fact.seen, case.now)
        account.learn_card(fact.card, now=case.now)
        account.plan_reminders(now=case.now)
        yield f"payment_method/{fact.card.method}"

    @_follow.register
    def _(self, fact: ChargeReport, case: Case) -> Iterator[str]:
        return self._payments.charge(fact, case)

    @_follow.register
    def _(self, fact: IntentReport, case: Case) -> Iterator[str]:
        return self._payments.intent(fact, case)

    @_follow.register
    def _(self, fact: ApplicationReport, case: Case) -> Iterator[str]:
        return self._payments.application(fact, case)

    @_follow.register
    def _(self, fact: RefundReport, case: Case) -> Iterator[str]:
        return self._payments.refund(fact, case)

    @_follow.register
    def _(self, fact: DisputeReport, case: Case) -> Iterator[str]:
        return self._payments.dispute(fact, case)

    def _subscription(self, fact: SubscriptionReport, case: Case) -> Subscription:
        work, provider, now = case.work, case.provider, case.now
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
        else:
            subscription = work.add(
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
        if subscription.seen == fact.seen:
            account.learn_method(fact.subscription, fact.method, now=now)
            account.plan_reminders(now=now)
        return subscription


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
