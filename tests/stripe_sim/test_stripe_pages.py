"""People buy, confirm, pay an invoice and change their subscription on the stand-in's pages, without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from scripts.stripe_sim import StripeAccount
from tests.stripe_sim.expected import PRICE
from tests.stripe_sim.shop import Json, Shop, item_of

THANKS = "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"


@pytest.fixture
def web(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as web:
        yield web


def session_of(shop: Shop, **given: Any) -> Json:
    offer = {"mode": "subscription", "line_items": [{"price": PRICE, "quantity": 2}], "success_url": THANKS}
    return shop.post("checkout/sessions", {**offer, "cancel_url": "https://shop.example/no", **given})


def address_of(session: Json) -> str:
    return f"/checkout/{session['id']}"


def buy(web: httpx.Client, session: Json, **form: str) -> httpx.Response:
    return web.post(address_of(session), data={"do": "pay", "email": "ada@example.com", "name": "Ada", **form})


def test_a_person_pays_and_is_sent_back_to_the_shop(web: httpx.Client, shop: Shop) -> None:
    session = session_of(shop, client_reference_id="org-1")
    assert session["url"].endswith(address_of(session))
    shown = web.get(address_of(session)).text
    assert "$58.00" in shown and "4242 4242 4242 4242" in shown and "Back to the shop" in shown
    answer = buy(web, session)
    assert answer.headers["location"] == THANKS.replace("{CHECKOUT_SESSION_ID}", session["id"])
    done = shop.ask(f"checkout/sessions/{session['id']}", {"expand": ["subscription", "customer", "line_items"]})
    assert (done["status"], done["payment_status"], done["subscription"]["status"]) == ("complete", "paid", "active")
    assert (done["customer"]["email"], item_of(done["subscription"])["quantity"]) == ("ada@example.com", 2)
    assert done["line_items"]["data"][0]["amount_total"] == 5800
    assert "is complete" in web.get(address_of(session)).text


@pytest.mark.parametrize(
    "form", [{"do": "decline"}, {"card": "chargeDeclinedExpiredCard"}, {"number": "4000000000009995"}]
)
def test_who_is_declined_may_try_again(web: httpx.Client, shop: Shop, form: dict[str, str]) -> None:
    session = session_of(shop)
    declined = buy(web, session, **form)
    assert declined.status_code == 402 and 'role="alert"' in declined.text
    assert shop.ask("subscriptions")["data"] == []
    assert buy(web, session).status_code == 303
    assert len(shop.ask("subscriptions")["data"]) == 1


def test_the_bank_asks_on_a_page_of_its_own(web: httpx.Client, shop: Shop) -> None:
    session = session_of(shop)
    asked = buy(web, session, card="authenticationRequired").headers["location"]
    assert "$58.00" in web.get(asked).text
    refused = web.post(asked, data={"do": "fail"})
    assert refused.headers["location"] == address_of(session)
    again = buy(web, session, card="authenticationRequired").headers["location"]
    assert web.post(again, data={"do": "confirm"}).headers["location"].startswith("https://shop.example/thanks")
    (made,) = shop.ask("subscriptions")["data"]
    assert made["status"] == "active" and len(shop.ask("customers")["data"]) == 1
    assert web.get(again).status_code == 400


def test_a_promotion_code_and_a_quantity_are_chosen_on_the_page(web: httpx.Client, shop: Shop) -> None:
    coupon = shop.post("coupons", {"percent_off": 50, "duration": "forever"})["id"]
    shop.post("promotion_codes", {"promotion": {"type": "coupon", "coupon": coupon}, "code": "HALF"})
    adjustable = {"enabled": True, "minimum": 1, "maximum": 5}
    items = [{"price": PRICE, "quantity": 2, "adjustable_quantity": adjustable}]
    session = session_of(shop, line_items=items, allow_promotion_codes=True)
    wrong = web.post(address_of(session), data={"do": "update", "code": "DOUBLE"})
    assert wrong.status_code == 400 and "DOUBLE" in wrong.text
    assert web.post(address_of(session), data={"do": "update", "quantity[0]": "9"}).status_code == 400
    web.post(address_of(session), data={"do": "update", "quantity[0]": "4", "code": "half"})
    assert "$58.00" in web.get(address_of(session)).text
    buy(web, session)
    (made,) = shop.ask("subscriptions", {"expand": ["data.discounts"]})["data"]
    assert (item_of(made)["quantity"], made["discounts"][0]["source"]["coupon"]) == (4, coupon)


def test_a_trial_is_offered_for_nothing_today(web: httpx.Client, shop: Shop) -> None:
    session = session_of(shop, subscription_data={"trial_period_days": 14, "metadata": {"cart": "7"}})
    assert "Free until 14 Feb 2026" in web.get(address_of(session)).text
    buy(web, session)
    (made,) = shop.ask("subscriptions")["data"]
    assert (made["status"], made["metadata"]) == ("trialing", {"cart": "7"})
    assert shop.ask(f"checkout/sessions/{session['id']}")["payment_status"] == "no_payment_required"


def test_a_tax_number_is_asked_for_and_stands_on_the_invoice(web: httpx.Client, shop: Shop) -> None:
    session = session_of(shop, tax_id_collection={"enabled": True})
    assert "European tax number" in web.get(address_of(session)).text
    buy(web, session, vat="DE123456789")
    (invoice,) = shop.ask("invoices")["data"]
    assert invoice["customer_tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]


def test_a_trial_may_begin_without_a_card_where_the_vendor_leaves_it_out(web: httpx.Client, shop: Shop) -> None:
    missing = {"end_behavior": {"missing_payment_method": "cancel"}}
    session = session_of(
        shop,
        payment_method_collection="if_required",
        subscription_data={"trial_period_days": 7, "trial_settings": missing},
    )
    assert "4242 4242" not in web.get(address_of(session)).text
    buy(web, session)
    (made,) = shop.ask("subscriptions")["data"]
    assert (made["status"], made["default_payment_method"]) == ("trialing", None)
    shop.account.advance(timedelta(days=7))
    assert shop.status(made) == "canceled"


def test_a_card_is_asked_for_as_soon_as_something_costs(web: httpx.Client, shop: Shop) -> None:
    session = session_of(shop, payment_method_collection="if_required")
    assert "4242 4242" in web.get(address_of(session)).text
    assert buy(web, session).status_code == 303


def test_one_payment_without_subscription_may_have_an_invoice(web: httpx.Client, shop: Shop) -> None:
    once = shop.price(4200, None)
    offer = {"mode": "payment", "line_items": [{"price": once, "quantity": 1}], "success_url": THANKS}
    session = shop.post(
        "checkout/sessions", {**offer, "customer_creation": "always", "invoice_creation": {"enabled": True}}
    )
    buy(web, session)
    done = shop.ask(f"checkout/sessions/{session['id']}", {"expand": ["invoice", "payment_intent"]})
    assert (done["invoice"]["status"], done["invoice"]["total"], done["payment_intent"]["status"]) == (
        *("paid", 4200),
        "succeeded",
    )


def test_a_session_expires_by_itself_or_when_it_is_asked_to(web: httpx.Client, shop: Shop) -> None:
    first, second = session_of(shop), session_of(shop, expires_at=shop.account.at + 3600)
    shop.post(f"checkout/sessions/{first['id']}/expire")
    shop.account._until(shop.account.at + 3601)
    for session in (first, second):
        assert shop.ask(f"checkout/sessions/{session['id']}")["status"] == "expired"
        assert buy(web, session).status_code == 200  # the page says so
    assert shop.ask("subscriptions")["data"] == []


def test_somebody_whom_nobody_knows_buys_by_a_payment_link(web: httpx.Client, shop: Shop) -> None:
    link = shop.post("payment_links", {"line_items": [{"price": PRICE, "quantity": 1}]})
    visited = web.get(link["url"]).headers["location"]
    assert web.post(visited, data={"do": "pay", "email": "stranger@example.com"}).status_code == 303
    (session,) = shop.ask("checkout/sessions")["data"]
    assert (session["payment_link"], session["customer_details"]["email"]) == (link["id"], "stranger@example.com")


def test_an_open_invoice_is_paid_on_its_page(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer("chargeCustomerFail"))
    page = f"/invoice/{made['latest_invoice']['id']}"
    assert made["latest_invoice"]["hosted_invoice_url"].endswith(page)
    assert web.post(page, data={"card": "chargeDeclined"}).status_code == 402
    asked = web.post(page, data={"card": "authenticationRequired"}).headers["location"]
    assert web.post(asked, data={"do": "confirm"}).headers["location"] == page
    assert ">paid<" in web.get(page).text
    assert shop.status(made) == "active"


def portal(shop: Shop, subscription: Json, **features: Any) -> str:
    given: Json = {"customer": subscription["customer"], "return_url": "https://shop.example/account"}
    if features:
        given["configuration"] = shop.post("billing_portal/configurations", {"features": features})["id"]
    return str(shop.post("billing_portal/sessions", given)["url"])


def test_a_customer_changes_plan_and_seats_cancels_and_stays_in_the_portal(web: httpx.Client, shop: Shop) -> None:
    made, biz = shop.subscribe(shop.customer()), shop.price(9900)
    page = portal(shop, made)
    shown = web.get(page).text
    assert "renews on 28 Feb 2026" in shown and "https://shop.example/account" in shown
    web.post(page, data={"do": "change", "subscription": made["id"], "price": biz, "quantity": "3"})
    changed = shop.ask(f"subscriptions/{made['id']}")
    assert (item_of(changed)["price"]["id"], item_of(changed)["quantity"]) == (biz, 3)
    web.post(page, data={"do": "cancel", "subscription": made["id"]})
    assert shop.ask(f"subscriptions/{made['id']}")["cancel_at_period_end"] is True
    assert "Do not cancel" in web.get(page).text
    web.post(page, data={"do": "keep", "subscription": made["id"]})
    assert shop.ask(f"subscriptions/{made['id']}")["cancel_at_period_end"] is False


def test_a_portal_does_what_its_configuration_says(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=5)
    later = {"conditions": [{"type": "decreasing_item_amount"}]}
    page = portal(
        shop,
        made,
        subscription_update={"enabled": True, "schedule_at_period_end": later},
        subscription_cancel={"enabled": True, "mode": "immediately"},
    )
    web.post(page, data={"do": "change", "subscription": made["id"], "quantity": "2"})
    scheduled = shop.ask(f"subscriptions/{made['id']}", {"expand": ["schedule"]})
    assert (item_of(scheduled)["quantity"], scheduled["schedule"]["phases"][1]["items"][0]["quantity"]) == (5, 2)
    web.post(page, data={"do": "cancel", "subscription": made["id"]})
    assert shop.status(made) == "canceled"


def test_a_portal_asks_for_the_reason_and_gives_back_the_rest(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    cancels = {
        "enabled": True,
        "mode": "immediately",
        "proration_behavior": "create_prorations",
        "cancellation_reason": {"enabled": True, "options": ["unused", "other"]},
    }
    page = portal(shop, made, subscription_cancel=cancels)
    assert ">Unused<" in web.get(page).text
    web.post(page, data={"do": "cancel", "subscription": made["id"], "reason": "unused"})
    ended = shop.ask(f"subscriptions/{made['id']}")
    assert (ended["status"], ended["cancellation_details"]["feedback"]) == ("canceled", "unused")
    (credit,) = shop.ask("invoiceitems")["data"]
    assert credit["amount"] == -2900


def test_a_portal_does_not_what_its_configuration_forbids(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    page = portal(shop, made, subscription_cancel={"enabled": False}, subscription_update={"enabled": False})
    for button in ("cancel", "change", "pause"):
        assert web.post(page, data={"do": button, "subscription": made["id"]}).status_code == 400
    assert shop.status(made) == "active"


def test_a_page_says_so_when_a_field_makes_no_sense(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    many = web.post(portal(shop, made), data={"do": "change", "subscription": made["id"], "quantity": "many"})
    assert many.status_code == 400 and "does not work" in many.text


def test_another_card_pays_from_now_on(web: httpx.Client, shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    page = portal(shop, made)
    assert web.post(page, data={"do": "card", "card": "chargeDeclined"}).status_code == 402
    assert web.post(page, data={"do": "card", "card": "mastercard"}).status_code == 303
    assert "Mastercard ending in 4444" in web.get(page).text
    charge = shop.account.renew(made["id"]).the("charge")
    assert charge["payment_method_details"]["card"]["brand"] == "mastercard"


def test_nobody_touches_somebody_elses_subscription(web: httpx.Client, shop: Shop) -> None:
    mine, other = shop.subscribe(shop.customer()), shop.subscribe(shop.customer())
    answer = web.post(portal(shop, mine), data={"do": "cancel", "subscription": other["id"]})
    assert answer.status_code == 400 and shop.ask(f"subscriptions/{other['id']}")["cancel_at"] is None
    assert web.get("/portal/bps_none").status_code == 404


def test_the_first_page_shows_what_is_there_and_takes_faults(web: httpx.Client, shop: Shop) -> None:
    shop.subscribe(shop.customer(name="<b>Ada</b>"))
    web.post("/faults", data={"kind": "drop", "share": "0.5", "times": "3"})
    page = web.get("/")
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text and "3 times" in page.text and "invoice.paid" in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert web.get("/style.css").headers["content-type"].startswith("text/css")
    number = re.findall(r'name="number" value="(\d+)">Remove', page.text)[0]
    web.post("/faults/remove", data={"number": number})
    assert web.get("/_sim/faults").json()["faults"] == []
    assert web.post("/faults", data={"kind": "flood"}).status_code == 400


def test_a_page_about_a_test_clocks_customer_is_in_that_time(
    web: httpx.Client, shop: Shop, account: StripeAccount
) -> None:
    clock = shop.post("test_helpers/test_clocks", {"frozen_time": 1_577_836_800})["id"]
    session = session_of(shop, customer=shop.customer(None, test_clock=clock))
    buy(web, session)
    (made,) = shop.ask("subscriptions", {"test_clock": clock})["data"]
    assert made["created"] == 1_577_836_800 < account.at
