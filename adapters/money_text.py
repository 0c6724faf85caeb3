"""Amounts as a language writes them, in mails and on papers alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from decimal import Decimal

from babel import Locale
from babel.numbers import get_currency_symbol

from domain.money import decimals

_WHOLE_MAJOR_UNITS = frozenset({"isk", "ugx"})
"""Stripe counts them in hundredths, which nobody writes."""


class MoneyText:
    """`own` keeps a currency's sign apart from what stands around it, where two directions of writing meet."""

    def __init__(self, locale: Locale, own: Callable[[str], str] = lambda text: text) -> None:
        self._locale = locale
        self._own = own

    def amount(self, amount: int, currency: str) -> str:
        """Minor units, with as many decimals as the currency is counted in."""
        places = decimals(currency)
        if currency in _WHOLE_MAJOR_UNITS and amount % 100 == 0:
            return self._formatted(Decimal(amount) / 100, currency, 0, 0)
        return self._formatted(Decimal(amount).scaleb(-places), currency, places, places)

    def unit_price(self, unit_amount: str, currency: str) -> str:
        """May be a fraction of a minor unit: as many decimals as it takes."""
        places = decimals(currency)
        return self._formatted(Decimal(unit_amount).scaleb(-places), currency, places, 12)

    def _formatted(self, value: Decimal, currency: str, least: int, most: int) -> str:
        pattern = copy(self._locale.currency_formats["standard"])
        pattern.frac_prec = (least, most)
        text = str(pattern.apply(value, self._locale, currency=currency.upper(), currency_digits=False))
        symbol = get_currency_symbol(currency.upper(), self._locale)
        if symbol[-1].isalpha():  # CHF 9.00, not CHF9.00 (CLDR's pattern for letters next to a number)
            text = re.sub(rf"{re.escape(symbol)}(?=\d)", f"{symbol}\xa0", text)
        return text.replace(symbol, self._own(symbol))
