"""What a record may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.meter import Aggregation, MeterTerms
from domain.usage import Told, problems, record_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLS = MeterTerms("Calls", decimals=2, dimensions=("solution",))
PEOPLE = MeterTerms("People", Aggregation.UNIQUE, counts="person")


def told(**facts: Any) -> Told:
    return Told(**{"id": "r1", "meter": "calls", "quantity": Decimal(1), **facts})


def wrong(record: Told, terms: MeterTerms | None = CALLS) -> list[str]:
    return [problem.path for problem in problems(record, terms, NOW)]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"quantity": Decimal("0.25"), "dimensions": {"solution": "s-1/a:b.c"}},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(10**12)},
        {"at": NOW + timedelta(minutes=5)},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},  # whether that is too late is the plan's to say
    ],
)
def test_a_sane_record_has_no_problem(facts):
    assert wrong(told(**facts)) == []


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"meter": None}, "meter"),
        ({"quantity": None}, "quantity"),
        ({"quantity": Decimal(-1)}, "quantity"),
        ({"quantity": Decimal(10**12 + 1)}, "quantity"),
        ({"quantity": Decimal("0.001")}, "quantity"),
        ({"quantity": Decimal("1e-999999")}, "quantity"),
        ({"at": NOW + timedelta(minutes=5, microseconds=1)}, "at"),
        ({"dimensions": {"region": "eu"}}, "dimensions"),
        ({"dimensions": {"solution": "ann@example.com"}}, "dimensions.solution"),
        ({"dimensions": {"solution": ""}}, "dimensions.solution"),
        ({"dimensions": {"solution": "x" * 65}}, "dimensions.solution"),
        ({"voids": "r0"}, "voids"),
    ],
)
def test_what_is_wrong_is_named(facts, field):
    assert field in wrong(told(**facts))


def test_an_unknown_meter_is_named():
    assert wrong(told(), None) == ["meter"]


def test_a_meter_of_any_dimensions_takes_any_but_those_with_a_meaning():
    anything = MeterTerms("Calls")
    assert wrong(told(dimensions={"region": "eu"}), anything) == []
    assert wrong(told(dimensions={"subject": "ann"}), anything) == ["dimensions"]
    assert wrong(told(dimensions={f"d{n}": "x" for n in range(11)}), anything) == ["dimensions"]


def test_a_meter_that_counts_takes_no_quantity_and_says_what_it_counts():
    assert wrong(told(quantity=None, dimensions={"person": "Ann Lee, ann@example.com"}), PEOPLE) == []
    assert wrong(told(quantity=Decimal(2), dimensions={"person": "ann"}), PEOPLE) == ["quantity"]
    assert wrong(told(quantity=None), PEOPLE) == ["dimensions"]


def test_a_record_that_cancels_another_says_nothing_else():
    assert wrong(Told("r2", voids="r1", organization_id=UUID(int=1), subject="ann")) == []


def test_the_same_record_has_the_same_digest_however_it_is_written():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    one = told(quantity=Decimal("1.50"), at=at, dimensions={"a": "1", "b": "2"})
    same = told(
        quantity=Decimal("1.5"), at=at.astimezone(timezone(timedelta(hours=2))), dimensions={"b": "2", "a": "1"}
    )
    assert one.digest == same.digest
    for change in ({"quantity": Decimal(2)}, {"at": None}, {"subject": "ann"}, {"meter": "bytes"}, {"dimensions": {}}):
        assert one._replace(**change).digest != one.digest


def test_an_id_is_of_one_account():
    assert record_key(UUID(int=1), "r1") != record_key(UUID(int=2), "r1")
