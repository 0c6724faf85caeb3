"""The catalogues of the five first products and the invented one, as `docs/catalogs/` has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.catalog import CatalogFile
from domain.plan import PlanTerms
from domain.seat_policy import Leasing, QueueRules, SeatPolicy

CATALOGS = Path(__file__).parents[2] / "docs" / "catalogs"
NAMES = ("cloudnestle", "coditect", "contextkit", "cortex", "memoryrouter", "studio")


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogues_of_all_products_are_read_and_written_back(name):
    file = read((CATALOGS / f"{name}.yaml").read_bytes())
    assert [product.code for product in file.products] == [name]
    assert read(write(catalog_document(file))) == file
    assert read(json.dumps(catalog_document(file))) == file


def test_no_code_and_no_price_of_the_catalogues_collides():
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


def test_studio_shows_every_seat_policy():
    plans = {code: terms.entitlements.seat_policy for code, terms in plans_of("studio").items()}
    shown = {
        field
        for policy in plans.values()
        for field, value in vars(policy).items()
        if vars(SeatPolicy())[field] != value
    }
    assert shown == set(vars(SeatPolicy()))
    assert [(group.name, group.reserved, group.limit, group.priority) for group in plans["studio-team"].groups] == [
        ("design", 2, 6, 9),
        ("staff", 0, None, 5),
        ("interns", 0, 2, 0),
    ]
    assert plans["studio-person"].leasing is Leasing.USER
    assert plans["studio-render"] == SeatPolicy(queue=QueueRules(), swap=False)


def test_the_guide_quotes_studio_as_it_is():
    guide = (CATALOGS / "README.md").read_text()
    quoted = guide[guide.index("```yaml\n") + 8 : guide.index("\n```", guide.index("```yaml\n"))]
    product = "products: [{code: p, name: P, license_key_prefix: PP}]"
    inner = quoted.replace("\n", "\n      ")
    plan = f"plans:\n  - code: a\n    product: p\n    name: A\n    prices: []\n    entitlements:\n      {inner}\n"
    (read_plan,) = read(f"version: 1\n{product}\n{plan}").plans
    assert read_plan.terms.entitlements.seat_policy == plans_of("studio")["studio-team"].entitlements.seat_policy
