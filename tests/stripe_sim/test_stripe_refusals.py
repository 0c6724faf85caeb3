"""A request that is refused has done nothing: no event, no object that is other than before."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from scripts.stripe_sim import Refused
from tests.stripe_sim.expected import PRICE
from tests.stripe_sim.shop import Json, Shop, item_of

NONE: list[Any] = [{"coupon": "NONE"}]


def state_of(shop: Shop) -> Any:
    """Without copies of test cards, which nobody sees before they are used."""
    objects = shop.account._objects.items()
    kinds = {kind: things for kind, things in objects if things and kind != "payment_method"}
    return deepcopy(kinds), len(shop.account.events)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("customers", {"email": "a@example.com", "payment_method": "pm_card_chargeDeclined"}),
        ("customers", {"email": "a@example.com", "source": "tok_chargeDeclined"}),
        ("customers", {"email": "a@example.com", "test_clock": "clock_none"}),
        ("subscriptions", {"items": [{"price": "price_none"}]}),
        ("subscriptions", {"items": [{"price": PRICE}], "discounts": NONE}),
        ("subscriptions", {"items": [{"price": PRICE, "tax_rates": ["txr_none"]}]}),
        ("subscriptions", {"items": [{"price": PRICE}], "default_payment_method": "pm_card_visa"}),
        ("subscriptions", {"items": [{"price": PRICE}, {"price": PRICE}]}),
        ("subscriptions", {"items": [{"price": PRICE, "quantity": -1}]}),
        ("subscriptions", {"items": [{"price": PRICE}], "automatic_tax": {"enabled": True}}),
        ("subscriptions", {"items": [{"price": PRICE}], "trial_end": 1}),
        ("subscriptions", {"items": [{"price": PRICE}], "currency": "eur"}),
        ("subscriptions", {"items": [{"price": PRICE}], "billing_mode": {"type": "classic"}}),
        ("subscriptions", {"items": [{"price": PRICE}], "billing_cycle_anchor": 4_000_000_000}),
        ("subscriptions", {"items": [{"price": PRICE}], "add_invoice_items": [{"price": "price_none"}]}),
        ("subscriptions/SUB", {"items": [{"id": "si_none", "quantity": 2}]}),
        ("subscriptions/SUB", {"items": [{"id": "ITEM", "deleted": True}]}),
        ("subscriptions/SUB", {"items": [{"id": "ITEM", "quantity": 2}], "discounts": NONE}),
        ("subscriptions/SUB", {"items": [{"id": "ITEM", "quantity": 2}], "default_payment_method": "pm_none"}),
        ("subscriptions/SUB", {"items": [{"id": "ITEM", "quantity": 2}], "default_tax_rates": ["txr_none"]}),
        ("subscriptions/SUB/resume", {}),
        ("subscription_schedules", {"from_subscription": "SUB", "phases": [{"items": [{"price": PRICE}]}]}),
        ("subscription_schedules", {"phases": [{"items": [{"price": "price_none"}]}]}),
        ("invoiceitems", {"amount": 1, "currency": "usd", "discounts": NONE}),
        ("invoiceitems", {"amount": 1, "currency": "eur"}),
        ("invoices", {"discounts": NONE}),
        ("invoices", {"default_tax_rates": ["txr_none"]}),
        ("invoices/INVOICE/pay", {}),
        ("invoices/INVOICE/void", {}),
        ("credit_notes", {"invoice": "INVOICE", "amount": 9_999_999}),
        ("credit_notes", {"invoice": "INVOICE", "amount": 500, "refund_amount": 100}),
        ("refunds", {"charge": "CHARGE", "amount": 9_999_999}),
        ("refunds", {"charge": "ch_none"}),
        ("payment_intents", {"amount": 10, "currency": "usd"}),
        ("payment_intents", {"amount": 1000, "currency": "usd", "payment_method": "pm_none", "confirm": True}),
        ("checkout/sessions", {"mode": "subscription", "success_url": "https://x", "line_items": [{"price": PRICE}]}),
        ("checkout/sessions", {"mode": "subscription", "success_url": "https://x", "discounts": NONE}),
        ("coupons", {"percent_off": 10, "amount_off": 100, "currency": "usd"}),
        ("coupons", {"percent_off": 101}),
        ("promotion_codes", {"promotion": {"type": "coupon", "coupon": "NONE"}}),
        ("prices", {"currency": "usd", "unit_amount": -1, "product_data": {"name": "x"}}),
        ("prices", {"currency": "usd", "unit_amount": 1, "product": "prod_none"}),
    ],
)
def test_what_is_refused_is_not_done_in_part(shop: Shop, path: str, given: Json) -> None:
    customer = shop.customer()
    made = shop.subscribe(customer)
    names = {
        "SUB": made["id"],
        "ITEM": item_of(made)["id"],
        "INVOICE": made["latest_invoice"]["id"],
        "CHARGE": shop.intent_of(made["latest_invoice"])["latest_charge"],
    }
    if path in ("subscriptions", "invoiceitems", "invoices") or "phases" in given:
        given = {"customer": customer, **given}
    before = state_of(shop)
    with pytest.raises(Refused):
        shop.post(named(path, names), named(given, names))
    assert state_of(shop) == before


def named(given: Any, names: dict[str, str]) -> Any:
    """With the ids in place of their names."""
    if isinstance(given, dict):
        return {key: named(value, names) for key, value in given.items()}
    if isinstance(given, list):
        return [named(each, names) for each in given]
    if isinstance(given, str):
        return "/".join(names.get(part, part) for part in given.split("/"))
    return given
