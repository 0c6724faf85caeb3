"""What is counted, and which limits go with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.errors import InvalidRequest
from domain.limit import Each, Limit, LimitPeriod
from domain.meter import Aggregation, Meter, MeterTerms, implied

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = MeterTerms("People", Aggregation.UNIQUE, counts="person")
STORED = MeterTerms("Stored", Aggregation.LAST, "GB", decimals=3)


def fields(terms: MeterTerms) -> list[str]:
    return [problem.path for problem in terms.problems()]


@pytest.mark.parametrize("terms", [PEOPLE, STORED, implied("calls"), MeterTerms("Calls", dimensions=("solution",))])
def test_sane_meters_have_no_problem(terms):
    assert fields(terms) == []


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (MeterTerms(""), "name"),
        (MeterTerms("Calls", decimals=7), "decimals"),
        (MeterTerms("Calls", Aggregation.COUNT, decimals=1), "decimals"),
        (MeterTerms("People", Aggregation.UNIQUE), "counts"),
        (MeterTerms("Calls", counts="person"), "counts"),
        (MeterTerms("Calls", dimensions=("meter",)), "dimensions"),
        (MeterTerms("Calls", dimensions=("a", "a")), "dimensions"),
        (MeterTerms("Calls", dimensions=("A b",)), "dimensions"),
        (MeterTerms("Calls", dimensions=tuple(f"d{n}" for n in range(11))), "dimensions"),
    ],
)
def test_what_is_not_sane_is_named(terms, field):
    assert field in fields(terms)


@pytest.mark.parametrize(
    ("terms", "limit", "field"),
    [
        (STORED, Limit("stored", 10, LimitPeriod.MONTH), "per"),
        (STORED, Limit("stored", 10, LimitPeriod.TOTAL, each=Each.KEY), "each"),
        (PEOPLE, Limit("people", 100_001, LimitPeriod.MONTH), "amount"),
        (STORED, Limit("stored", 10**13, LimitPeriod.TOTAL), "amount"),
    ],
)
def test_a_limit_must_fit_its_meter(terms, limit, field):
    assert [problem.path for problem in terms.limit_problems(limit)] == [field]


def test_quantities_are_whole_numbers_of_the_smallest_unit():
    assert STORED.scaled(Decimal("1.5")) == 1500 and STORED.quantity(1500) == Decimal("1.5")
    assert implied("calls").scaled(Decimal("3.000")) == 3
    for terms, quantity, said in ((STORED, "0.0001", "3 decimals"), (implied("calls"), "0.5", "whole number")):
        with pytest.raises(ValueError, match=said):
            terms.scaled(Decimal(quantity))


def test_a_meter_gets_another_name_unit_and_more_dimensions():
    meter = Meter.define("calls", MeterTerms("Calls", dimensions=("solution",)), now=NOW)
    wider = MeterTerms("API calls", unit="calls", dimensions=("solution", "region"))
    meter.revise(wider, now=NOW)
    meter.revise(wider, now=NOW)
    assert meter.terms == wider and meter.version == 2
    meter.revise(MeterTerms("API calls", unit="calls"), now=NOW)
    assert meter.terms.dimensions is None


@pytest.mark.parametrize(
    "changed",
    [
        MeterTerms("Calls", Aggregation.MAX, dimensions=("solution",)),
        MeterTerms("Calls", decimals=2, dimensions=("solution",)),
        MeterTerms("Calls", dimensions=("region",)),
    ],
)
def test_what_records_rely_on_never_changes(changed):
    meter = Meter.define("calls", MeterTerms("Calls", dimensions=("solution",)), now=NOW)
    with pytest.raises(InvalidRequest, match="can never change"):
        meter.revise(changed, now=NOW)


def test_any_dimensions_do_not_become_some():
    meter = Meter.define("calls", MeterTerms("Calls"), now=NOW)
    with pytest.raises(InvalidRequest, match="dimensions"):
        meter.revise(MeterTerms("Calls", dimensions=("solution",)), now=NOW)
