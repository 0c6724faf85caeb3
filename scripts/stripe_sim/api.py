"""The whole API over one ledger: which part answers which request, and what every request and answer goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

from scripts.stripe_sim import older
from scripts.stripe_sim.agenda import Clock, Due
from scripts.stripe_sim.errors import NotSimulated, Unrecognized
from scripts.stripe_sim.expanding import Expanding
from scripts.stripe_sim.ledger import Asked, Json, Ledger
from scripts.stripe_sim.objects import page
from scripts.stripe_sim.operations import Operation, Parameter, is_known, operation
from scripts.stripe_sim.oracle import check
from scripts.stripe_sim.outbox import Outbox
from scripts.stripe_sim.parameters import judged, refuse_unsimulated
from scripts.stripe_sim.resources.cash import Cash
from scripts.stripe_sim.resources.catalog import Plans, Prices, Products
from scripts.stripe_sim.resources.checkout import CheckoutSessions
from scripts.stripe_sim.resources.collection import Collection
from scripts.stripe_sim.resources.completion import Completion
from scripts.stripe_sim.resources.credit_notes import CreditNotes
from scripts.stripe_sim.resources.customers import Balances, Customers, TaxIds
from scripts.stripe_sim.resources.discounts import Coupons, Discounts, PromotionCodes
from scripts.stripe_sim.resources.events import Events, WebhookEndpoints
from scripts.stripe_sim.resources.invoice_items import InvoiceItems
from scripts.stripe_sim.resources.invoices import InvoicePayments, Invoices
from scripts.stripe_sim.resources.invoicing import Invoicing
from scripts.stripe_sim.resources.lines import Lines
from scripts.stripe_sim.resources.payment_intents import PaymentIntents
from scripts.stripe_sim.resources.payment_links import PaymentLinks
from scripts.stripe_sim.resources.payment_methods import PaymentMethods, Sources
from scripts.stripe_sim.resources.payments import Payments
from scripts.stripe_sim.resources.pending_updates import PendingUpdates
from scripts.stripe_sim.resources.portal import PortalConfigurations, PortalSessions
from scripts.stripe_sim.resources.previews import Previews
from scripts.stripe_sim.resources.resource import Answering, Part, Resource
from scripts.stripe_sim.resources.resuming import Resuming
from scripts.stripe_sim.resources.returns import BalanceTransactions, Charges, Disputes, Refunds
from scripts.stripe_sim.resources.schedules import Schedules
from scripts.stripe_sim.resources.setup_intents import SetupIntents
from scripts.stripe_sim.resources.subscribing import Subscribing
from scripts.stripe_sim.resources.subscription_changes import SubscriptionChanges
from scripts.stripe_sim.resources.subscription_items import SubscriptionItems
from scripts.stripe_sim.resources.subscription_life import SubscriptionLife
from scripts.stripe_sim.resources.subscription_payment import SubscriptionPayment
from scripts.stripe_sim.resources.subscriptions import Subscriptions
from scripts.stripe_sim.resources.taxes import TaxRates
from scripts.stripe_sim.resources.test_clocks import TestClocks
from scripts.stripe_sim.settings import Settings

_LEADS_TO_CLOCK = (
    *("customer", "subscription", "from_subscription", "invoice", "payment_intent", "charge", "test_clock"),
    *("schedule", "credit_note"),
)


class Route(NamedTuple):
    """`accepts` None: every parameter is heeded."""

    operation: Operation
    act: Callable[..., Json]
    accepts: frozenset[str] | None


class Api:
    """`url` is where people reach the stand-in's pages; `settings` are the vendor's in the dashboard."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.url = "https://stripe.example"
        self.settings = Settings()
        self.outbox = Outbox()
        self._make_parts()
        parts = [part for part in vars(self).values() if isinstance(part, Part)]
        self._resources = {part.kind: part for part in parts if isinstance(part, Resource)}
        self.routes = [route for part in parts for route in _routes_of(part)]
        self._expanding = Expanding(ledger.lookup, self._shown_when_asked())
        ledger.due_of = self._due
        ledger.rank_of = {kind: resource.rank for kind, resource in self._resources.items()}
        ledger.listeners.append(self.webhook_endpoints.deliver)

    def perform(
        self, method: str, path: str, parameters: Mapping[str, Any], asked: Asked | None = None, *, current: bool = True
    ) -> Json:
        """Do what the request asks and give Stripe's answer. Raises Refused.

        `current`: the request names the current API version, and is held to it.
        """
        with self.ledger.lock:
            route, ids = self._route(method, path)
            given = self._judge(route, parameters, current)
            expand = given.pop("expand", [])
            if route.accepts is not None:
                refuse_unsimulated(given, route.accepts)
            clock = self._clock(ids, given)
            with self.ledger.on(clock), self.ledger.by_request(asked):
                answer = deepcopy(route.act(*ids, given))
            self.ledger.run_clock(clock, self.ledger.time_of(clock))
            for each in expand:
                self._expanding.expand(answer, each)
            _check(answer)
            return answer

    def _route(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        found = [
            (route, match.groups())
            for route in self.routes
            if route.operation.method == method and (match := route.operation.pattern.fullmatch(path))
        ]
        if found:  # of `/invoices/{id}` and `/invoices/create_preview` the one with fewer ids
            return min(found, key=lambda each: len(each[1]))
        if is_known(method, path):
            raise NotSimulated(f"{method} {path}")
        raise Unrecognized(method, path)

    @staticmethod
    def _judge(route: Route, parameters: Mapping[str, Any], current: bool) -> Json:
        method, path = route.operation.method, route.operation.path
        allowed: Mapping[str, Parameter] = route.operation.parameters
        if not current:
            parameters = older.respelled(method, path, parameters)
            allowed = {**allowed, **older.more_parameters(method, path)}
        return judged(parameters, allowed)

    def _clock(self, ids: Iterable[str], given: Mapping[str, Any]) -> Clock:
        """The test clock that the request is about, by the objects that it names."""
        named = [*ids, *(given[name] for name in _LEADS_TO_CLOCK if isinstance(given.get(name), str))]
        for id in named:
            thing = self.ledger.known(id)
            if thing is not None and (clock := self.ledger.clock_of(thing)):
                return clock
        return None

    def _due(self, thing: Json) -> Iterable[Due]:
        resource = self._resources.get(thing["object"])
        return resource.due(thing) if resource and not thing.get("deleted") else ()

    def _shown_when_asked(self) -> dict[tuple[str, str], Callable[[Json], Any]]:
        def listed(kind: str, owner: str, url: str) -> Callable[[Json], Json]:
            return lambda thing: page(self.ledger.find(kind, **{owner: thing["id"]}), url.format(thing["id"]))

        return {
            ("charge", "refunds"): listed("refund", "charge", "/v1/charges/{}/refunds"),
            ("checkout.session", "line_items"): self._line_items,
            ("customer", "cash_balance"): lambda customer: self.cash.retrieve(customer["id"], {}),
            ("customer", "sources"): listed("card", "customer", "/v1/customers/{}/sources"),
            ("customer", "subscriptions"): listed("subscription", "customer", "/v1/customers/{}/subscriptions"),
            ("customer", "tax_ids"): listed("tax_id", "customer", "/v1/customers/{}/tax_ids"),
            ("invoice", "confirmation_secret"): self._confirmation_secret,
            ("invoice", "payments"): listed("invoice_payment", "invoice", "/v1/invoice_payments?invoice={}"),
        }

    def _line_items(self, session: Json) -> Json:
        items = self.checkout_sessions.shown_items(self.ledger.get("checkout.session", session["id"]))
        return page(deepcopy(items), f"/v1/checkout/sessions/{session['id']}/line_items")

    def _confirmation_secret(self, invoice: Json) -> Json | None:
        payment = self.invoicing.payment_of(invoice)
        intent = self.invoicing.intent_of(payment) if payment else None
        return intent and {"client_secret": intent["client_secret"], "type": "payment_intent"}

    def _make_parts(self) -> None:
        make = partial(_made, self.ledger, self)
        self.balance_transactions = make(BalanceTransactions)
        self.balances = make(Balances)
        self.cash = make(Cash)
        self.charges = make(Charges)
        self.checkout_sessions = make(CheckoutSessions)
        self.collection = make(Collection)
        self.completion = make(Completion)
        self.coupons = make(Coupons)
        self.credit_notes = make(CreditNotes)
        self.customers = make(Customers)
        self.discounts = make(Discounts)
        self.disputes = make(Disputes)
        self.events = make(Events)
        self.invoice_items = make(InvoiceItems)
        self.invoice_payments = make(InvoicePayments)
        self.invoices = make(Invoices)
        self.invoicing = make(Invoicing)
        self.lines = make(Lines)
        self.payment_intents = make(PaymentIntents)
        self.payment_links = make(PaymentLinks)
        self.payment_methods = make(PaymentMethods)
        self.payments = make(Payments)
        self.pending_updates = make(PendingUpdates)
        self.plans = make(Plans)
        self.portal_configurations = make(PortalConfigurations)
        self.portal_sessions = make(PortalSessions)
        self.previews = make(Previews)
        self.prices = make(Prices)
        self.products = make(Products)
        self.promotion_codes = make(PromotionCodes)
        self.refunds = make(Refunds)
        self.resuming = make(Resuming)
        self.schedules = make(Schedules)
        self.setup_intents = make(SetupIntents)
        self.sources = make(Sources)
        self.subscribing = make(Subscribing)
        self.subscription_changes = make(SubscriptionChanges)
        self.subscription_items = make(SubscriptionItems)
        self.subscription_life = make(SubscriptionLife)
        self.subscription_payment = make(SubscriptionPayment)
        self.subscriptions = make(Subscriptions)
        self.tax_ids = make(TaxIds)
        self.tax_rates = make(TaxRates)
        self.test_clocks = make(TestClocks)
        self.webhook_endpoints = make(WebhookEndpoints)


def _made(ledger: Ledger, api: Api, part: Any) -> Any:
    return part(ledger, api)


def _routes_of(part: Part) -> Iterator[Route]:
    if isinstance(part, Resource):
        for name in part.generic:
            yield Route(operation(f"{part.service}.{name}"), getattr(part, name), None)
    for name in dir(type(part)):
        answering: Answering | None = getattr(getattr(type(part), name), "answering", None)
        if answering is not None:
            asked = answering.operation
            yield Route(operation(asked) if isinstance(asked, str) else asked, getattr(part, name), answering.accepts)


def _check(answer: Json) -> None:
    """Every object that leaves passes the contract oracle."""
    if answer["object"] not in ("list", "search_result"):
        check(answer)
        return
    for each in answer["data"]:
        check(each)
