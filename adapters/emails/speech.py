"""How a language says dates, amounts, numbers of things and reasons; its words are in `words/<language>.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

from adapters.money_text import MoneyText
from adapters.plain_text import one_line
from domain.money import Money
from domain.plan import Price

_FOLDER = Path(__file__).parent / "words"
DEFAULT_LANGUAGE = "en"


@lru_cache
def languages() -> tuple[str, ...]:
    """Those that we have words in."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def language_for(wanted: str) -> str:
    """`de-AT` → `de` when we have it, else English."""
    candidates = (wanted, wanted.replace("_", "-").split("-")[0].lower())
    return next((name for name in candidates if name in languages()), DEFAULT_LANGUAGE)


@lru_cache
def words_of(language: str) -> dict[str, Any]:
    with (_FOLDER / f"{language}.yaml").open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, yaml.CSafeLoader)[language]
    return loaded


class Speech:
    """One language, one of `languages()`."""

    def __init__(self, language: str) -> None:
        self._locale = Locale.parse(language)
        self._words = words_of(language)
        self._money = MoneyText(self._locale, self.own)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return str(self._locale.text_direction)

    def own(self, text: str) -> str:
        """Somebody's own words on one line, kept apart from what stands around them where that is written from the
        right: in an Arabic mail `Acme Inc.` keeps its dot at its end (Unicode UAX 9, isolates)."""
        plain = one_line(text)
        return f"\u2068{plain}\u2069" if plain and self.direction == "rtl" else plain

    @property
    def filters(self) -> dict[str, Callable[..., str]]:
        """What the words may ask for, by the name that they ask with."""
        return {
            **{style: self._moment_in(style) for style in ("date", "moment", "month")},
            "money": self.money,
            "price": self.price,
            "count": self.count,
            "number": self.number,
            "reason": lambda reason: self._words["reasons"].get(reason) or self.own(reason),
            "role": lambda role: self._words["roles"][role],
            "begun": lambda text: text[:1].upper() + text[1:],
            "advice": lambda reason: self._words["advice"].get(reason, self._words["advice"]["other"]),
        }

    def money(self, money: Money) -> str:
        return self._money.amount(money.amount, money.currency)

    def price(self, price: Price) -> str:
        """`$99.00 a month`."""
        forms = self._words["prices"][price.interval.value]
        return self._form(forms, price.interval_count).format(
            n=self.number(price.interval_count), amount=self.money(price.money)
        )

    def count(self, number: int, thing: str) -> str:
        """`1 seat`, `10 seats`."""
        return self._form(self._words["counts"][thing], number).format(n=self.number(number))

    def number(self, number: int | Decimal) -> str:
        """`8,000`; every decimal that is there."""
        return format_decimal(Decimal(number), locale=self._locale, decimal_quantization=False)

    def _moment_in(self, style: str) -> Callable[[datetime], str]:
        def said(at: datetime) -> str:
            if at.tzinfo is None:
                raise ValueError("A time in a mail must know its zone.")
            return format_datetime(at.astimezone(UTC), self._words[style], locale=self._locale)

        return said

    def _form(self, forms: Mapping[str, str], number: int) -> str:
        """By the language's plural rules (CLDR)."""
        return forms.get(self._locale.plural_form(number), forms["other"])
