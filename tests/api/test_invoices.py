"""Invoices from the outside."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from api.invoice_answers import InvoiceAnswer
from domain.ids import credit_note_id_for, invoice_id_for
from tests.api.people_engine import erased, refused
from tests.api.shop import subscription_of
from tests.pdf import text_of
from tests.stripe_money import credit_note, event, newest, tax, tax_rate, with_sums

PRICE = {"amount": 9900, "currency": "usd"}
NOTHING = {"amount": 0, "currency": "usd"}


def in_a_list(whole: dict[str, object]) -> dict[str, object]:
    """As much of a whole invoice as a list shows."""
    return {name: value for name, value in whole.items() if name in InvoiceAnswer.model_fields}


def test_a_paid_invoice_is_listed_and_says_the_same_alone(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    caught_up()
    response = ann.client.get("/invoices")
    (listed,) = response.json()["data"]
    assert int(response.headers["X-Log-Position"]) > 0
    whole = ann.client.get(f"/invoices/{listed['id']}").json()
    assert listed == in_a_list(whole)
    assert set(listed) == {
        "id", "organization_id", "number", "subscription_id", "status", "subtotal", "discount", "tax", "total",
        "amount_due", "amount_paid", "amount_remaining", "amount_refunded", "amount_credited", "period", "attempts",
        "next_attempt_at", "issued_at", "due_at", "paid_at", "voided_at", "doubts", "provider",
    }  # fmt: skip
    assert set(whole) - set(listed) == {
        "customer", "memo", "pay_url", "lines", "discounts", "taxes", "payments", "refunds", "disputes", "credit_notes",
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
    assert owed == in_a_list(ann.client.get(f"/invoices/{invoice_id_for('stripe', failed)}").json())
    shop.account.pay(failed)
    shop.account.refund(failed, amount=1000)
    shop.deliver()
    caught_up()
    (back, _) = ann.client.get("/invoices", params={"status": "paid"}).json()["data"]
    assert back["amount_refunded"] == {"amount": 1000, "currency": "usd"}
    whole = ann.client.get(f"/invoices/{invoice_id_for('stripe', failed)}").json()
    assert back == in_a_list(whole)
    (payment,), (refund,) = whole["payments"], whole["refunds"]
    assert [each["outcome"] for each in payment["attempts"]] == ["failed", "failed", "succeeded"]
    assert payment["attempts"][0]["decline_code"] == "insufficient_funds"
    assert (payment["status"], payment["applied"], payment["method"]) == ("succeeded", PRICE, "card")
    assert (refund["amount"], refund["status"], refund["payment_id"]) == (
        {"amount": 1000, "currency": "usd"},
        "succeeded",
        payment["id"],
    )


def test_lists_are_narrowed_by_subscription_and_provider_id(shop, ann, caught_up):
    first, second = shop.buy(ann.organization_id), shop.buy(ann.organization_id)
    caught_up()

    def found(**query: object) -> list[str]:
        return [each["subscription_id"] for each in ann.client.get("/invoices", params=query).json()["data"]]

    assert found() == [str(subscription_of(second)), str(subscription_of(first))]
    assert found(subscription_id=subscription_of(first)) == [str(subscription_of(first))]
    reference = ann.client.get("/invoices").json()["data"][0]["provider"]["id"]
    assert found(provider_id=reference) == [str(subscription_of(second))]


@pytest.mark.parametrize(
    "query",
    [{"status": "lost"}, {"subscription_id": "sub_1"}, {"nummer": "1"}, {"issued_since": "today"}, {"doubtful": "2"}],
)
def test_absurd_questions_are_refused(ann, query):
    refused(ann.client.get("/invoices", params=query), 422, "invalid_request")


def test_what_is_not_an_invoice_is_not_found(ann):
    refused(ann.client.get(f"/invoices/{uuid4()}"), 404, "not_found")


def billed(shop, ann) -> dict[str, object]:
    """Stripe's invoice of a purchase with a discount, taxes and a credit note; answers it."""
    shop.buy(ann.organization_id)
    bought = newest(shop.account, "invoice")
    invoice = with_sums(bought, discount=900, taxes=(tax(1710, taxable=9000),), customer_tax_ids=[
        {"type": "eu_vat", "value": "DE123456789"}
    ], description="Thank you", default_tax_rates=[tax_rate()])  # fmt: skip
    note = credit_note(invoice, 500)
    invoice["post_payment_credit_notes_amount"] = 500
    for told in (("invoice.updated", invoice), ("credit_note.created", note)):
        shop.deliver_made(event(*told, at=shop.account.at + 60))
    return invoice


def test_a_whole_invoice_says_lines_discounts_taxes_customer_and_credit_notes(shop, ann, caught_up):
    invoice = billed(shop, ann)
    caught_up()
    whole = ann.client.get(f"/invoices/{invoice_id_for('stripe', invoice['id'])}").json()
    (line,) = whole["lines"]
    assert (line["amount"], line["quantity"], line["unit_amount"], line["proration"]) == (PRICE, "1", "9900", False)
    assert line["period"]["start"] < line["period"]["end"]
    assert whole["discounts"] == [{"id": "di_welcome", "name": None, "amount": {"amount": 900, "currency": "usd"}}]
    (vat,) = whole["taxes"]
    assert (vat["name"], vat["percentage"], vat["jurisdiction"], vat["inclusive"]) == ("VAT", "19.0", "Germany", False)
    assert whole["customer"]["tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    assert (whole["memo"], whole["doubts"]) == ("Thank you", [])
    (note,) = whole["credit_notes"]
    assert (note["number"], note["total"]["amount"], note["lines"][0]["amount"]["amount"]) == (
        f"{invoice['number']}-CN-01",
        500,
        500,
    )
    (listed,) = ann.client.get("/invoices").json()["data"]
    assert (listed["discount"]["amount"], listed["tax"]["amount"], listed["amount_credited"]["amount"]) == (
        900,
        1710,
        500,
    )


def test_an_invoice_and_its_credit_note_are_papers_of_their_own(shop, ann):
    invoice = billed(shop, ann)
    id = invoice_id_for("stripe", invoice["id"])
    response = ann.client.get(f"/invoices/{id}/pdf")
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == f'inline; filename="invoice-{invoice["number"]}.pdf"'
    text = text_of(response.content)
    for words in ("Invoice", invoice["number"], "VAT – Germany 19%", "-$9.00", "$107.10", "Tax number: DE123456789"):
        assert words in text, words
    assert ann.client.get(f"/invoices/{id}/pdf").content == response.content
    note = ann.client.get(
        f"/invoices/{id}/credit-notes/{credit_note_id_for('stripe', 'cn_000000000000000000000001')}/pdf"
    )
    assert "$5.00 credited" in text_of(note.content)
    german = text_of(ann.client.get(f"/invoices/{id}/pdf", params={"language": "de"}).content)
    assert "Rechnung" in german and "107,10" in german
    refused(ann.client.get(f"/invoices/{id}/pdf", params={"language": "../de"}), 422, "invalid_request")
    refused(ann.client.get(f"/invoices/{id}/credit-notes/{uuid4()}/pdf"), 404, "not_found")


def test_sums_that_do_not_hold_are_stored_shown_and_found(shop, ann, admin, caught_up):
    shop.buy(ann.organization_id)
    wrong = {**newest(shop.account, "invoice"), "total": 9000}
    shop.deliver_made(event("invoice.updated", wrong, at=shop.account.at + 60))
    caught_up()
    (doubted,) = admin.get("/invoices", params={"doubtful": True}).json()["data"]
    assert (doubted["total"]["amount"], doubted["doubts"]) == (9000, ["total", "due"])
    assert admin.get("/invoices", params={"doubtful": False}).json()["data"] == []
    assert ann.client.get(f"/invoices/{doubted['id']}/pdf").status_code == 200


def test_invoices_are_found_by_number_and_date(shop, ann, caught_up):
    shop.buy(ann.organization_id)
    caught_up()
    (invoice,) = ann.client.get("/invoices").json()["data"]
    for query in ({"number": invoice["number"]}, {"issued_since": invoice["issued_at"]}):
        assert ann.client.get("/invoices", params=query).json()["data"] == [invoice]
    for query in ({"number": "none"}, {"issued_until": invoice["issued_at"]}):
        assert ann.client.get("/invoices", params=query).json()["data"] == []


def test_who_leaves_leaves_the_words_on_the_papers_for_as_long_as_the_law_wants(services, shop, ann, admin, caught_up):
    shop.buy(ann.organization_id, name="Ann Example")
    invoice = invoice_id_for("stripe", newest(shop.account, "invoice")["id"])
    assert "Ann Example" in text_of(admin.get(f"/invoices/{invoice}/pdf").content)
    erased(services, ann.client)
    assert "Ann Example" in text_of(admin.get(f"/invoices/{invoice}/pdf").content)
    services.clock.advance(timedelta(days=3651))
    assert services.retention.run(seconds=60)["invoices"] == 1
    left = admin.get(f"/invoices/{invoice}").json()
    assert (left["customer"], left["total"]) == (None, PRICE)
    text = text_of(admin.get(f"/invoices/{invoice}/pdf").content)
    assert "Ann Example" not in text and "$99.00" in text
