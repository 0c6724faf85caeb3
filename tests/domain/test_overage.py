"""What is above a limit that bills: settled once, corrected once, rounded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.limit import LimitPeriod
from domain.meter import Aggregation
from domain.overage import SETTLED_AFTER, Overage, OverageTerms, amount_of

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
CLOSES = END + timedelta(days=35)
OVER = END + SETTLED_AFTER
TERMS = OverageTerms("cloud", "pro", 1000, Decimal("0.25"), "usd", UUID(int=5))


def begun() -> Overage:
    return Overage.begin_period(
        id=UUID(int=1),
        organization_id=UUID(int=2),
        meter="calls",
        aggregation=Aggregation.SUM,
        per=LimitPeriod.MONTH,
        period=(START, END),
        closes_at=CLOSES,
        terms=TERMS,
        now=START,
    )


def facts(overage: Overage) -> list[tuple[str, int]]:
    return [(type(event).__name__, event.amount) for event in overage.pending_events if hasattr(event, "amount")]


def test_a_period_is_settled_after_its_end_and_closed_when_no_record_can_come_any_more():
    overage = begun()
    overage.measure(Decimal(1500), 0, now=OVER - timedelta(seconds=1))
    assert facts(overage) == []
    overage.measure(Decimal(1500), 0, now=OVER)
    overage.measure(Decimal(1900), 0, now=OVER)
    assert facts(overage) == [("Settled", 125)], "what comes late waits until all of it is there"
    overage.measure(Decimal(1900), 0, now=CLOSES)
    overage.measure(Decimal(2500), 0, now=CLOSES)
    assert facts(overage) == [("Settled", 125), ("Closed", 100)] and overage.asked == 225


def test_what_was_cancelled_late_goes_back():
    overage = begun()
    overage.measure(Decimal(1500), 0, now=OVER)
    overage.measure(Decimal(900), 0, now=CLOSES)
    assert facts(overage) == [("Settled", 125), ("Closed", -125)]


def test_what_was_granted_is_included():
    overage = begun()
    overage.measure(Decimal(1500), 400, now=OVER)
    assert facts(overage) == [("Settled", 25)] and overage.pending_events[-1].included == 1400


def test_the_terms_at_the_end_of_the_period_count():
    overage = begun()
    overage.agree(replace(TERMS, included=1400), now=END - timedelta(seconds=1))
    overage.agree(replace(TERMS, included=0), now=END)
    overage.measure(Decimal(1500), 0, now=OVER)
    assert facts(overage) == [("Settled", 25)]


@pytest.mark.parametrize(
    ("overage", "price", "amount"),
    [
        ("1", "0.5", 1),
        ("1", "0.4999", 0),
        ("3", "0.5", 2),
        ("0.1", "25", 3),
        ("1000000", "0.0000005", 1),
        ("0", "9", 0),
    ],
)
def test_a_half_is_rounded_up_once_for_the_whole(overage, price, amount):
    assert amount_of(Decimal(overage), Decimal(price)) == amount


@given(first=some.integers(0, 10**9), last=some.integers(0, 10**9), price=some.decimals("0.0001", "100", places=4))
def test_both_lines_together_are_what_all_of_it_costs(first, last, price):
    overage = begun()
    overage.agree(replace(TERMS, unit_price=price), now=START)
    overage.measure(Decimal(first), 0, now=OVER)
    overage.measure(Decimal(last), 0, now=CLOSES)
    total = sum(amount for _, amount in facts(overage))
    assert total == amount_of(max(Decimal(last) - 1000, Decimal(0)), price) == overage.asked
