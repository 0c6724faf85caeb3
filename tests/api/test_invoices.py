"""Invoices from the outside."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.ids import invoice_id_for
from tests.api.people_engine import refused
from tests.api.shop import subscription_of

PRICE = {"amount": 9900, "currency": "usd"}
NOTHING = {"amount": 0, "currency": "usd"}


def test_a_paid_invoice_is_listed_and_says_the_same_alone(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    caught_up()
    response = ann.client.get("/invoices")
    (listed,) = response.json()["data"]
    assert int(response.headers["X-Log-Position"]) > 0
    assert listed == ann.client.get(f"/invoices/{listed['id']}").json()
    assert set(listed) == {
        "id", "organization_id", "number", "subscription_id", "status", "subtotal", "tax", "total", "amount_due",
        "amount_paid", "amount_refunded", "period", "attempts", "next_attempt_at", "issued_at", "paid_at", "provider",
    }  # fmt: skip
    assert (listed["status"], listed["total"], listed["amount_paid"]) == ("paid", PRICE, PRICE)
    assert (listed["amount_refunded"], listed["attempts"]) == (NOTHING, 0)
    assert listed["subscription_id"] == str(subscription_of(reference))
    assert listed["paid_at"].endswith("Z") and listed["provider"]["name"] == "stripe"


def test_failed_attempts_and_refunds_are_shown_alike_alone_and_in_the_list(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    failed = shop.account.fail_renewal(reference).the("invoice")["id"]
    shop.account.fail_again(failed)
    shop.deliver()
    caught_up()
    (owed,) = ann.client.get("/invoices", params={"status": "open"}).json()["data"]
    assert (owed["attempts"], owed["amount_due"], owed["amount_paid"]) == (2, PRICE, NOTHING)
    assert owed["next_attempt_at"] is not None
    assert owed == ann.client.get(f"/invoices/{invoice_id_for('stripe', failed)}").json()
    shop.account.pay(failed)
    shop.account.refund(failed, amount=1000)
    shop.deliver()
    caught_up()
    (back, _) = ann.client.get("/invoices", params={"status": "paid"}).json()["data"]
    assert back["amount_refunded"] == {"amount": 1000, "currency": "usd"}
    assert back == ann.client.get(f"/invoices/{invoice_id_for('stripe', failed)}").json()


def test_lists_are_narrowed_by_subscription_and_provider_id(shop, ann, caught_up):
    first, second = shop.buy(ann.organization_id), shop.buy(ann.organization_id)
    caught_up()

    def found(**query: object) -> list[str]:
        return [each["subscription_id"] for each in ann.client.get("/invoices", params=query).json()["data"]]

    assert found() == [str(subscription_of(second)), str(subscription_of(first))]
    assert found(subscription_id=subscription_of(first)) == [str(subscription_of(first))]
    reference = ann.client.get("/invoices").json()["data"][0]["provider"]["id"]
    assert found(provider_id=reference) == [str(subscription_of(second))]


@pytest.mark.parametrize("query", [{"status": "lost"}, {"subscription_id": "sub_1"}, {"number": "1"}])
def test_absurd_questions_are_refused(ann, query):
    refused(ann.client.get("/invoices", params=query), 422, "invalid_request")


def test_what_is_not_an_invoice_is_not_found(ann):
    refused(ann.client.get(f"/invoices/{uuid4()}"), 404, "not_found")
