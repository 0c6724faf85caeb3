"""Looking up at Stripe what a webhook depends on: the real client, against the stand-in over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.clock import Clock
from adapters.stripe_client import Stripe
from adapters.stripe_gateway import StripeGateway
from domain.errors import Unavailable
from domain.invoice_facts import InvoiceReport
from domain.payment_facts import ApplicationReport, ChargeReport, IntentReport
from domain.provider_facts import SubscriptionReport, SubscriptionStatus
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving

PRICE = "price_coditect_pro_monthly"


@pytest.fixture
def account() -> StripeAccount:
    account = StripeAccount(seed=1, now=datetime.now(UTC) - timedelta(hours=1))
    account.price(PRICE, amount=9900)
    account.checkout(price=PRICE, email="ada@example.com", name="Ada", quantity=2)
    return account


@pytest.fixture
def gateway(account) -> Iterator[StripeGateway]:
    with serving(account) as url:
        yield StripeGateway(Stripe("sk_test_x", Clock(), api_base=url))


def newest(account: StripeAccount, kind: str) -> dict[str, Any]:
    return [e["data"]["object"] for e in account.events if e["data"]["object"]["object"] == kind][-1]


def test_a_subscription_is_reported_as_it_is_now_and_newer_than_any_event(gateway, account):
    subscription = newest(account, "subscription")
    (report,) = gateway.look_up(f"subscription/{subscription['id']}")
    assert isinstance(report, SubscriptionReport)
    assert (report.subscription, report.customer) == (subscription["id"], subscription["customer"])
    assert (report.status, report.items[0].quantity, report.items[0].prices[0]) == (SubscriptionStatus.ACTIVE, 2, PRICE)
    assert report.seen.at > datetime.fromtimestamp(account.events[-1]["created"], UTC)


def test_an_invoice_is_reported(gateway, account):
    invoice = newest(account, "invoice")
    (report,) = gateway.look_up(f"invoice/{invoice['id']}")
    assert isinstance(report, InvoiceReport)
    assert (report.invoice, report.figures.amount_paid) == (invoice["id"], 19800)


@pytest.mark.parametrize("kind", ["charge", "payment_intent"])
def test_a_payment_is_traced_to_the_invoice_that_it_pays(gateway, account, kind):
    *about, report = gateway.look_up(f"payment/{newest(account, kind)['id']}")
    assert isinstance(report, ApplicationReport)
    assert report.invoice == newest(account, "invoice")["id"]
    assert report.payment == newest(account, "payment_intent")["id"]
    assert [type(each) for each in about] == ([ChargeReport] if kind == "charge" else [IntentReport, ChargeReport])
    assert {each.payment for each in about} == {report.payment}


@pytest.mark.parametrize("reference", ["subscription/sub_unknown", "payment/ch_unknown", "price/price_x"])
def test_what_stripe_does_not_know_is_no_report(gateway, reference):
    assert list(gateway.look_up(reference)) == []


def test_without_a_key_nobody_is_asked():
    assert StripeGateway(None).look_up("subscription/sub_1") is None


def test_a_stripe_that_is_away_is_asked_again_later(account):
    with serving(account) as url:
        pass
    with pytest.raises(Unavailable):
        StripeGateway(Stripe("sk_test_x", Clock(), api_base=url)).look_up("subscription/sub_1")
