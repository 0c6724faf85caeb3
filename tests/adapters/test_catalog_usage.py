"""Meters, limits of several kinds and plans that need no purchase, as the catalogue file writes them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.errors import CatalogInvalid
from domain.limit import Anchor, Each, Limit, LimitPeriod, OnUpgrade, UnitPrice
from domain.meter import Aggregation, MeterTerms

EVERYTHING = """\
version: 1
products:
  - {code: cloud, name: Cloud, license_key_prefix: CLOU, free_plan: free, anonymous_plan: visitor}
meters:
  - {code: calls, name: API calls, unit: calls, dimensions: [solution]}
  - {code: people, name: People, aggregation: unique, counts: person}
  - {code: stored, name: Stored, aggregation: last, decimals: 3}
plans:
  - {code: visitor, product: cloud, name: Visitor, prices: [], entitlements: {seats: 1}}
  - {code: free, product: cloud, name: Free, prices: [], entitlements: {seats: 1}}
  - code: pro
    product: cloud
    name: Pro
    prices: []
    entitlements:
      seats: 1
      late_usage: P60D
      limits:
        calls:
          - {amount: 1000, per: month, warn_at: 0.8, on_upgrade: reset}
          - {amount: 50, per: day, each: subject, hard: false}
        people: {amount: 10, per: month, anchor: calendar}
        stored: {amount: unlimited, per: total}
"""
CATALOGS = Path("docs/catalogs")


def changed(old: str, new: str) -> str:
    assert EVERYTHING.count(old) == 1, old
    return EVERYTHING.replace(old, new)


def test_all_of_it_is_read_as_it_says():
    file = read(EVERYTHING)
    (product,) = file.products
    assert (product.free_plan, product.anonymous_plan) == ("free", "visitor")
    assert {meter.code: meter.terms for meter in file.meters} == {
        "calls": MeterTerms("API calls", unit="calls", dimensions=("solution",)),
        "people": MeterTerms("People", Aggregation.UNIQUE, counts="person"),
        "stored": MeterTerms("Stored", Aggregation.LAST, decimals=3),
    }
    granted = file.plans[2].terms.entitlements
    assert granted.late_usage == timedelta(days=60)
    assert granted.limits == (
        Limit("calls", 1000, LimitPeriod.MONTH, Decimal("0.8"), on_upgrade=OnUpgrade.RESET),
        Limit("calls", 50, LimitPeriod.DAY, hard=False, each=Each.SUBJECT),
        Limit("people", 10, LimitPeriod.MONTH, anchor=Anchor.CALENDAR),
        Limit("stored", "unlimited", LimitPeriod.TOTAL),
    )


def test_it_is_written_as_it_is_read():
    file = read(EVERYTHING)
    assert read(write(catalog_document(file))) == read(json.dumps(catalog_document(file)))
    assert catalog_document(read(write(catalog_document(file)))) == catalog_document(file)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("free_plan: free", "free_plan: gold", "products[0].free_plan"),
        ("aggregation: unique, counts: person", "aggregation: average", "meters[1].aggregation"),
        ("aggregation: unique, counts: person", "aggregation: unique", "meters[1].counts"),
        ("decimals: 3", "decimals: 7", "meters[2].decimals"),
        ("code: people,", "code: calls,", "meters[1].code"),
        ("each: subject, hard: false", "each: team", "plans[2].entitlements.limits.calls[1].each"),
        ("per: day, each: subject, hard: false", "per: month", "plans[2].entitlements.limits"),
        ("each: subject, hard: false", "each: subject, warn_at: 0.5", "plans[2].entitlements.limits.calls[1].warn_at"),
        ("late_usage: P60D", "late_usage: PT10M", "plans[2].entitlements.late_usage"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(old, new, path):
    with pytest.raises(CatalogInvalid) as refused:
        read(changed(old, new))
    assert path in [problem["path"] for problem in refused.value.details["problems"]]


def test_the_products_of_the_design_say_what_they_count_and_who_needs_no_purchase():
    files = {name: read((CATALOGS / f"{name}.yaml").read_bytes()) for name in ("cloudnestle", "cortex", "memoryrouter")}
    assert [(file.products[0].free_plan, file.products[0].anonymous_plan) for file in files.values()] == [
        ("cloudnestle-registered", "cloudnestle-anonymous"),
        ("cortex-free", None),
        ("memoryrouter-free", None),
    ]
    assert files["memoryrouter"].meters[0].terms.aggregation is Aggregation.LAST


def test_a_limit_that_bills_has_a_price_for_each_currency():
    text = changed("{amount: 10, per: month, anchor: calendar}", BILLS)
    (limit,) = [each for each in read(text).plans[2].terms.entitlements.limits if each.meter == "people"]
    assert limit.overage == (UnitPrice("eur", Decimal("0.2")), UnitPrice("usd", Decimal("0.250")))
    assert read(write(catalog_document(read(text)))).plans == read(text).plans, "and can be written and read again"


BILLS = '{amount: 10, per: month, hard: false, overage: {usd: "0.250", eur: 0.2}}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hard: false, ", "", "give it hard: false"),
        ("amount: 10,", "amount: unlimited,", "nothing above an unlimited amount"),
        ("per: month", "per: total", "by the day, the week, the month or the year"),
        ("per: month", "per: month, each: subject", "bills the organization's use"),
        ("eur: 0.2", "eur: -1", "a price above 0"),
        ("eur: 0.2", "eur: NaN", "not a price in minor units"),
        ("eur: 0.2", "euro: 1", "not a currency"),
    ],
)
def test_what_cannot_be_billed_is_refused(old, new, told):
    assert BILLS.count(old) == 1
    with pytest.raises(CatalogInvalid) as refusal:
        read(changed("{amount: 10, per: month, anchor: calendar}", BILLS.replace(old, new)))
    assert told in json.dumps(refusal.value.details)


def test_a_plan_bills_in_every_currency_it_is_sold_in():
    prices = "prices: [{code: pro-m, amount: 100, currency: gbp, interval: month}]\n    entitlements:\n"
    text = changed("{amount: 10, per: month, anchor: calendar}", BILLS).replace(
        "prices: []\n    entitlements:\n", prices
    )
    with pytest.raises(CatalogInvalid) as refusal:
        read(text)
    assert "has no price in gbp" in json.dumps(refusal.value.details)
