"""Payments, refunds and disputes from the outside."""

from __future__ import annotations

import pytest

from domain.ids import invoice_id_for, payment_id_for
from tests.api.people_engine import refused
from tests.stripe_money import newest

PRICE = {"amount": 9900, "currency": "usd"}


@pytest.fixture
def history(shop, ann, caught_up) -> list[dict]:
    """Ann bought, was given back a part, and her bank disputes the rest."""
    shop.buy(ann.organization_id)
    invoice = newest(shop.account, "invoice")["id"]
    shop.account.advance(shop.account.retries[0])
    shop.account.refund(invoice, amount=1000)
    shop.account.advance(shop.account.retries[0])
    shop.account.dispute(invoice)
    shop.deliver()
    caught_up()
    return ann.client.get("/payments").json()["data"]


def test_they_are_listed_newest_first_each_with_its_payment_and_invoice(shop, history):
    assert [(each["kind"], each["status"]) for each in history] == [
        ("dispute", "open"),
        ("refund", "succeeded"),
        ("payment", "succeeded"),
    ]
    dispute, refund, payment = history
    assert payment["id"] == str(payment_id_for("stripe", newest(shop.account, "payment_intent")["id"]))
    assert {each["payment_id"] for each in history} == {payment["id"]}
    invoice = str(invoice_id_for("stripe", newest(shop.account, "invoice")["id"]))
    assert all(each["invoice_ids"] == [invoice] for each in history)
    assert (payment["amount"], payment["method"], refund["amount"]["amount"]) == (PRICE, "card", 1000)
    assert (dispute["reason"], dispute["stage"], dispute["amount"]["amount"]) == ("fraudulent", "needs_response", 8900)
    assert dispute["answer_by"] is not None and dispute["provider"]["id"].startswith("du_")


def test_lists_are_narrowed_by_kind_status_invoice_and_time(ann, history):
    def found(**query: object) -> list[str]:
        return [each["kind"] for each in ann.client.get("/payments", params=query).json()["data"]]

    dispute, _, payment = history
    assert found(kind="refund") == ["refund"]
    assert found(status="succeeded") == ["refund", "payment"]
    assert found(invoice_id=payment["invoice_ids"][0]) == ["dispute", "refund", "payment"]
    assert found(invoice_id=payment["id"]) == []
    assert found(since=dispute["happened_at"]) == ["dispute"]
    assert found(until=dispute["happened_at"]) == ["refund", "payment"]


def test_a_page_goes_on_where_the_last_one_ended(ann, history):
    first = ann.client.get("/payments", params={"limit": 2}).json()
    second = ann.client.get("/payments", params={"limit": 2, "after": first["next"]}).json()
    assert [*first["data"], *second["data"]] == history and second["next"] is None


def test_the_vendor_sees_all_and_others_nothing(admin, ann, bob, history):
    assert admin.get("/payments").json()["data"] == history
    assert admin.get("/payments", params={"organization_id": str(bob.organization_id)}).json()["data"] == []
    assert admin.get("/payments", params={"organization_id": str(ann.organization_id)}).json()["data"] == history
    assert bob.client.get("/payments").json()["data"] == []


@pytest.mark.parametrize("query", [{"kind": "gift"}, {"invoice_id": "in_1"}, {"since": "now"}, {"sort": "asc"}])
def test_absurd_questions_are_refused(ann, query):
    refused(ann.client.get("/payments", params=query), 422, "invalid_request")


def test_a_declined_card_is_listed_with_the_banks_reason(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    shop.account.fail_renewal(reference)
    shop.deliver()
    caught_up()
    failed, paid = ann.client.get("/payments").json()["data"]
    assert (failed["status"], failed["reason"]) == ("failed", "insufficient_funds")
    assert (paid["status"], paid["reason"]) == ("succeeded", None)
