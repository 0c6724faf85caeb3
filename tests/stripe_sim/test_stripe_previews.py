"""A preview is what happens: the same lines, the same total, and nothing changed by asking."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.stripe_sim import Refused, StripeAccount
from tests.stripe_sim.expected import NOON, PRICE
from tests.stripe_sim.shop import Json, Shop, amounts, item_of

CHANGES = st.fixed_dictionaries(
    {
        "quantity": st.integers(1, 9),
        "days": st.integers(0, 27),
        "price": st.sampled_from(["same", "dearer", "yearly"]),
        "behavior": st.sampled_from(["always_invoice", "create_prorations", "none"]),
        "percent": st.sampled_from([0, 10, 25.5]),
        "tax": st.sampled_from([0, 19, 7.7]),
    }
)


def new_shop() -> Shop:
    account = StripeAccount(seed=7, now=NOON)
    account.price(PRICE, amount=2900)
    return Shop(account)


def state_of(shop: Shop) -> Any:
    return deepcopy(shop.account._objects), len(shop.account.events)


def buy(shop: Shop, change: Json) -> Json:
    more: Json = {}
    if change["percent"]:
        coupon = shop.post("coupons", {"percent_off": change["percent"], "duration": "forever"})
        more["discounts"] = [{"coupon": coupon["id"]}]
    if change["tax"]:
        rate = shop.post("tax_rates", {"display_name": "VAT", "inclusive": False, "percentage": change["tax"]})
        more["default_tax_rates"] = [rate["id"]]
    return shop.subscribe(shop.customer(), quantity=3, **more)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_what_is_previewed_is_what_is_billed(change: Json) -> None:
    shop = new_shop()
    made = buy(shop, change)
    prices = {"same": PRICE, "dearer": shop.price(9900), "yearly": shop.price(29000, "year")}
    shop.account.advance(timedelta(days=change["days"]))
    items = [{"id": item_of(made)["id"], "price": prices[change["price"]], "quantity": change["quantity"]}]
    details = {"items": items, "proration_behavior": change["behavior"], "proration_date": shop.account.at}
    before = state_of(shop)
    preview = shop.post("invoices/create_preview", {"subscription": made["id"], "subscription_details": details})
    assert state_of(shop) == before
    shop.update(made, **details)
    shop.account.advance(timedelta(days=32))
    invoices = shop.ask("invoices", {"subscription": made["id"], "limit": 100})["data"]
    billed = next(each for each in reversed(invoices[:-1]) if amounts(each) == amounts(preview))
    assert (billed["total"], billed["total_taxes"], [line["description"] for line in billed["lines"]["data"]]) == (
        preview["total"],
        preview["total_taxes"],
        [line["description"] for line in preview["lines"]["data"]],
    )


def test_a_preview_says_which_lines_are_prorations_and_names_no_invoice_that_is(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=3)
    shop.account.advance(timedelta(days=14))
    details = {"items": [{"id": item_of(made)["id"], "quantity": 1}]}
    preview = shop.post("invoices/create_preview", {"subscription": made["id"], "subscription_details": details})
    prorations = [line["parent"]["subscription_item_details"]["proration"] for line in preview["lines"]["data"]]
    assert (amounts(preview), prorations) == ([-4350, 1450, 2900], [True, True, False])
    assert preview["id"].startswith("upcoming_in_")
    with pytest.raises(Refused):
        shop.ask(f"invoices/{preview['id']}")


def test_previews_of_what_is_not_yet_and_of_what_ends(shop: Shop) -> None:
    customer = shop.customer()
    items = [{"price": PRICE, "quantity": 4}]
    new = shop.post("invoices/create_preview", {"customer": customer, "subscription_details": {"items": items}})
    assert (new["total"], new["billing_reason"]) == (11600, "subscription_create")
    trial = {"items": items, "trial_end": shop.account.at + 86400}
    assert shop.post("invoices/create_preview", {"customer": customer, "subscription_details": trial})["total"] == 0
    with pytest.raises(Refused, match="No upcoming invoices"):
        shop.post("invoices/create_preview", {"customer": customer})
    made = shop.subscribe(customer)
    shop.account.advance(timedelta(days=14))
    now = {"subscription": made["id"], "subscription_details": {"cancel_now": True}}
    assert shop.post("invoices/create_preview", now)["total"] == -1450
    shop.update(made, cancel_at_period_end=True)
    with pytest.raises(Refused, match="ends"):
        shop.post("invoices/create_preview", {"subscription": made["id"]})


def test_a_trial_that_would_be_ended_now_costs_a_period(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=2, trial_period_days=14)
    details = {"subscription": made["id"], "subscription_details": {"trial_end": "now"}}
    preview = shop.post("invoices/create_preview", details)
    ended = shop.update(made, trial_end="now")
    assert preview["total"] == ended["latest_invoice"]["total"] == 5800


def test_a_coupon_can_be_tried_without_being_used(shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    coupon = shop.post("coupons", {"amount_off": 900, "currency": "usd", "max_redemptions": 1})
    tried = {"subscription": made["id"], "discounts": [{"coupon": coupon["id"]}]}
    assert shop.post("invoices/create_preview", tried)["total"] == 2000
    assert shop.ask(f"coupons/{coupon['id']}")["times_redeemed"] == 0
