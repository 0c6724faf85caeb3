from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.money import CurrencyMismatch, Money, decimals

amounts = some.integers(-(10**12), 10**12)
weights = some.lists(some.fractions(0, 1000), min_size=1, max_size=12).filter(any)


def usd(amount: int) -> Money:
    return Money(amount, "usd")


def test_amounts_of_one_currency_add_up():
    assert usd(2900) + usd(100) - usd(50) == usd(2950)
    assert -usd(5) == usd(-5)


def test_amounts_of_two_currencies_never_meet():
    with pytest.raises(CurrencyMismatch):
        usd(1) + Money(1, "eur")
    with pytest.raises(CurrencyMismatch):
        usd(1) - Money(0, "eur")


@pytest.mark.parametrize("amount", [1.0, True, "5", None])
def test_an_amount_is_a_whole_number(amount):
    with pytest.raises(TypeError):
        Money(amount, "usd")


@pytest.mark.parametrize("currency", ["USD", "us", "dollar", "", "ü€x"])
def test_a_currency_is_three_lower_case_letters(currency):
    with pytest.raises(ValueError):
        Money(1, currency)


def test_a_half_is_rounded_away_from_zero():
    assert usd(5).times(Fraction(1, 2)) == usd(3)
    assert usd(-5).times(Fraction(1, 2)) == usd(-3)
    assert usd(7).times(Fraction(1, 3)) == usd(2)
    assert usd(2900).times(3) == usd(8700)


def test_a_share_of_a_period_is_exact_inside():
    assert usd(9900).times(Fraction(10, 30)) == usd(3300)
    assert usd(10**11).times(Fraction(1, 3)) == usd(33_333_333_333)


@given(amounts, some.fractions(0, 1))
def test_a_credit_mirrors_the_charge_it_takes_back(amount, part):
    assert usd(-amount).times(part) == -usd(amount).times(part)


@given(amounts, weights)
def test_shares_add_up_and_are_within_one_minor_unit(amount, weights):
    shares = usd(amount).shares(weights)
    assert sum(share.amount for share in shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.amount - Fraction(amount) * weight / sum(weights)) <= 1


def test_shares_need_something_to_share_by():
    for weights in ([], [0, 0], [2, -1]):
        with pytest.raises(ValueError):
            usd(10).shares(weights)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (usd(2900), "29.00 USD"),
        (usd(-5), "-0.05 USD"),
        (usd(123456789), "1,234,567.89 USD"),
        (Money(500, "jpy"), "500 JPY"),
        (Money(5124, "kwd"), "5.124 KWD"),
        (Money(500, "isk"), "5.00 ISK"),
    ],
)
def test_text_has_the_decimals_of_the_currency(money, text):
    assert money.text == text


def test_decimals_are_two_unless_said_otherwise():
    assert [decimals(currency) for currency in ("usd", "jpy", "bhd", "ugx")] == [2, 0, 3, 2]
