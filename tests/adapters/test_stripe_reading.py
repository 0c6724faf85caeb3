"""Webhooks that are not as they should be: other versions, other modes, thin ones, odd and missing parts. Each has a
stated outcome (docs/stripe-webhooks.md)."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters import stripe_events
from adapters.clock import Clock
from adapters.stripe_client import Stripe
from adapters.stripe_fields import Nothing
from adapters.stripe_gateway import StripeGateway
from domain.errors import Unavailable
from domain.invoice_facts import CreditNoteReport, InvoiceReport, TaxRateReport
from domain.payment_facts import ChargeReport, DisputeReport, IntentReport, Outcome, Progress, RefundStatus
from domain.provider_facts import CustomerReport, DisputeOutcome, InvoiceStatus, Reading
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving
from tests.stripe_money import event, newest, tax_rate, with_lines

PRICE = "price_coditect_pro_monthly"
_BESIDE = [folder / "shared" / "fixtures" / "stripe_objects" for folder in Path(__file__).parents]
SAMPLES = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[3])


@pytest.fixture
def account() -> StripeAccount:
    account = StripeAccount(seed=1, now=datetime.now(UTC) - timedelta(hours=1))
    account.price(PRICE, amount=9900)
    account.checkout(price=PRICE, email="ada@example.com", name="Ada")
    return account


@pytest.fixture
def invoice(account) -> dict[str, Any]:
    return newest(account, "invoice")


def read(told: dict[str, Any], **gateway: Any) -> Reading:
    return StripeGateway(None, **gateway).read(orjson.dumps(told))


def about(invoice: dict[str, Any], type: str = "invoice.updated", **changes: Any) -> InvoiceReport:
    told = event(type, {**invoice, **changes}, at=1_800_000_000, checked=False)
    fact = read(told).fact
    assert isinstance(fact, InvoiceReport)
    return fact


# modes, versions, thin events


def test_an_event_of_the_other_mode_is_ignored_and_says_so(invoice):
    told = event("invoice.updated", invoice, at=1, livemode=True)
    assert read(told) == Reading(None, "an event of Stripe's live mode, and this engine is of the test mode")
    told = event("invoice.updated", invoice, at=1)
    assert "test mode, and this engine is of the live mode" in read(told, live=True).reason
    assert read({**told, "livemode": True}, live=True).fact is not None


def test_an_event_of_our_version_or_without_one_is_read_as_it_is(invoice):
    told = event("invoice.updated", invoice, at=1)
    assert read(told).remarks == read({**told, "api_version": None}).remarks == ()


def test_an_object_of_another_version_is_asked_for_again_in_ours(account, invoice):
    old = {"id": invoice["id"], "object": "invoice", "former": "shape"}
    told = event("invoice.paid", old, at=1_800_000_000, checked=False, api_version="2020-08-27")
    with serving(account) as url:
        reading = StripeGateway(Stripe("sk_test_x", Clock(), api_base=url)).read(orjson.dumps(told))
    assert reading.remarks == ("of API version 2020-08-27, asked for again in ours",)
    assert isinstance(reading.fact, InvoiceReport) and reading.fact.figures.amount_paid == 9900
    assert (reading.fact.seen.event, reading.fact.seen.at.year) == (told["id"], 2027)


def test_an_object_of_another_version_is_read_as_it_came_where_nobody_can_be_asked(account, invoice):
    told = event("invoice.updated", invoice, at=1, api_version="2027-03-01.later")
    assert read(told).remarks == ("of API version 2027-03-01.later, read as it came",)
    told["data"]["object"]["id"] = "in_unknown"
    with serving(account) as url:
        reading = StripeGateway(Stripe("sk_test_x", Clock(), api_base=url)).read(orjson.dumps(told))
    assert reading.remarks == ("of API version 2027-03-01.later, read as it came",)


def test_a_shape_that_nobody_understands_is_a_visible_fault():
    told = event("invoice.paid", {"id": "in_1", "object": "invoice"}, at=1, checked=False, api_version="2030-01-01")
    with pytest.raises(KeyError):
        read(told)


def test_a_stripe_that_is_away_is_asked_again_later(account, invoice):
    with serving(account) as url:
        pass
    told = event("invoice.updated", invoice, at=1, api_version="2020-08-27")
    with pytest.raises(Unavailable):
        StripeGateway(Stripe("sk_test_x", Clock(), api_base=url)).read(orjson.dumps(told))


def thin(kind: str, **related: Any) -> dict[str, Any]:
    return {
        "id": "evt_thin_1",
        "object": "v2.core.event",
        "type": kind,
        "created": "2027-01-15T06:20:52.246Z",
        "livemode": False,
        "related_object": related or None,
    }


def test_a_thin_event_is_followed_up_where_stripe_can_be_asked(account, invoice):
    told = thin("v1.invoice.paid", id=invoice["id"], type="invoice", url=f"/v1/invoices/{invoice['id']}")
    with serving(account) as url:
        reading = StripeGateway(Stripe("sk_test_x", Clock(), api_base=url)).read(orjson.dumps(told))
    assert isinstance(reading.fact, InvoiceReport) and reading.remarks == ("a thin event, its object asked for",)
    assert reading.fact.seen.at == datetime(2027, 1, 15, 6, 20, 52, tzinfo=UTC)


def test_a_thin_event_without_anybody_to_ask_or_of_a_kind_of_its_own_is_ignored(invoice):
    told = thin("v1.invoice.paid", id=invoice["id"], type="invoice", url="")
    assert read(told) == Reading(None, "a thin event, and Stripe cannot be asked for its object")
    for type in ("v1.billing.meter.no_meter_found", "v2.core.account.updated"):
        assert read(thin(type)) == Reading(None, "nothing follows from events of this kind")


# older shapes


def test_an_invoice_of_before_2025_is_understood_as_far_as_it_says_the_same(invoice):
    line = {
        "id": "il_old",
        "amount": 9900,
        "currency": "usd",
        "description": "Pro",
        "proration": True,
        "price": {"id": PRICE, "product": "prod_1", "unit_amount_decimal": "9900"},
        "quantity": 1,
        "period": {"start": 1, "end": 2},
        "tax_amounts": [{"amount": 99, "inclusive": False, "tax_rate": "txr_old", "taxable_amount": 9900}],
    }
    old = {
        **{name: value for name, value in invoice.items() if name not in ("parent", "total_taxes")},
        "subscription": "sub_old",
        "payment_intent": "pi_old",
        "charge": "ch_old",
        "tax": 99,
        "total_tax_amounts": line["tax_amounts"],
        "lines": {"data": [line], "has_more": False},
    }
    fact = about(old)
    (told,), (payment,) = fact.items.lines, fact.payments
    assert (fact.subscription, fact.figures.tax, told.proration, told.price) == ("sub_old", 99, True, PRICE)
    assert (told.taxes[0].rate, payment.names, payment.application.amount_paid) == (
        "txr_old",
        ("pi_old", "ch_old"),
        9900,
    )


# odd and missing parts


def test_an_invoice_without_its_optional_parts_is_read(invoice):
    optional = (
        *("account_name", "customer_address", "customer_phone", "customer_tax_ids", "custom_fields", "description"),
        *("total_discount_amounts", "total_taxes", "total_pretax_credit_amounts", "shipping_cost", "footer"),
        *("status_transitions", "effective_at", "billing_reason", "hosted_invoice_url", "due_date", "number"),
        *("ending_balance", "amount_overpaid", "attempt_count", "next_payment_attempt", "default_tax_rates"),
    )
    bare = {name: value for name, value in invoice.items() if name not in optional}
    fact = about(bare)
    assert (fact.figures.discount, fact.figures.balance_applied, fact.issue.number) == (0, None, None)
    nothing = {name: None for name in optional}
    assert about({**invoice, **nothing}).figures == fact.figures
    assert (
        about({**invoice, "lines": {"data": [{"id": "il_1", "amount": 5}], "has_more": False}}).items.lines[0].amount
        == 5
    )


def test_an_invoice_that_names_no_customer_is_nobodys(invoice):
    told = event("invoice.updated", {**invoice, "customer": None, "customer_account": None}, at=1, checked=False)
    assert read(told) == Reading(None, "it names no customer")
    assert about(invoice, customer=None, customer_account="acct_1").customer == "acct_1"


def test_expanded_objects_are_read_like_their_ids(invoice):
    discount = {"id": "di_1", "source": {"coupon": {"id": "c1", "name": "Spring"}, "type": "coupon"}}
    fact = about(
        invoice,
        customer={"id": "cus_1", "object": "customer"},
        total_discount_amounts=[{"amount": 100, "discount": discount}],
    )
    assert (fact.customer, fact.items.discounts[0].name) == ("cus_1", "Spring")


@pytest.mark.parametrize(
    ("discount", "name"),
    [
        ({"source": {"coupon": "SPRING", "type": "coupon"}}, "SPRING"),
        ({"source": {"coupon": {"id": "c1", "name": None}}, "promotion_code": {"id": "promo_1", "code": "HI"}}, "HI"),
        ({"coupon": {"id": "c1", "name": "Former"}}, "Former"),
    ],
)
def test_a_discount_is_called_what_the_customer_knows_it_by(invoice, discount, name):
    amounts = [{"amount": 1, "discount": {"id": "di_1", **discount}}]
    assert about(invoice, total_discount_amounts=amounts).items.names == {"di_1": name}


def test_quantities_and_prices_may_be_fractions(invoice):
    pricing = {"type": "price_details", "price_details": None, "unit_amount_decimal": "0.5"}
    changed = with_lines(invoice, [{"quantity": None, "quantity_decimal": "12345.5", "pricing": pricing}])
    (line,) = about(changed).items.lines
    assert (line.quantity, line.unit_amount, line.price) == (Decimal("12345.5"), Decimal("0.5"), None)


def test_prepaid_credits_are_no_discount(invoice):
    amounts = [
        {"amount": 300, "type": "credit_balance_transaction", "credit_balance_transaction": "cbtxn_1"},
        {"amount": 100, "type": "discount", "discount": "di_1"},
    ]
    assert about(invoice, total_pretax_credit_amounts=amounts).figures.credits == 300


def test_words_lose_what_the_database_cannot_keep(invoice):
    fact = about(invoice, customer_name="A\0da", description="\0")
    assert (fact.paper.name, fact.paper.memo) == ("Ada", None)


def test_a_flat_tax_has_no_percentage():
    told = event("tax_rate.created", tax_rate(rate_type="flat_amount", percentage=0.0), at=1, checked=False)
    fact = read(told).fact
    assert isinstance(fact, TaxRateReport) and fact.terms.percentage is None


def test_a_customer_says_which_language_it_reads(account):
    customer = {**newest(account, "customer"), "preferred_locales": ["pt-BR", "en"]}
    fact = read(event("customer.updated", customer, at=1)).fact
    assert isinstance(fact, CustomerReport) and fact.language == "pt-BR"


def test_stages_and_statuses_that_nobody_knows_yet_leave_a_matter_open(account):
    account.dispute(newest(account, "invoice")["id"])
    disputed = read(event("charge.dispute.updated", {**newest(account, "dispute"), "status": "escalated"}, at=1)).fact
    assert isinstance(disputed, DisputeReport)
    assert (disputed.of.outcome, disputed.of.stage) == (DisputeOutcome.OPEN, "escalated")
    intent = {**newest(account, "payment_intent"), "status": "requires_magic"}
    intended = read(event("payment_intent.processing", intent, at=1)).fact
    assert isinstance(intended, IntentReport) and intended.standing.progress is Progress.OPEN


def test_a_status_of_an_invoice_that_nobody_knows_is_a_visible_fault(invoice):
    with pytest.raises(ValueError, match="half_paid"):
        about(invoice, status="half_paid")


# Stripe's own examples: every kind is read, whatever the values


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="Stripe's example objects are not on this machine")
@pytest.mark.parametrize(
    ("kind", "type"),
    [
        ("invoice", "invoice.updated"),
        ("invoice", "invoice.payment_failed"),
        ("credit_note", "credit_note.created"),
        ("charge", "charge.succeeded"),
        ("charge", "charge.refunded"),
        ("refund", "refund.created"),
        ("dispute", "charge.dispute.created"),
        ("payment_intent", "payment_intent.succeeded"),
        ("tax_rate", "tax_rate.created"),
        ("customer", "customer.updated"),
        ("deleted_customer", "customer.deleted"),
    ],
)
def test_stripes_own_example_is_read(kind, type):
    thing = json.loads((SAMPLES / f"{kind}.json").read_text())
    told = {"id": "evt_1", "created": 1_800_000_000, "type": type, "data": {"object": deepcopy(thing)}}
    assert stripe_events.translate(told).seen.event == "evt_1"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="Stripe's example objects are not on this machine")
def test_the_words_of_stripes_own_credit_note_and_charge_arrive():
    def sample(kind: str, type: str) -> Any:
        thing = json.loads((SAMPLES / f"{kind}.json").read_text())
        return stripe_events.translate({"id": "evt_1", "created": 1, "type": type, "data": {"object": thing}})

    note = sample("credit_note", "credit_note.created")
    assert isinstance(note, CreditNoteReport)
    assert (
        len(note.items.lines) == 2
        and note.rates[0].terms.name
        and note.items.lines[0].currency == note.figures.currency
    )
    charge = sample("charge", "charge.succeeded")
    assert isinstance(charge, ChargeReport) and charge.attempt.outcome in (Outcome.AUTHORIZED, Outcome.SUCCEEDED)
    assert sample("refund", "refund.created").of.status is RefundStatus.SUCCEEDED
    with pytest.raises(Nothing):
        stripe_events.translate({"id": "e", "created": 1, "type": "invoice.updated", "data": {"object": {"id": None}}})
    assert sample("invoice", "invoice.deleted").status is InvoiceStatus.VOID
