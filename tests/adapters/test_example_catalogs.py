"""The catalogues of the five first products, as `docs/catalogs/` has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.catalog import CatalogFile
from domain.plan import PlanTerms

CATALOGS = Path(__file__).parents[2] / "docs" / "catalogs"
NAMES = ("cloudnestle", "coditect", "contextkit", "cortex", "memoryrouter")


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogues_of_the_five_products_are_read_and_written_back(name):
    file = read((CATALOGS / f"{name}.yaml").read_bytes())
    assert [product.code for product in file.products] == [name]
    assert read(write(catalog_document(file))) == file
    assert read(json.dumps(catalog_document(file))) == file


def test_no_code_and_no_price_of_the_five_catalogues_collides():
    files = [read((CATALOGS / f"{name}.yaml").read_bytes()) for name in NAMES]
    together = CatalogFile(
        tuple(each for file in files for each in file.products), tuple(each for file in files for each in file.plans)
    )
    assert together.problems() == []


def plans_of(name: str) -> dict[str, PlanTerms]:
    return {plan.code: plan.terms for plan in read((CATALOGS / f"{name}.yaml").read_bytes()).plans}


def test_coditect_is_sold_as_the_design_says():
    plans = plans_of("coditect")
    assert {code: terms.prices[0].money.amount for code, terms in plans.items()} == {
        "starter": 2900,
        "pro": 9900,
        "enterprise": 29900,
    }
    assert [terms.entitlements.seats for terms in plans.values()] == [3, 10, 50]
    assert {terms.trial_days for terms in plans.values()} == {14}


def test_cortex_is_sold_as_the_design_says():
    plans = plans_of("cortex").values()
    assert [terms.prices[0].money.amount for terms in plans] == [0, 900, 2900, 9900]
    calls = [terms.entitlements.limit("calls") for terms in plans]
    assert [limit and limit.amount for limit in calls] == [100, 1000, 10000, "unlimited"]
    assert [terms.entitlements.features[0].value for terms in plans] == [7, 30, 90, 365]


def test_memoryrouter_and_contextkit_are_gated_as_the_design_says():
    rates = [terms.entitlements.rate_limit("api") for terms in plans_of("memoryrouter").values()]
    assert [str(rate) for rate in rates][:3] == ["10/second", "100/second", "500/second"]
    projects = [terms.entitlements.features[0] for terms in plans_of("contextkit").values()]
    assert [feature.value for feature in projects] == [1, 10, 50]
