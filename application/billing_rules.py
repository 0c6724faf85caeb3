"""What follows from each kind of report: on accounts, subscriptions and, through them, licences. What is about money
is in `invoice_rules.py` and `payment_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import singledispatchmethod
from typing import TYPE_CHECKING, NamedTuple

from application.billing_case import Case, ParentUnknown
from application.work import Work
from domain.ids import invoice_id_for, price_book_id, subscription_id_for
from domain.invoice_facts import CreditNoteReport, InvoiceReport, TaxRateReport
from domain.money import Money
from domain.payment_facts import (
    ApplicationReport,
    CardReport,
    ChargeReport,
    DisputeReport,
    IntentReport,
    RefundReport,
)
from domain.plan import Interval, PriceTag
from domain.price_book import PriceBook, PriceLink
from domain.provider_facts import CustomerReport, Item, PriceReport, ProviderFact, ScheduleReport, SubscriptionReport
from domain.subscription import Subscription
from domain.subscription_terms import HeldChange, PlannedChange, Purchase, Terms

if TYPE_CHECKING:
    from application.billing_accounts import BillingAccounts
    from application.catalog import Catalog
    from application.entitling import Entitling
    from application.invoice_rules import InvoiceRules
    from application.payment_rules import PaymentRules


class Bought(NamedTuple):
    """What the items of a report come to in our catalogue."""

    purchase: Purchase
    quantity: int
    seats: int


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
    def _(self, fact: PriceReport, case: Case) -> Iterator[str]:
        """Stripe's schedules name prices by id alone; the key that our catalogue knows may have moved on since."""
        tag = PriceTag(fact.code or "", Money(fact.amount, fact.currency), Interval(fact.interval), fact.interval_count)
        plan = self._catalog.plan_with(tag, case.work)
        if plan is not None:
            book = case.work.fetch(PriceBook, price_book_id())
            book.link([PriceLink(fact.price, plan, tag)], now=case.now)
            yield f"price/{fact.price}"

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

    @_follow.register
    def _(self, fact: ScheduleReport, case: Case) -> Iterator[str]:
        subscription = case.work.find(Subscription, subscription_id_for(case.provider, fact.subscription))
        if subscription is None:
            raise ParentUnknown(f"subscription/{fact.subscription}")
        planned = None
        if fact.next is not None:
            bought = self._bought(fact.next.items, case.work)
            purchase = _keep_version(subscription, bought.purchase)
            planned = PlannedChange(purchase, bought.quantity, bought.seats, fact.next.starts_at)
        subscription.plan(fact.schedule, planned, seen=fact.seen, now=case.now)
        yield f"schedule/{fact.schedule}"

    def _subscription(self, fact: SubscriptionReport, case: Case) -> Subscription:
        work, provider, now = case.work, case.provider, case.now
        bought = self._bought(fact.items, work)
        account = self._accounts.account(work, provider, fact.customer, fact.seen, now, named=fact.organization_id)
        id = subscription_id_for(provider, fact.subscription)
        account.add_subscription(id, now=now)
        subscription = work.find(Subscription, id)
        terms, held = _terms(fact, bought.quantity), self._held(fact, case, subscription)
        if subscription is not None:
            purchase = _keep_version(subscription, bought.purchase)
            told = (terms, purchase, held)
            if _is_of_one_second(fact, subscription) and told != _known(subscription):
                case.ask(f"subscription/{fact.subscription}")
            subscription.report(terms, purchase, held=held, seen=fact.seen, now=now)
        else:
            subscription = work.add(
                Subscription.start(
                    id=id,
                    organization_id=account.organization_id,
                    provider=provider,
                    provider_id=fact.subscription,
                    purchase=bought.purchase,
                    terms=terms,
                    seen=fact.seen,
                    held=held,
                    now=now,
                )
            )
        if subscription.seen == fact.seen:
            account.learn_method(fact.subscription, fact.method, now=now)
            account.plan_reminders(now=now)
        return subscription

    def _held(self, fact: SubscriptionReport, case: Case, known: Subscription | None) -> HeldChange | None:
        if fact.held is None:
            return None
        bought, invoice = self._bought(fact.held.items, case.work), fact.held.invoice
        purchase = _keep_version(known, bought.purchase)
        invoice_id = invoice_id_for(case.provider, invoice) if invoice else None
        return HeldChange(purchase, bought.quantity, bought.seats, fact.held.expires_at, invoice_id)

    def _bought(self, items: Sequence[Item], work: Work) -> Bought:
        """Of several items the first that the catalogue knows: the others are sold by somebody else's list."""
        for item in items:
            found = (self._catalog.terms_for_price(name, work) for name in item.prices)
            if priced := next(filter(None, found), None):
                purchase = Purchase(priced.plan, priced.version, priced.price.code)
                seats = priced.terms.entitlements.seats_granted(item.quantity)
                return Bought(purchase, item.quantity, seats)
        raise ParentUnknown(f"price/{items[0].prices[0] if items else ''}")


def _is_of_one_second(fact: SubscriptionReport, subscription: Subscription) -> bool:
    """Whether an event and our last look at the provider are of the same second: then nobody can say which came first,
    but the provider."""
    known = subscription.seen
    return known.is_looked_up and not fact.seen.is_looked_up and fact.seen.at == known.at


def _known(subscription: Subscription) -> tuple[Terms, Purchase, HeldChange | None]:
    return subscription.terms, subscription.purchase, subscription.held


def _keep_version(subscription: Subscription | None, purchase: Purchase) -> Purchase:
    """A running subscription keeps the plan version it was bought under until it is moved to another plan or price."""
    current = subscription.purchase if subscription else purchase
    return current if (current.plan, current.price) == (purchase.plan, purchase.price) else purchase


def _terms(fact: SubscriptionReport, quantity: int) -> Terms:
    return Terms(
        status=fact.status,
        quantity=quantity,
        period_start=fact.period_start,
        period_end=fact.period_end,
        trial_end=fact.trial_end,
        cancel_at=fact.cancel_at,
        ended_at=fact.ended_at,
    )
