"""What an invoice adds up to: sums hold for every mixture of lines, discounts and taxes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.stripe_sim.money import shares, shown
from scripts.stripe_sim.totals import add_up, discounted

AMOUNTS = st.integers(-50_000, 50_000)
COUPONS = st.one_of(
    st.builds(
        lambda percent: {"percent_off": percent, "amount_off": None}, st.floats(0.1, 100).map(lambda x: round(x, 2))
    ),
    st.builds(lambda amount: {"percent_off": None, "amount_off": amount}, st.integers(1, 100_000)),
)
RATES = st.builds(
    lambda inclusive, percentage: {"id": "txr_1", "inclusive": inclusive, "percentage": percentage},
    st.booleans(),
    st.sampled_from([0.0, 7.7, 19.0, 100.0]),
)


def invoice_of(amounts: list[int]) -> dict[str, Any]:
    lines = [
        {"id": f"il_{at}", "amount": amount, "discountable": amount >= 0, "pricing": None}
        for at, amount in enumerate(amounts)
    ]
    return {"lines": {"data": lines}, "customer_tax_exempt": "none"}


@settings(deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=5), st.lists(COUPONS, max_size=2), RATES)
def test_lines_discounts_and_taxes_add_up_to_the_total(
    amounts: list[int], coupons: list[dict[str, Any]], rate: dict[str, Any]
) -> None:
    invoice = invoice_of(amounts)
    discounts = [(f"di_{at}", coupon) for at, coupon in enumerate(coupons)]
    add_up(invoice, discounts, {line["id"]: [rate] for line in invoice["lines"]["data"]}, {})
    off = sum(each["amount"] for each in invoice["total_discount_amounts"])
    tax = sum(each["amount"] for each in invoice["total_taxes"])
    exclusive = 0 if rate["inclusive"] else tax
    assert invoice["total"] == invoice["subtotal"] - off + exclusive == invoice["total_excluding_tax"] + tax
    assert invoice["subtotal"] == sum(amounts)
    for line in invoice["lines"]["data"]:
        left = discounted(line)
        assert 0 <= left <= line["amount"] or left == line["amount"] < 0
        (of_line,) = line["taxes"]
        fraction = Decimal(str(rate["percentage"])) / 100
        exact = left * fraction / (1 + fraction) if rate["inclusive"] else left * fraction
        assert abs(of_line["amount"] - exact) <= Decimal("0.5")


@given(st.integers(0, 10_000), st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_parts_of_an_amount_add_up_to_it(amount: int, weights: list[int]) -> None:
    parts = shares(amount, weights)
    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [(2900, "usd", "$29.00"), (-5, "eur", "-€0.05"), (500, "jpy", "¥500"), (1234567, "bhd", "BHD 1,234.567")],
)
def test_amounts_are_written_as_their_currency_is(amount: int, currency: str, words: str) -> None:
    assert shown(amount, currency) == words
