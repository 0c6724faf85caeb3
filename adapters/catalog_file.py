"""The catalogue file (contract §4, docs/catalogs/README.md): YAML or JSON in, a `CatalogFile` out, and back.

Every problem of a file is collected and told with its line and path; what the values may be is the domain's to say
(`problems()`), here is only how they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from adapters.catalog_entitlements import entitlements
from adapters.vendor_logo import logo
from adapters.yaml_tree import Flaw, Node, read_tree
from adapters.yaml_values import (
    Convert,
    Reading,
    Wrong,
    boolean,
    each_duration,
    entries_of,
    integer,
    items_of,
    shown,
    text,
    word,
)
from domain.catalog import CatalogFile, MeterEntry, PlanEntry, ProductEntry, refusal
from domain.mail_kinds import CHOOSABLE
from domain.meter import Aggregation, MeterTerms
from domain.money import CURRENCIES, Money
from domain.plan import Interval, PlanTerms, Price
from domain.problems import Problem
from domain.reminders import NoticePeriods
from domain.vendor import Identity

FORMAT = 1


def read(data: str | bytes, folder: Path | None = None) -> CatalogFile:
    """The catalogue in `data`, sane and free of contradictions. In `folder` the vendor's logo is looked for.

    Raises `CatalogInvalid`; its `details.problems` is `[{"line", "path", "message"}]`, in the order of lines.
    """
    try:
        tree = read_tree(data)
    except Flaw as flaw:
        raise refusal([Problem(flaw.path, flaw.message)], {flaw.path: flaw.line}) from flaw
    reading = Reading()
    reading.note(Problem(flaw.path, flaw.message) for flaw in tree.flaws)
    found = reading.convert(partial(_file, folder), tree.root)
    if reading.problems:
        raise refusal(reading.problems, tree.lines)
    file: CatalogFile = replace(found, lines=tree.lines)
    return file


def write(document: Mapping[str, Any]) -> str:
    """A catalogue document (`application/catalog_document.py`) as YAML that `read` understands."""
    return str(yaml.dump(dict(document), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120))


class _Plain(yaml.SafeDumper):
    """Writes equal values out each time: `read` refuses aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _file(folder: Path | None, reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {"version": _version, "products": _products, "plans": _plans}
    required = tuple(fields)
    fields |= {"vendor": partial(_vendor, folder), "meters": _meters}
    return reading.record(lambda version, **entries: CatalogFile(**entries), node, fields, *required)


def _vendor(folder: Path | None, reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        **{"name": text, "address": _texts, "tax_ids": _texts, "email": text, "website": text, "phone": text},
        **{"footer": text, "logo": partial(logo, folder), "language": text},
    }
    return reading.record(Identity, node, fields, "name")


def _texts(reading: Reading, node: Node) -> Any:
    return reading.all(text, items_of(node))


def _products(reading: Reading, node: Node) -> Any:
    return reading.all(_product, items_of(node))


def _product(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "code": text,
        "name": text,
        "license_key_prefix": text,
        "free_plan": text,
        "anonymous_plan": text,
        "mails": _mails,
    }
    return reading.record(_product_entry, node, fields, "code", "name", "license_key_prefix")


def _product_entry(*, mails: tuple[tuple[str, bool], ...] = (), **facts: str) -> ProductEntry:
    return ProductEntry(**facts, mails_off=tuple(sorted(kind for kind, is_sent in mails if not is_sent)))


def _mails(reading: Reading, node: Node) -> Any:
    return reading.all(_mail, entries_of(node).values())


def _mail(reading: Reading, node: Node) -> tuple[str, bool]:
    if node.name not in CHOOSABLE:
        raise Wrong(f"is no mail that may be left out; there are {', '.join(sorted(CHOOSABLE))}")
    return node.name, boolean(reading, node)


def _meters(reading: Reading, node: Node) -> Any:
    return reading.all(_meter, items_of(node))


def _meter(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "code": text,
        "name": text,
        "aggregation": partial(word, Aggregation),
        "unit": text,
        "decimals": integer,
        "dimensions": _names,
        "counts": text,
    }
    return reading.record(lambda code, **terms: MeterEntry(code, MeterTerms(**terms)), node, fields, "code", "name")


def _names(reading: Reading, node: Node) -> Any:
    return reading.all(text, items_of(node))


def _plans(reading: Reading, node: Node) -> Any:
    return reading.all(_plan, items_of(node))


def _plan(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "code": text,
        "product": text,
        "name": text,
        "trial_days": integer,
        "entitlements": entitlements,
        "prices": _prices,
        "notices": _notices,
    }
    return reading.record(_plan_entry, node, fields, "code", "product", "name", "entitlements", "prices")


def _plan_entry(*, code: str, product: str, trial_days: int = 0, **terms: Any) -> PlanEntry:
    return PlanEntry(code, product, PlanTerms(trial_days=trial_days, **terms))


def _notices(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = dict.fromkeys(("trial", "renewal", "ending"), each_duration)
    return reading.record(NoticePeriods, node, fields)


def _prices(reading: Reading, node: Node) -> Any:
    return reading.all(_price, items_of(node))


def _price(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "code": text,
        "amount": integer,
        "currency": _currency,
        "interval": partial(word, Interval),
        "interval_count": integer,
        "stripe_price": text,
    }
    return reading.record(_priced, node, fields, "code", "amount", "currency", "interval")


def _priced(*, amount: int, currency: str, **rest: Any) -> Price:
    return Price(money=Money(amount, currency), **rest)


def _version(reading: Reading, node: Node) -> int:
    if node.value is True or node.value != FORMAT:
        raise Wrong(f"{shown(node)} is not a version of this format; write {FORMAT}")
    return FORMAT


def _currency(reading: Reading, node: Node) -> str:
    if not (isinstance(node.value, str) and node.value in CURRENCIES):
        raise Wrong(f"{shown(node)} is not a lower-case ISO 4217 currency such as usd")
    return node.value
