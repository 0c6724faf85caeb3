"""Meters of an applied catalogue: there for ever, and what records rely on never changes."""

from __future__ import annotations

import json

import pytest

from domain.errors import CatalogInvalid
from domain.meter import Aggregation, MeterTerms
from tests.adapters.test_catalog_usage import EVERYTHING, changed
from tests.application.test_catalog import CODITECT, apply, catalog, database

__all__ = ["catalog", "database"]


def test_a_catalogue_is_applied_once_with_all_its_meters(catalog):
    assert [kind for kind, _, _ in apply(catalog, EVERYTHING)][:4] == ["meter_defined"] * 3 + ["product_registered"]
    assert apply(catalog, EVERYTHING) == []
    assert catalog.meters()["people"] == MeterTerms("People", Aggregation.UNIQUE, counts="person")
    assert apply(catalog, json.dumps(catalog.show())) == []


def test_a_meter_that_is_only_limited_adds_up_whole_numbers(catalog):
    apply(
        catalog, CODITECT.replace("features: {", "limits: {api_calls: {amount: 10, per: month}}\n      features: {", 1)
    )
    assert catalog.meters() == {"api_calls": MeterTerms("api_calls")}


def test_a_meter_stays_when_a_file_leaves_it_out_and_is_known_to_other_files(catalog):
    apply(catalog, EVERYTHING)
    start, end = EVERYTHING.index("meters:"), EVERYTHING.index("plans:")
    assert apply(catalog, EVERYTHING[:start] + EVERYTHING[end:]) == []
    assert set(catalog.meters()) == {"calls", "people", "stored"}


def test_a_meter_gets_another_name_and_more_dimensions(catalog):
    apply(catalog, EVERYTHING)
    assert apply(catalog, changed("dimensions: [solution]", "dimensions: [solution, region]")) == [
        ("meter_revised", "calls", None)
    ]
    assert catalog.meters()["calls"].dimensions == ("solution", "region")


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ("unit: calls, dimensions", "aggregation: max, dimensions", "meters[0].aggregation", 5),
        ("dimensions: [solution]", "dimensions: [region]", "meters[0].dimensions", 5),
        ("decimals: 3", "decimals: 2", "meters[2].decimals", 7),
    ],
)
def test_what_records_rely_on_is_refused_with_its_line(catalog, old, new, path, line):
    apply(catalog, EVERYTHING)
    with pytest.raises(CatalogInvalid) as refused:
        apply(catalog, changed(old, new))
    (problem,) = refused.value.details["problems"]
    assert (problem["path"], problem["line"]) == (path, line)


def test_a_limit_that_its_meter_cannot_have_is_refused_with_its_line(catalog):
    with pytest.raises(CatalogInvalid) as refused:
        apply(catalog, changed("stored: {amount: unlimited, per: total}", "stored: {amount: 5, per: month}"))
    (problem,) = refused.value.details["problems"]
    assert (problem["path"], problem["line"]) == ("plans[2].entitlements.limits.stored.per", 23)


def test_plans_without_a_purchase_change_with_the_file(catalog):
    apply(catalog, EVERYTHING)
    (default,) = catalog.default_plans()
    assert default.free.code == "free" and default.anonymous.code == "visitor"
    assert apply(catalog, changed(", anonymous_plan: visitor", "")) == [("product_changed", "cloud", None)]
    (default,) = catalog.default_plans()
    assert default.anonymous is None
