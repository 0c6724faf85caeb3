"""Invoices by hand, what lowers them, and the money that goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scripts.stripe_sim import Refused
from scripts.stripe_sim.errors import CardError
from tests.stripe_sim.expected import PRICE
from tests.stripe_sim.shop import Json, Shop, amounts


def one_off(shop: Shop, customer: str, amount: int = 5000, **more: Any) -> Json:
    shop.post("invoiceitems", {"customer": customer, "amount": amount, "currency": "usd", "description": "Setup"})
    return shop.post("invoices", {"customer": customer, "pending_invoice_items_behavior": "include", **more})


def test_an_invoice_by_hand_goes_from_draft_to_paid(shop: Shop) -> None:
    customer, events = shop.customer(), len(shop.account.events)
    invoice = one_off(shop, customer)
    assert (invoice["status"], invoice["total"], invoice["parent"]) == ("draft", 5000, None)
    shop.post("invoiceitems", {"customer": customer, "invoice": invoice["id"], "amount": 100, "currency": "usd"})
    finalized = shop.post(f"invoices/{invoice['id']}/finalize")
    assert (finalized["status"], finalized["amount_due"], finalized["number"][-5:]) == ("open", 5100, "-0001")
    with pytest.raises(Refused, match="no longer editable"):
        shop.post("invoiceitems", {"customer": customer, "invoice": invoice["id"], "amount": 1, "currency": "usd"})
    assert shop.post(f"invoices/{invoice['id']}/pay")["amount_paid"] == 5100
    with pytest.raises(Refused, match="paid"):
        shop.post(f"invoices/{invoice['id']}/pay")
    assert {"invoiceitem.created", "invoice.created", "invoice.finalized", "invoice.paid"} < set(shop.types(events))


def test_an_invoice_that_advances_by_itself_is_paid_after_an_hour(shop: Shop) -> None:
    invoice = one_off(shop, shop.customer(), auto_advance=True)
    shop.account.advance(timedelta(minutes=59))
    assert shop.ask(f"invoices/{invoice['id']}")["status"] == "draft"
    shop.account.advance(timedelta(minutes=2))
    assert shop.ask(f"invoices/{invoice['id']}")["status"] == "paid"


def test_invoices_are_deleted_voided_written_off_and_settled_elsewhere(shop: Shop) -> None:
    customer = shop.customer()
    draft = one_off(shop, customer)
    assert shop.drop(f"invoices/{draft['id']}") == {"id": draft["id"], "object": "invoice", "deleted": True}
    assert len(shop.ask("invoiceitems", {"pending": True})["data"]) == 1
    ends = {"void": "void", "mark_uncollectible": "uncollectible", "pay": "paid"}
    for verb, status in ends.items():
        invoice = one_off(shop, customer)
        shop.post(f"invoices/{invoice['id']}/finalize")
        given = {"paid_out_of_band": True} if verb == "pay" else {}
        assert shop.post(f"invoices/{invoice['id']}/{verb}", given)["status"] == status
    assert [each["status"] for each in shop.ask("charges")["data"]] == []


def test_a_declined_payment_of_an_invoice_is_a_card_error_and_can_be_paid_with_another_card(shop: Shop) -> None:
    customer = shop.customer("chargeCustomerFail")
    invoice = one_off(shop, customer)
    with pytest.raises(CardError) as caught:
        shop.post(f"invoices/{invoice['id']}/pay")
    assert caught.value.error["decline_code"] == "generic_decline"
    assert caught.value.error["payment_intent"]["id"] == shop.intent_of(invoice)["id"]
    card = shop.post("payment_methods/pm_card_visa/attach", {"customer": customer})
    paid = shop.post(f"invoices/{invoice['id']}/pay", {"payment_method": card["id"]})
    assert (paid["status"], paid["attempt_count"]) == ("paid", 1)


def test_a_sum_too_small_to_be_charged_waits_on_the_balance(shop: Shop) -> None:
    customer = shop.customer()
    small = one_off(shop, customer, 30)
    assert shop.post(f"invoices/{small['id']}/finalize")["status"] == "paid"
    assert shop.ask(f"customers/{customer}")["balance"] == 30
    entries = shop.ask(f"customers/{customer}/balance_transactions")["data"]
    assert [(each["type"], each["amount"]) for each in entries] == [("invoice_too_small", 30)]
    assert shop.subscribe(customer)["latest_invoice"]["amount_due"] == 2930


def test_a_credit_balance_pays_first(shop: Shop) -> None:
    customer = shop.customer(balance=-5000)
    first = shop.subscribe(customer)["latest_invoice"]
    assert (first["starting_balance"], first["ending_balance"], first["amount_due"]) == (-5000, -2100, 0)


@pytest.mark.parametrize(
    ("duration", "totals"),
    [
        ({"duration": "once"}, [2175, 2900, 2900]),
        ({"duration": "repeating", "duration_in_months": 2}, [2175, 2175, 2900]),
        ({"duration": "forever"}, [2175, 2175, 2175]),
    ],
)
def test_a_coupon_counts_as_long_as_it_says(shop: Shop, duration: Json, totals: list[int]) -> None:
    coupon = shop.post("coupons", {"percent_off": 25, **duration})
    made = shop.subscribe(shop.customer(), discounts=[{"coupon": coupon["id"]}])
    shop.account.advance(timedelta(days=70))
    invoices = shop.ask("invoices", {"subscription": made["id"]})["data"]
    assert [invoice["total"] for invoice in reversed(invoices)][:3] == totals


def test_promotion_codes_have_limits(shop: Shop) -> None:
    coupon = shop.post("coupons", {"amount_off": 500, "currency": "usd"})["id"]
    promotion = {"promotion": {"type": "coupon", "coupon": coupon}}
    once = shop.post("promotion_codes", {**promotion, "code": "HELLO", "max_redemptions": 1})
    first = shop.post("promotion_codes", {**promotion, "restrictions": {"first_time_transaction": True}})
    with pytest.raises(Refused, match="already exists"):
        shop.post("promotion_codes", {**promotion, "code": "hello"})
    customer = shop.customer()
    made = shop.subscribe(customer, discounts=[{"promotion_code": once["id"]}])
    assert made["latest_invoice"]["total"] == 2400
    with pytest.raises(Refused, match="expired"):
        shop.subscribe(customer, discounts=[{"promotion_code": once["id"]}])
    with pytest.raises(Refused, match="first transaction"):
        shop.subscribe(customer, discounts=[{"promotion_code": first["id"]}])
    assert shop.ask("promotion_codes", {"code": "HELLO"})["data"][0]["active"] is False


def test_taxes_are_on_the_lines_and_in_the_sums(shop: Shop) -> None:
    vat = shop.post("tax_rates", {"display_name": "VAT", "inclusive": False, "percentage": 19, "country": "DE"})
    gst = shop.post("tax_rates", {"display_name": "GST", "inclusive": True, "percentage": 10})
    taxed = shop.subscribe(shop.customer(), default_tax_rates=[vat["id"]])["latest_invoice"]
    assert (taxed["subtotal"], taxed["total"], taxed["amount_paid"]) == (2900, 3451, 3451)
    inclusive = shop.subscribe(shop.customer(), default_tax_rates=[gst["id"]])["latest_invoice"]
    assert (inclusive["total"], inclusive["total_excluding_tax"], inclusive["total_taxes"][0]["amount"]) == (
        2900,
        2636,
        264,
    )
    reverse = shop.subscribe(shop.customer(tax_exempt="reverse"), default_tax_rates=[vat["id"]])["latest_invoice"]
    assert (reverse["total"], reverse["total_taxes"][0]["taxability_reason"]) == (2900, "reverse_charge")
    numbered = shop.customer(tax_id_data=[{"type": "eu_vat", "value": "DE123456789"}])
    shown = shop.subscribe(numbered)["latest_invoice"]["customer_tax_ids"]
    assert shown == [{"type": "eu_vat", "value": "DE123456789"}]


def test_a_credit_note_lowers_an_open_invoice_and_can_be_voided(shop: Shop) -> None:
    invoice = one_off(shop, shop.customer())
    shop.post(f"invoices/{invoice['id']}/finalize")
    given = {"invoice": invoice["id"], "amount": 2000}
    assert shop.ask("credit_notes/preview", given)["total"] == 2000
    note = shop.post("credit_notes", given)
    lowered = shop.ask(f"invoices/{invoice['id']}")
    assert (note["type"], lowered["amount_remaining"], lowered["pre_payment_credit_notes_amount"]) == (
        *("pre_payment", 3000),
        2000,
    )
    shop.post(f"credit_notes/{note['id']}/void")
    assert shop.ask(f"invoices/{invoice['id']}")["amount_remaining"] == 5000
    whole = shop.post("credit_notes", {"invoice": invoice["id"]})
    assert (whole["total"], shop.ask(f"invoices/{invoice['id']}")["status"]) == (5000, "paid")
    with pytest.raises(Refused, match="at most"):
        shop.post("credit_notes", {"invoice": invoice["id"], "amount": 1})


def test_a_credit_note_of_a_paid_invoice_says_where_the_money_goes(shop: Shop) -> None:
    customer = shop.customer()
    vat = shop.post("tax_rates", {"display_name": "VAT", "inclusive": False, "percentage": 19})
    invoice = shop.subscribe(customer, quantity=2, default_tax_rates=[vat["id"]])["latest_invoice"]
    line = {"type": "invoice_line_item", "invoice_line_item": invoice["lines"]["data"][0]["id"], "quantity": 1}
    with pytest.raises(Refused, match="must equal"):
        shop.post("credit_notes", {"invoice": invoice["id"], "lines": [line]})
    shares = {"refund_amount": 2451, "credit_amount": 1000}
    note = shop.post("credit_notes", {"invoice": invoice["id"], "lines": [line], **shares})
    assert (note["subtotal"], note["total"], note["total_taxes"][0]["amount"]) == (2900, 3451, 551)
    assert shop.ask(f"refunds/{note['refunds'][0]['refund']}")["amount"] == 2451
    assert shop.ask(f"customers/{customer}")["balance"] == -1000
    assert shop.ask(f"invoices/{invoice['id']}")["post_payment_credit_notes_amount"] == 3451


@pytest.mark.parametrize(
    ("card", "first", "later", "refunded"),
    [
        ("visa", "succeeded", "succeeded", 2900),
        ("pendingRefund", "pending", "succeeded", 2900),
        ("refundFail", "succeeded", "failed", 0),
    ],
)
def test_refunds_succeed_wait_or_come_back(shop: Shop, card: str, first: str, later: str, refunded: int) -> None:
    invoice = shop.subscribe(shop.customer(card))["latest_invoice"]
    intent = shop.intent_of(invoice)
    refund = shop.post("refunds", {"payment_intent": intent["id"]})
    assert refund["status"] == first
    shop.account.advance(timedelta(minutes=15))
    assert shop.ask(f"refunds/{refund['id']}")["status"] == later
    assert shop.ask(f"charges/{intent['latest_charge']}")["amount_refunded"] == refunded


@pytest.mark.parametrize(
    ("card", "evidence", "status"),
    [
        ("createDispute", "winning_evidence", "won"),
        ("createDispute", "losing_evidence", "lost"),
        ("createDispute", "a letter", "under_review"),
        ("createDispute", None, "lost"),
        ("createDisputeInquiry", None, "warning_closed"),
    ],
)
def test_disputes_are_decided_by_evidence_or_by_silence(
    shop: Shop, card: str, evidence: str | None, status: str
) -> None:
    shop.subscribe(shop.customer(card))
    (dispute,) = shop.ask("disputes")["data"]
    if evidence:
        shop.post(f"disputes/{dispute['id']}", {"evidence": {"uncategorized_text": evidence}})
    else:
        shop.account.advance(timedelta(days=10))
    assert shop.ask(f"disputes/{dispute['id']}")["status"] == status


def test_a_payment_can_be_reserved_and_captured_in_part(shop: Shop) -> None:
    given = {"amount": 5000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    intent = shop.post("payment_intents", {**given, "capture_method": "manual"})
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 5000)
    captured = shop.post(f"payment_intents/{intent['id']}/capture", {"amount_to_capture": 4000})
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 4000)
    charge = shop.ask(f"charges/{captured['latest_charge']}", {"expand": ["balance_transaction"]})
    assert charge["balance_transaction"]["net"] == 4000 - 116 - 30
    with pytest.raises(Refused):
        shop.post(f"payment_intents/{intent['id']}/cancel")


def test_a_card_is_set_up_once_and_pays_alone_from_then_on(shop: Shop) -> None:
    customer = shop.customer(None)
    setup = {"customer": customer, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    intent = shop.post("setup_intents", setup)
    assert intent["status"] == "requires_action"
    shop.account.api.setup_intents.authenticate(shop.account.get("setup_intent", intent["id"]), agrees=True)
    assert shop.subscribe(customer, default_payment_method=intent["payment_method"])["status"] == "active"
    with pytest.raises(CardError):
        shop.post("payment_methods/pm_card_chargeDeclined/attach", {"customer": customer})
    with pytest.raises(CardError, match="non test card"):
        shop.post("payment_methods", {"type": "card", "card": {"number": "4111111111111111"}})


def test_currencies_without_cents_and_with_thousandths(shop: Shop) -> None:
    yen = shop.price(500, currency="jpy")
    dinar = shop.price(12345, currency="bhd")
    made = shop.post("subscriptions", {"customer": shop.customer(), "items": [{"price": yen, "quantity": 3}]})
    assert (
        shop.ask(f"invoices/{made['latest_invoice']}")["lines"]["data"][0]["description"] == "3 × Biz (at ¥500 / month)"
    )
    made = shop.post(
        "subscriptions", {"customer": shop.customer(), "items": [{"price": dinar}], "expand": ["latest_invoice"]}
    )
    assert amounts(made["latest_invoice"]) == [12345]
    with pytest.raises(Refused, match="combine currencies"):
        shop.subscribe(made["customer"], PRICE)
