"""What a provider's webhooks become: once, in any order, never lost."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters.bootstrap import Services
from adapters.stripe_client import Stripe
from adapters.stripe_gateway import StripeGateway
from domain.ids import invoice_id_for, license_id_for, organization_id_for, provider_event_id, subscription_id_for
from domain.invoice import Invoice
from domain.license import License, Status
from domain.organization import Organization
from domain.provider_event import ProviderEvent
from domain.provider_event import Status as EventStatus
from domain.provider_facts import InvoiceStatus
from domain.subscription import Subscription
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving

CATALOG = Path("docs/catalogs/coditect.yaml")
PRO = "price_coditect_pro_monthly"
START = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Engine:
    """The services with a clock that the test sets, fed with webhooks as a worker would be."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.now = START
        services.clock.now = lambda: self.now  # type: ignore[method-assign]
        services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
        self.woken: list[UUID] = []
        services.billing._wake = self.woken.append

    def receive(self, event: dict[str, Any]) -> UUID:
        received, rows = self.services.billing.receive(
            "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
        )
        self.services.store.add(received, rows=rows)
        return received.id

    def feed(self, events: list[dict[str, Any]]) -> None:
        """Stores and processes each event, and whatever its arrival wakes."""
        for event in events:
            id = provider_event_id("stripe", event["id"])
            if self.services.store.find(ProviderEvent, id) is None:
                self.receive(event)
            self.process(id)

    def process(self, id: UUID) -> None:
        self.woken.append(id)
        while self.woken:
            self.services.billing.process(self.woken.pop())

    def sweep(self) -> None:
        """What the scheduler does for events that nobody finished."""
        for id in self.services.provider_records.unprocessed(
            received_before=self.now + timedelta(seconds=1), limit=1000
        ):
            self.process(id)

    def subscription(self, reference: str) -> Subscription:
        return self.services.store.fetch(Subscription, subscription_id_for("stripe", reference))

    def license(self, reference: str) -> License:
        return self.services.store.fetch(License, license_id_for(subscription_id_for("stripe", reference)))

    def status(self, reference: str) -> Status:
        return self.license(reference).status(self.now)

    def event(self, event: dict[str, Any]) -> ProviderEvent:
        return self.services.store.fetch(ProviderEvent, provider_event_id("stripe", event["id"]))


@pytest.fixture
def engine(services) -> Engine:
    return Engine(services)


@pytest.fixture
def stripe() -> StripeAccount:
    account = StripeAccount(seed=1, now=START)
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    account.price("price_coditect_starter_monthly", amount=2900, lookup_key="starter-monthly")
    return account


def bought(stripe: StripeAccount, **options: Any) -> str:
    options = {"price": PRO, "email": "ada@example.com", "name": "Ada", **options}
    return stripe.checkout(**options).the("subscription")["id"]


def test_a_checkout_becomes_a_licence_of_a_new_organization(engine, stripe):
    sub = bought(stripe)
    engine.feed(stripe.events)
    license = engine.license(sub)
    assert (license.terms.plan, license.terms.seats, license.status(engine.now)) == ("pro", 10, Status.ACTIVE)
    assert license.expires_at == engine.subscription(sub).terms.period_end
    contact = engine.services.organizations.contact(license.organization_id)
    assert contact is not None and contact.email == "ada@example.com"


def test_the_key_of_a_new_licence_opens_it_at_once(engine, stripe):
    sub = bought(stripe)
    engine.feed(stripe.events)
    key = engine.services.license_keys.reveal(engine.license(sub))
    assert engine.services.licenses.by_key(key.text).id == engine.license(sub).id


def test_a_delivery_that_comes_twice_changes_nothing(engine, stripe):
    sub = bought(stripe)
    engine.feed(stripe.events)
    position = engine.services.store.recorder.max_notification_id()
    engine.feed(stripe.events)
    assert engine.services.store.recorder.max_notification_id() == position
    assert engine.status(sub) is Status.ACTIVE


def test_a_buyer_named_at_checkout_gets_what_the_provider_reported_before(engine, stripe):
    owner = Organization.register(id=UUID(int=7), now=START)
    engine.services.store.add(owner)
    sub = bought(stripe, client_reference_id=str(owner.id))
    named_last = sorted(stripe.events, key=lambda event: event["type"] == "checkout.session.completed")
    engine.feed(named_last)
    assert engine.license(sub).organization_id == engine.subscription(sub).organization_id == owner.id
    customer = next(e for e in stripe.events if e["type"] == "customer.created")["data"]["object"]["id"]
    made = engine.services.store.find(Organization, organization_id_for("stripe", customer))
    assert made is None or made.merged_into == owner.id


def test_what_was_bought_before_its_owner_registered_is_handed_over_once_the_address_is_proven(engine, stripe):
    sub = bought(stripe)
    engine.feed(stripe.events)
    users, errands = engine.services.users, engine.services.errands
    registered = users.register(
        email="Ada@Example.com", password="correct horse battery", full_name="Ada", company_name="Ada Ltd"
    )
    errands._claims.claim(registered.user_id)
    assert engine.license(sub).organization_id != registered.organization_id
    link = users.verification_link(registered.user_id)
    users.verify_email(link.url.split("token=")[1])
    for _ in range(2):
        errands._claims.claim(registered.user_id)
    assert engine.license(sub).organization_id == registered.organization_id
    assert engine.subscription(sub).organization_id == registered.organization_id


def test_a_failed_renewal_is_grace_then_suspension_and_a_payment_heals(engine, stripe):
    sub = bought(stripe)
    invoice = stripe.fail_renewal(sub).the("invoice")["id"]
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert engine.status(sub) is Status.GRACE
    assert engine.license(sub).grace_ends_at == engine.license(sub).payment.until
    for _ in range(2):
        stripe.fail_again(invoice)
        engine.now = stripe.now
        engine.feed(stripe.events)
    assert engine.status(sub) is Status.SUSPENDED
    stripe.pay(invoice)
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert engine.status(sub) is Status.ACTIVE


def test_grace_that_ran_out_while_the_workers_were_down_is_settled_when_they_are_back(engine, stripe):
    sub = bought(stripe)
    stripe.fail_renewal(sub)
    engine.now = stripe.now
    engine.feed(stripe.events)
    engine.now += timedelta(days=15)
    engine.services.billing.settle(engine.subscription(sub).id)
    assert engine.license(sub).is_held_by_payment


def test_an_invoice_whose_subscription_is_unknown_waits_and_is_woken(engine, stripe):
    sub = bought(stripe)
    invoices = [e for e in stripe.events if e["type"] == "invoice.paid"]
    others = [e for e in stripe.events if e["type"] != "invoice.paid"]
    engine.feed(invoices)
    waiting = engine.event(invoices[0])
    assert (waiting.status, waiting.waiting_for) == (EventStatus.DEFERRED, f"subscription/{sub}")
    engine.feed(others)
    assert engine.event(invoices[0]).status is EventStatus.PROCESSED


def test_an_invoice_whose_subscription_arrives_while_it_lies_down_to_wait_is_not_forgotten(engine, stripe):
    bought(stripe)
    invoices = [e for e in stripe.events if e["type"] == "invoice.paid"]
    others = [e for e in stripe.events if e["type"] != "invoice.paid"]
    defer = engine.services.billing._defer

    def too_late(*args: Any) -> None:
        engine.services.billing._defer = defer
        engine.feed(others)  # another worker is through with them before our note is there
        defer(*args)

    engine.services.billing._defer = too_late
    engine.feed(invoices)
    assert engine.event(invoices[0]).status is EventStatus.PROCESSED


def test_an_unknown_price_waits_until_the_catalogue_knows_it(engine):
    stripe = StripeAccount(seed=1, now=START)
    stripe.price("price_other", amount=100)
    sub = bought(stripe, price="price_other")
    engine.feed(stripe.events)
    created = next(e for e in stripe.events if e["type"] == "customer.subscription.created")
    assert engine.event(created).waiting_for == "price/price_other"
    catalog = CATALOG.read_text().replace(PRO, "price_other")
    engine.services.catalog.apply(engine.services.catalog.read(catalog))
    engine.sweep()
    engine.sweep()
    assert engine.status(sub) is Status.ACTIVE


def test_an_event_type_that_means_nothing_here_is_ignored_visibly(engine, stripe):
    bought(stripe)
    created = next(e for e in stripe.events if e["type"] == "payment_intent.created")
    engine.feed([created])
    assert engine.event(created).status is EventStatus.IGNORED


def test_a_full_refund_suspends_and_a_partial_one_does_not(engine, stripe):
    sub = bought(stripe)
    invoice = _invoice_of(stripe, sub)
    stripe.advance(timedelta(hours=1))
    stripe.refund(invoice, amount=100)
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert engine.status(sub) is Status.ACTIVE
    stripe.refund(invoice)
    engine.feed(stripe.events)
    assert (engine.status(sub), engine.license(sub).suspended_reason) == (Status.SUSPENDED, "payment_refunded")
    mirrored = engine.services.store.fetch(Invoice, invoice_id_for("stripe", invoice))
    assert (mirrored.status, mirrored.amount_refunded) == (InvoiceStatus.PAID, 9900)


def test_a_dispute_suspends_and_winning_it_reinstates(engine, stripe):
    sub = bought(stripe)
    stripe.advance(timedelta(hours=1))
    dispute = stripe.dispute(_invoice_of(stripe, sub)).the("dispute")["id"]
    engine.feed(stripe.events)
    assert engine.license(sub).suspended_reason == "payment_disputed"
    stripe.close_dispute(dispute, won=True)
    engine.feed(stripe.events)
    assert engine.status(sub) is Status.ACTIVE


def test_a_quantity_and_a_plan_change_resize_the_licence(engine, stripe):
    sub = bought(stripe)
    stripe.change_quantity(sub, 3)
    engine.feed(stripe.events)
    assert engine.license(sub).terms.seats == 30
    stripe.change_price(sub, "price_coditect_starter_monthly")
    engine.feed(stripe.events)
    assert (engine.license(sub).terms.plan, engine.license(sub).terms.seats) == ("starter", 9)


def test_a_deleted_subscription_revokes_its_licence(engine, stripe):
    sub = bought(stripe)
    stripe.cancel(sub, at_period_end=True)
    engine.feed(stripe.events)
    assert (engine.status(sub), engine.license(sub).expires_at) == (
        Status.ACTIVE,
        engine.subscription(sub).terms.cancel_at,
    )
    stripe.delete(sub)
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert engine.status(sub) is Status.REVOKED


def test_two_workers_at_one_event_process_it_once(engine, stripe):
    sub = bought(stripe)
    ids = [engine.receive(event) for event in stripe.events]
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(engine.services.billing.process, ids * 4))
    engine.sweep()
    engine.sweep()
    processed = [engine.services.store.fetch(ProviderEvent, id) for id in ids]
    assert all(event.is_finished and event.version <= 3 for event in processed)
    assert engine.status(sub) is Status.ACTIVE
    assert len(list(engine.services.store.events.get(engine.license(sub).id))) == 1


@pytest.mark.parametrize("seed", range(8))
def test_any_order_and_repetition_of_a_life_ends_in_the_same_state(services, stripe, seed):
    sub = bought(stripe, trial_days=14)
    stripe.end_trial(sub)
    stripe.refund(_invoice_of(stripe, sub))  # outweighed by the payments to come
    stripe.change_quantity(sub, 2)
    invoice = stripe.fail_renewal(sub).the("invoice")["id"]
    stripe.fail_again(invoice)
    stripe.pay(invoice)
    dispute = stripe.dispute(invoice).the("dispute")["id"]
    stripe.close_dispute(dispute, won=True)
    stripe.renew(sub)
    invoice = stripe.fail_renewal(sub).the("invoice")["id"]
    engine = Engine(services)
    engine.now = stripe.now
    events = list(stripe.events) * 2
    if seed:
        random.Random(seed).shuffle(events)
    engine.feed(events)
    engine.sweep()
    subscription, license = engine.subscription(sub), engine.license(sub)
    assert (subscription.terms.status.value, subscription.terms.quantity) == ("past_due", 2)
    assert subscription.payments.failures.keys() == {invoice_id_for("stripe", invoice)}
    assert (license.status(engine.now), license.payment.attempt, license.terms.seats) == (Status.GRACE, 1, 20)
    assert all(engine.event(event).is_finished for event in stripe.events)


def _invoice_of(stripe: StripeAccount, sub: str) -> str:
    """The newest invoice of a subscription."""
    paid = [e for e in stripe.events if e["type"] == "invoice.paid"]
    return [e for e in paid if e["data"]["object"]["parent"]["subscription_details"]["subscription"] == sub][-1][
        "data"
    ]["object"]["id"]


def test_what_a_webhook_depends_on_is_looked_up_where_stripe_can_be_asked(services, stripe):
    sub = bought(stripe)
    dispute = stripe.dispute(_invoice_of(stripe, sub)).the("dispute")["id"]
    disputed = next(e for e in stripe.events if e["data"]["object"]["id"] == dispute)
    with serving(stripe) as url:
        vars(services)["stripe"] = StripeGateway(Stripe("sk_test_x", services.clock, api_base=url))
        engine = Engine(services)
        engine.now = stripe.now
        engine.feed([disputed])
    assert engine.event(disputed).status is EventStatus.PROCESSED
    assert engine.license(sub).suspended_reason == "payment_disputed"
