"""The contract oracle accepts what Stripe sends and nothing else, and says where the breach is."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from scripts.stripe_sim import ContractBreach, Emitted, StripeAccount, check

BEHIND = {
    "billing_portal.configuration": "billing_portal.configuration.features.subscription_pause: missing",
    "dispute": "dispute.evidence_details.submission_method: missing",
    "event": "event.data.object.aggregate_usage: unknown field",
    "invoice": "invoice.subscription: unknown field",
    "subscription_schedule": "subscription_schedule.pause_schedules: missing",
}
"""Where Stripe's example objects (August 2026, with hidden fields) really differ from the pinned API version."""


def breach_of(thing: Any) -> str:
    with pytest.raises(ContractBreach) as caught:
        check(thing)
    return str(caught.value)


@pytest.fixture
def invoice(bought: Emitted) -> dict[str, Any]:
    return bought.the("invoice")


def test_stripes_own_example_objects_pass_but_for_the_five_that_are_behind_the_pinned_version(genuine: Path) -> None:
    said: dict[str, str] = {}
    for file in sorted(genuine.glob("*.json")):
        try:
            check(json.loads(file.read_text()), open_enums=True)
        except ContractBreach as breach:
            said[file.stem] = str(breach)
    assert said == BEHIND


def test_a_missing_field_is_named_with_its_path(invoice: dict[str, Any]) -> None:
    del invoice["lines"]["data"][0]["pricing"]["price_details"]["price"]
    assert breach_of(invoice) == "invoice.lines.data[0].pricing.price_details.price: missing"


def test_a_field_of_an_older_api_version_is_unknown(invoice: dict[str, Any]) -> None:
    invoice["paid"] = True
    assert breach_of(invoice) == "invoice.paid: unknown field"


def test_an_unknown_field_deep_inside_is_found(invoice: dict[str, Any]) -> None:
    invoice["parent"]["subscription_details"]["subscripton"] = "sub_1"
    assert breach_of(invoice) == "invoice.parent.subscription_details.subscripton: unknown field"


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("amount_due", "8700", "expected int, found '8700'"),
        ("amount_due", True, "expected int, found True"),
        ("amount_due", 87.5, "expected int, found 87.5"),
        ("amount_due", None, "expected int, found None"),
        ("livemode", 0, "expected bool, found 0"),
        ("customer", 12, "expected str, found 12"),
        ("status", "settled", "'settled' is not one of draft, open, paid, uncollectible, void"),
        ("object", "invoices", None),
        ("lines", [], 'expected {"object": "list"}, found []'),
        ("discounts", {}, "expected a list, found {}"),
        ("metadata", {"seats": 3}, None),
        ("issuer", "self", "expected an object, found 'self'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(
    invoice: dict[str, Any], field: str, value: Any, what: str | None
) -> None:
    invoice[field] = value
    said = breach_of(invoice)
    if what is not None:
        assert said == f"invoice.{field}: {what}"


def test_a_decimal_travels_as_a_string(account: StripeAccount) -> None:
    price = account.find("price")[0]
    for wrong in (2900, "29 dollars"):
        assert breach_of(price | {"unit_amount_decimal": wrong}).startswith(
            "price.unit_amount_decimal: expected a decimal"
        )


def test_a_nullable_field_may_be_null_or_absent(invoice: dict[str, Any]) -> None:
    check(invoice | {"customer_name": None})
    check({field: value for field, value in invoice.items() if field != "customer_name"})


def test_an_expandable_field_may_be_the_id_or_the_object_of_the_right_kind(
    account: StripeAccount, invoice: dict[str, Any]
) -> None:
    customer = account.retrieve("customer", invoice["customer"])
    check(invoice | {"customer": customer})
    del customer["livemode"]
    assert breach_of(invoice | {"customer": customer}) == "invoice.customer.livemode: missing"
    subscription = account.find("subscription")[0]
    assert breach_of(invoice | {"customer": subscription}).startswith("invoice.customer.")


def test_a_deleted_customer_is_a_stub(account: StripeAccount, bought: Emitted) -> None:
    id = bought.the("customer")["id"]
    account.delete_customer(id)
    stub = account.retrieve("customer", id)
    assert stub == {"id": id, "object": "customer", "deleted": True}
    check(stub)


def test_an_enum_is_closed_for_what_we_emit_and_open_for_what_we_receive(invoice: dict[str, Any]) -> None:
    invoice["billing_reason"] = "reason_of_next_year"
    assert breach_of(invoice).startswith("invoice.billing_reason: 'reason_of_next_year' is not one of")
    check(invoice, open_enums=True)


@pytest.mark.parametrize("thing", [None, [], "invoice", {}, {"object": None}, {"object": "licence"}])
def test_what_is_no_stripe_object_is_refused(thing: Any) -> None:
    breach_of(thing)


def test_an_event_must_be_of_a_known_type_and_about_the_right_kind_of_object(bought: Emitted) -> None:
    event = next(event for event in bought if event["type"] == "invoice.paid")
    check(event)
    assert breach_of(event | {"type": "invoice.settled"}).startswith("event.type: 'invoice.settled' is not one of")
    assert (
        breach_of(event | {"type": "charge.succeeded"}) == "event.data.object: charge.succeeded is not about 'invoice'"
    )


def test_the_object_inside_an_event_is_checked_too(bought: Emitted) -> None:
    event = deepcopy(next(event for event in bought if event["type"] == "invoice.paid"))
    del event["data"]["object"]["lines"]["data"][0]["period"]["end"]
    assert breach_of(event) == "event.data.object.lines.data[0].period.end: missing"


def test_previous_attributes_name_fields_of_the_object(bought: Emitted) -> None:
    event = deepcopy(next(event for event in bought if event["type"] == "invoice.updated"))
    event["data"]["previous_attributes"]["paid"] = False
    assert breach_of(event) == "event.data.previous_attributes.paid: unknown field"
