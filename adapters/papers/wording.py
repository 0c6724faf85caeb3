"""A paper's document (application/paper_document.py) becomes a sheet: nothing but words and formatted numbers, in the
order in which `paper.typ` places them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from adapters.money_text import MoneyText
from adapters.papers.fonts import families
from adapters.plain_text import one_line

_FOLDER = Path(__file__).parent
_LETTER_COUNTRIES = frozenset({"US", "CA", "MX", "PH"})
_STATE_BEFORE_CODE = frozenset({"US", "CA", "AU"})
_CODE_BELOW = frozenset({"GB", "IE", "IN"})


class Wording:
    """Of one document in one language: the asked one where we have its words, else English; dates and money always in
    the asked one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._locale = _locale(document["language"])
        self.language = self._locale.language if self._locale.language in _words() else "en"
        self._words: dict[str, Any] = _words()[self.language]
        if self.language != self._locale.language:
            self._locale = Locale("en")
        self._currency: str = document["currency"]
        self._money = MoneyText(self._locale, self._own)

    @property
    def sheet(self) -> dict[str, Any]:
        document, words = self._document, self._words
        dated = datetime.fromisoformat(document["dated"])
        customer = document["customer"] or {}
        return {
            "language": self.language,
            "direction": words["direction"],
            "page": "us-letter" if (customer.get("address") or {}).get("country") in _LETTER_COUNTRIES else "a4",
            "fonts": families(self.language, (customer.get("address") or {}).get("country")),
            "date": [dated.year, dated.month, dated.day],
            "title": words[document["kind"]],
            "number": self._own(document["number"] or words["draft"]),
            "badge": self._badge(),
            "headline": self._headline(),
            "words": {name: words[name] for name in _PLACED},
            "vendor": self._vendor(document["vendor"]),
            "customer": self._customer(customer),
            "facts": list(self._facts(customer)),
            "memo": self._own_lines(document["memo"]),
            "lines": [self._line(line) for line in document["lines"]],
            "sums": [self._sum(each) for each in document["sums"]],
            "history": [self._entry(entry) for entry in document["history"]],
            "notes": list(self._notes(customer)),
        }

    # numbers and dates

    def money(self, amount: int, currency: str | None = None) -> str:
        """An amount in minor units."""
        return self._money.amount(amount, currency or self._currency)

    def _date(self, moment: str | None) -> str:
        """Days are those of UTC."""
        return format_date(datetime.fromisoformat(moment).date(), "medium", locale=self._locale) if moment else ""

    # a person's own words

    def _own(self, text: str) -> str:
        """One line, kept apart from what stands around it: in an Arabic paper `Acme Inc.` keeps its dot at its end."""
        plain = one_line(text)
        return f"\u2068{plain}\u2069" if plain and self._words["direction"] == "rtl" else plain

    def _own_lines(self, text: str | None) -> list[str]:
        return [line for line in map(self._own, (text or "").splitlines()) if line]

    # parts

    def _badge(self) -> dict[str, str] | None:
        badge = self._document["badge"]
        return {"text": self._words["badges"][badge], "tone": _TONES[badge]} if badge else None

    def _headline(self) -> str:
        sums = {each["word"]: each["amount"] for each in self._document["sums"]}
        facts = self._document["facts"]
        said: str = self._words["headlines"][self._document["headline"]]
        return said.format(
            total=self.money(sums["total"]),
            due=self.money(sums.get("amount_due", 0)),
            due_at=self._date(facts.get("due")),
            paid_at=self._date(facts.get("paid")),
        )

    def _vendor(self, vendor: Mapping[str, Any]) -> dict[str, Any]:
        name = self._own(vendor["name"]) or self._words["vendor_unknown"]
        lines = [self._own(each) for each in (*vendor["address"], *vendor["tax_ids"], *vendor["reach"])]
        legal = " · ".join([name, *map(self._own, (*vendor["address"], *vendor["tax_ids"]))])
        logo = list(base64.b64decode(vendor["logo"].partition(",")[2])) if vendor["logo"] else None
        return {"name": name, "lines": lines, "footer": [legal, *self._own_lines(vendor["footer"])], "logo": logo}

    def _customer(self, customer: Mapping[str, Any]) -> dict[str, Any]:
        tax_ids = [f"{self._words['tax_id']}: {each}" for each in customer.get("tax_ids", ())]
        placed = self._address(customer.get("address") or {})
        lines = [self._own(each) for each in (*placed, customer.get("email"), *tax_ids) if each]
        return {"name": self._own(customer.get("name") or "") or self._words["customer_unknown"], "lines": lines}

    def _address(self, address: Mapping[str, str | None]) -> tuple[str | None, ...]:
        """Line by line as the post of the country wants it: town and code in one line, or the code below."""
        city, state, code, country = (address.get(name) for name in ("city", "state", "postal_code", "country"))
        street = (address.get("line1"), address.get("line2"))
        land = self._locale.territories.get(country or "", country)
        if country in _STATE_BEFORE_CODE:
            return (*street, ", ".join(filter(None, (city, " ".join(filter(None, (state, code)))))), land)
        if country in _CODE_BELOW:
            return (*street, city, state, code, land)
        return (*street, " ".join(filter(None, (code, city))), state, land)

    def _facts(self, customer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for word, value in self._document["facts"].items():
            if value:
                is_text = word in ("number", "credit_number", "for_invoice")
                yield self._words[word], self._own(value) if is_text else self._date(value)
        for name, value in customer.get("fields", ()):
            yield self._own(name), self._own(value)

    def _line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        currency, quantity = line["currency"], line["quantity"]
        unit = line["unit_amount"]
        return {
            "description": self._own(line["description"]) or "–",
            "details": list(self._details(line)),
            "quantity": format_decimal(Decimal(quantity), locale=self._locale) if quantity else "",
            "unit_price": self._money.unit_price(unit, currency) if unit is not None else "",
            "tax": ", ".join(filter(None, map(self._percentage, line["taxes"]))),
            "amount": self.money(line["amount"], currency),
        }

    def _details(self, line: Mapping[str, Any]) -> Iterator[str]:
        days = list(dict.fromkeys(filter(None, map(self._date, line["period"]))))
        if days:
            yield " – ".join(days)
        if line["proration"]:
            yield self._words["prorated"]
        for discount in line["discounts"]:
            yield f"{self._discount(discount['name'])}: {self.money(-discount['amount'])}"

    def _sum(self, each: Mapping[str, Any]) -> dict[str, Any]:
        label, detail = self._words[each["word"]], ""
        if each["word"] == "discount":
            label = self._discount(each.get("name"))
        if each["word"] == "tax" and "inclusive" in each:
            label, detail = self._tax(each)
        return {"label": label, "detail": detail, "amount": self.money(each["amount"]), "strong": each["strong"]}

    def _discount(self, name: str | None) -> str:
        return f"{self._words['discount']} ({self._own(name)})" if name else self._words["discount"]

    def _tax(self, tax: Mapping[str, Any]) -> tuple[str, str]:
        named = [self._own(each) for each in (tax["name"] or self._words["tax"], tax["place"]) if each]
        label = " ".join(filter(None, (" – ".join(named), self._percentage(tax))))
        of = self._words["of"].format(amount=self.money(tax["taxable"])) if tax["taxable"] is not None else ""
        return label, ", ".join(filter(None, (of, self._words["included"] if tax["inclusive"] else "")))

    def _percentage(self, tax: Mapping[str, Any]) -> str:
        if tax["percentage"] is None:
            return ""
        pattern = copy(self._locale.percent_formats[None])
        pattern.frac_prec = (0, 4)
        return str(pattern.apply(Decimal(tax["percentage"]) / 100, self._locale))

    def _entry(self, entry: Mapping[str, Any]) -> list[str]:
        said = self._words[entry["word"]].format(number=self._own(entry.get("number") or ""))
        if method := entry.get("method"):
            said += f" · {self._words['methods'].get(method, method.replace('_', ' '))}"
        return [self._date(entry["at"]), said, self.money(entry["amount"], entry["currency"])]

    def _notes(self, customer: Mapping[str, Any]) -> Iterator[str]:
        for reason in self._document["reasons"]:
            if reason in ("reverse_charge", "customer_exempt"):
                yield self._words[reason]
        if self._document["doubtful"]:
            yield self._words["doubtful"]
        yield from self._own_lines(customer.get("footer"))


_PLACED = ("bill_to", "description", "quantity", "unit_price", "tax", "amount", "history", "page")
_TONES = {
    **{"draft": "calm", "void": "calm", "credited": "calm", "refunded": "calm", "partly_refunded": "calm"},
    **{"open": "due", "paid": "good", "uncollectible": "bad", "disputed": "bad"},
}


def _locale(language: str | None) -> Locale:
    try:
        return Locale.parse((language or "en").replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


@lru_cache
def _words() -> dict[str, Any]:
    with (_FOLDER / "words.yaml").open("rb") as file:
        loaded: dict[str, Any] = yaml.load(file, yaml.CSafeLoader)
    return loaded
