"""A request's parameters are judged by the types of the `stripe` package, in Stripe's words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.stripe_sim import Refused, StripeAccount
from scripts.stripe_sim.errors import NotSimulated, Unrecognized
from scripts.stripe_sim.forms import pairs_of, tree_of
from scripts.stripe_sim.operations import Parameter, operation, parameters_of
from scripts.stripe_sim.parameters import judged

KEYS = st.sampled_from(["a", "b", "name", "0", "1"])
LEAVES = st.text("aß&=[ %", max_size=3)
TREES = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda below: st.dictionaries(KEYS, below, min_size=1), max_leaves=5)
)


def refusal(name: str, encoded: str) -> tuple[str, str | None, str | None]:
    with pytest.raises(Refused) as caught:
        judged(tree_of(encoded), operation(name).parameters)
    error = caught.value.error
    return error["message"], error.get("code"), error.get("param")


@given(TREES)
def test_a_tree_survives_its_encoding(tree: dict[str, Any]) -> None:
    assert tree_of(urlencode(list(pairs_of(tree)))) == tree


def test_lists_are_told_by_numbers_or_by_empty_brackets() -> None:
    numbered = tree_of("items[0][price]=a&items[0][quantity]=2&items[1][price]=b&expand[0]=x")
    assert tree_of("items[][price]=a&items[][quantity]=2&items[][price]=b&expand[]=x") == numbered
    given = judged(numbered, operation("subscriptions.create").parameters)
    assert given == {"items": [{"price": "a", "quantity": 2}, {"price": "b"}], "expand": ["x"]}


@pytest.mark.parametrize(
    ("name", "encoded", "message", "code", "param"),
    [
        ("customers.create", "colour=red", "Received unknown parameter: colour", "parameter_unknown", "colour"),
        (
            *("subscriptions.create", "items[0][prise]=p"),
            *("Received unknown parameter: items[0][prise]", "parameter_unknown", "items[0][prise]"),
        ),
        ("tax_rates.create", "inclusive=true", "Missing required param: display_name.", "parameter_missing", None),
        (
            *("checkout.sessions.create", "mode=gift"),
            *("Invalid mode: must be one of payment, setup, or subscription", None, "mode"),
        ),
        ("prices.create", "currency=usd&unit_amount=ten", "Invalid integer: ten", "parameter_invalid_integer", None),
        ("products.create", "name=x&active=maybe", "Invalid boolean: maybe", None, "active"),
        ("coupons.create", "percent_off=a lot", "Invalid decimal: a lot", None, "percent_off"),
        ("customers.create", "address=here", "Invalid object: here", None, "address"),
        ("subscriptions.create", "items=all", "Invalid array: all", None, "items"),
        ("subscriptions.create", "items[first][price]=p", "Invalid array", None, "items"),
    ],
)
def test_what_does_not_fit_is_refused_in_stripes_words(
    name: str, encoded: str, message: str, code: str | None, param: str | None
) -> None:
    said = refusal(name, encoded)
    assert said[:2] == (message, code)
    assert param in (None, said[2])


def test_an_empty_text_unsets_what_can_be_unset_and_is_refused_elsewhere() -> None:
    parameters = operation("subscriptions.update").parameters
    assert judged({"pause_collection": "", "cancel_at": ""}, parameters) == {"pause_collection": "", "cancel_at": ""}
    message, code, _ = refusal("subscriptions.update", "default_payment_method=")
    assert (message[:44], code) == ("You passed an empty string for 'default_paym", "parameter_invalid_empty")


def test_values_get_the_types_that_stripe_declares() -> None:
    given = judged(
        {"currency": "usd", "unit_amount_decimal": "0.5", "active": "false", "recurring": {"interval": "month"}},
        operation("prices.create").parameters,
    )
    assert given == {
        "currency": "usd",
        "unit_amount_decimal": Decimal("0.5"),
        "active": False,
        "recurring": {"interval": "month"},
    }
    assert judged({"trial_end": "now"}, operation("subscriptions.create").parameters) == {"trial_end": "now"}
    assert judged({"trial_end": "17"}, operation("subscriptions.create").parameters) == {"trial_end": 17}


def test_what_stripe_has_and_the_stand_in_has_not_is_refused_and_never_ignored(account: StripeAccount) -> None:
    with pytest.raises(NotSimulated, match="`on_behalf_of`"):
        account.post("invoices", {"customer": "cus_1", "on_behalf_of": "acct_1"})
    with pytest.raises(NotSimulated, match=r"`recurring\.meter`"):
        account.post("prices", {"currency": "usd", "recurring": {"interval": "month", "meter": "m"}})
    with pytest.raises(NotSimulated, match="GET /v1/payouts"):
        account.ask("payouts")
    with pytest.raises(Unrecognized):
        account.ask("licences")


def test_every_parameter_that_is_heeded_is_one_of_stripes(account: StripeAccount) -> None:
    older = frozenset({"coupon", "phases.iterations"})
    wrong = [
        f"{route.operation.path}: {path}"
        for route in account.api.routes
        for path in (route.accepts or older) - older
        if not exists(path.split("."), route.operation.parameters)
    ]
    assert wrong == []


def exists(steps: list[str], parameters: Mapping[str, Parameter]) -> bool:
    name, *below = steps
    if name not in parameters:
        return False
    types = list(typed_dicts(parameters[name].hint))
    return not below or any(exists(below, parameters_of(each)) for each in types)


def typed_dicts(hint: Any) -> Any:
    if hasattr(hint, "__required_keys__"):
        yield hint
    for each in getattr(hint, "__args__", ()):
        yield from typed_dicts(each)


def test_requests_without_a_version_may_use_the_words_of_older_ones(account: StripeAccount) -> None:
    coupon = account.post("coupons", {"percent_off": 20})["id"]
    with pytest.raises(Refused, match="unknown parameter: coupon"):
        account.post("promotion_codes", {"coupon": coupon})
    made = account.api.perform("POST", "/v1/promotion_codes", {"coupon": coupon}, current=False)
    assert made["promotion"] == {"coupon": coupon, "type": "coupon"}
