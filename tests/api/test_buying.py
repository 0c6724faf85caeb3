"""Buying and changing from the outside: pages, previews, refusals in the one shape, nothing of anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.caller import Caller
from domain.ids import subscription_id_for
from tests.api.conftest import Member, member
from tests.api.people_engine import refused
from tests.buying_world import SHOP, Vendor, selling


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


@pytest.fixture
def ann(services, vendor, client) -> Member:
    return member(services, client, "ann")


@pytest.fixture
def bob(services, vendor, client) -> Member:
    return member(services, client, "bob")


def opened(vendor: Vendor, buyer: Member, price: str = "pro-monthly", **more: Any) -> dict[str, Any]:
    """The page, as Stripe has it."""
    answer = buyer.client.post("/checkout/session", json={"price": price, **SHOP, **more})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    page = vendor.account.retrieve("checkout.session", found["id"])
    assert found["checkout_url"] == page["url"]
    return page


def bought(vendor: Vendor, buyer: Member, price: str = "pro-monthly", **more: Any) -> str:
    """Our id of a subscription that is bought, paid and known; ten minutes old, so that nobody has to log in again."""

    reference = vendor.pay(opened(vendor, buyer, price, **more))
    vendor.deliver()
    vendor.account.advance(timedelta(minutes=10))
    return str(subscription_id_for("stripe", reference))


def test_from_the_page_to_the_licence_with_one_customer_and_one_trial(vendor, ann, caught_up):
    page = opened(vendor, ann, "starter-monthly", seats=6)
    assert page["client_reference_id"] == page["metadata"]["organization_id"] == str(ann.organization_id)
    vendor.pay(page)
    vendor.deliver()
    caught_up()
    (subscription,) = ann.client.get("/subscriptions").json()["data"]
    assert (subscription["status"], subscription["price"], subscription["seats"]) == ("trialing", "starter-monthly", 6)
    (license,) = ann.client.get("/licenses").json()["data"]
    assert license["subscription_id"] == subscription["id"] and license["seats"]["limit"] == 6
    again = opened(vendor, ann, "starter-monthly")
    assert again["customer"] == page["customer"] and vendor.times("customer.created") == 1
    vendor.pay(again)
    vendor.deliver()
    caught_up()
    statuses = {each["status"] for each in ann.client.get("/subscriptions").json()["data"]}
    assert statuses == {"trialing", "active"}, "nobody tries a product twice"


def test_a_promotion_code_is_used_or_refused(vendor, ann):
    coupon = vendor.account.post("coupons", {"percent_off": 50, "duration": "once"})
    vendor.account.post("promotion_codes", {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "HALF"})
    vendor.pay(opened(vendor, ann, promotion_code="HALF"))
    assert vendor.invoices()[0]["total"] == 4950
    answer = ann.client.post("/checkout/session", json={"price": "pro-monthly", "promotion_code": "NEVER", **SHOP})
    refused(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": "nothing"},
        {"price": "price_promonthlyx"},
        {"price": "pro-monthly", "seats": 15},
        {"price": "pro-monthly", "seats": 0},
        {"price": "pro-monthly", "success_url": "http://shop.example/"},
        {"price": "pro-monthly", "success_url": "https://shop@evil.example/"},
        {"price": "pro-monthly", "cancel_url": "javascript:alert(1)"},
        {"price": "pro-monthly", "customer": "cus_of_somebody_else"},
        {},
    ],
)
def test_what_cannot_be_bought_is_refused_before_anybody_is_asked(vendor, ann, wrong):
    refused(ann.client.post("/checkout/session", json={**SHOP, **wrong}), 422, "invalid_request")
    assert vendor.times("customer.created") == 0


def test_the_vendor_says_for_whom_and_a_customer_only_for_itself(vendor, admin, ann, bob):
    refused(admin.post("/checkout/session", json={"price": "pro-monthly", **SHOP}), 422, "invalid_request")
    for_ann = {"price": "pro-monthly", "organization_id": str(ann.organization_id), **SHOP}
    assert admin.post("/checkout/session", json=for_ann).status_code == 200
    refused(bob.client.post("/checkout/session", json=for_ann), 404, "not_found")
    nobody = {**for_ann, "organization_id": str(uuid4())}
    refused(admin.post("/checkout/session", json=nobody), 404, "not_found")
    key = ann.client.post("/api-keys", json={"name": "reads", "scopes": ["subscriptions:read"]}).json()["secret"]
    refused(ann.client.as_(key).post("/checkout/session", json=for_ann), 403, "not_allowed")
    refused(ann.client.as_(None).post("/checkout/session", json=for_ann), 401, "not_authenticated")


def test_the_portal_is_of_the_one_that_pays(vendor, ann, bob):
    subscription = bought(vendor, ann)
    answer = ann.client.post("/billing/portal", json={"subscription_id": subscription})
    assert answer.status_code == 200 and answer.json()["url"].startswith(vendor.url)
    refused(bob.client.post("/billing/portal", json={"subscription_id": subscription}), 404, "not_found")


def test_nothing_of_anybody_else_can_be_changed(vendor, ann, bob):
    subscription = bought(vendor, ann)
    for path in ("preview", "change", "cancel", "resume", "pause"):
        refused(bob.client.post(f"/subscriptions/{subscription}/{path}", json={}), 404, "not_found")
    refused(bob.client.delete(f"/subscriptions/{subscription}/change"), 404, "not_found")
    assert vendor.commands(UUID(subscription)) == 0


def test_a_preview_is_confirmed_as_shown_or_refused_as_stale(vendor, ann):
    path = f"/subscriptions/{bought(vendor, ann)}"
    shown = ann.client.post(f"{path}/preview", json={"seats": 30}).json()
    assert shown["seats"] == {"now": 10, "then": 30, "used": 0, "ending": 0}
    assert [line["proration"] for line in shown["lines"]] == [True, True]
    assert sum(line["amount"]["amount"] for line in shown["lines"]) == shown["total"]["amount"] > 0
    assert shown["due_now"] == shown["amount_due"] == shown["total"]
    wish = {"seats": 30, "preview": shown["preview"]}
    repeatable = {"headers": {"Idempotency-Key": "thirty seats"}}
    changed = ann.client.post(f"{path}/change", json=wish, **repeatable)
    assert changed.status_code == 200 and changed.json()["seats"] == 30
    assert ann.client.post(f"{path}/change", json=wish, **repeatable).json() == changed.json()
    assert vendor.invoices()[0]["total"] == shown["total"]["amount"]
    assert ann.client.get(path).json() == changed.json(), "the answer was true at once"
    stale = ann.client.post(f"{path}/preview", json={"seats": 50}).json()["preview"]
    assert ann.client.post(f"{path}/change", json={"seats": 20}).json()["seats"] == 20
    refused(ann.client.post(f"{path}/change", json={"seats": 50, "preview": stale}), 409, "preview_stale")


def test_seats_that_would_be_missing_are_stated_before(services, vendor, ann, caught_up):
    subscription = bought(vendor, ann)
    key = services.license_keys.reveal(vendor.license(UUID(subscription))).text

    async def sit() -> None:
        for number in range(5):
            await services.seats.acquire(key, f"machine-00000{number}", Caller())

    services.in_loop(sit())
    caught_up()
    wish = {"price": "starter-monthly", "when": "period_end"}
    shown = ann.client.post(f"/subscriptions/{subscription}/preview", json=wish).json()
    assert shown["seats"] == {"now": 10, "then": 3, "used": 5, "ending": 2}
    assert shown["due_now"]["amount"] == 0 and shown["total"]["amount"] == 2900


def test_a_planned_change_is_shown_listed_and_withdrawn(vendor, ann, caught_up):
    path = f"/subscriptions/{bought(vendor, ann)}"
    planned = ann.client.post(f"{path}/change", json={"price": "starter-monthly", "when": "period_end"}).json()
    assert planned["price"] == "pro-monthly"
    pending = planned["pending_change"]
    assert pending == {
        "plan": "starter", "plan_version": 1, "price": "starter-monthly", "seats": 3, "reason": "scheduled",
        "at": planned["current_period"]["end"], "invoice_id": None,
    }  # fmt: skip
    caught_up()
    assert ann.client.get("/subscriptions").json()["data"] == [planned]
    refused(ann.client.post(f"{path}/change", json={"seats": 20}), 409, "change_pending")
    assert ann.client.delete(f"{path}/change").json()["pending_change"] is None


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("visa_chargeDeclinedInsufficientFunds", "payment_declined", "insufficient_funds"),
        ("authenticationRequired", "payment_action_required", None),
    ],
)
def test_a_change_that_is_not_paid_answers_402_with_the_place_to_pay(vendor, ann, caught_up, card, code, decline):
    subscription = bought(vendor, ann)
    vendor.card(UUID(subscription), card)
    error = refused(ann.client.post(f"/subscriptions/{subscription}/change", json={"seats": 30}), 402, code)
    assert error["details"].get("decline_code") == decline
    assert error["details"]["pay_url"] == vendor.invoices()[0]["hosted_invoice_url"]
    vendor.deliver()
    caught_up()
    shown = ann.client.get(f"/subscriptions/{subscription}").json()
    assert (shown["seats"], shown["pending_change"]["reason"], shown["pending_change"]["seats"]) == (
        10,
        "awaiting_payment",
        30,
    )
    assert ann.client.get("/subscriptions").json()["data"] == [shown]


def test_pause_resume_and_both_ends(vendor, ann):
    path = f"/subscriptions/{bought(vendor, ann)}"
    steps = [
        ("pause", {}, "paused"), ("resume", {}, "active"),
        ("cancel", {"when": "period_end"}, "active"), ("resume", {}, "active"), ("cancel", {"when": "now"}, "canceled"),
    ]  # fmt: skip
    for verb, body, status in steps:
        answer = ann.client.post(f"{path}/{verb}", json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["status"] == status
        assert (found["cancel_at"] is not None) == (body == {"when": "period_end"})
    refused(ann.client.post(f"{path}/resume"), 409, "subscription_not_running")


def test_while_stripe_is_away_the_answer_says_when_to_ask_again(vendor, ann):
    path = f"/subscriptions/{bought(vendor, ann)}"
    for fault in ("unavailable", "rate_limit"):
        vendor.faults.add(fault, method="POST", path="/v1/subscriptions/*")
        answer = ann.client.post(f"{path}/change", json={"seats": 30})
        error = refused(answer, 503, "provider_unavailable")
        assert answer.headers["Retry-After"] == str(error["retry_after"])
        vendor.faults.clear()
    vendor.faults.add("unavailable", method="GET")
    refused(ann.client.post(f"{path}/preview", json={"seats": 30}), 503, "provider_unavailable")


def test_without_a_provider_nothing_is_sold(services, vendor, ann):
    services.provider_commands._seller = None
    answer = ann.client.post("/checkout/session", json={"price": "pro-monthly", **SHOP})
    refused(answer, 503, "buying_not_set_up")
