from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.errors import Conflict
from domain.price_book import PriceBook, PriceReference, PublishedVersion

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def book() -> PriceBook:
    opened = PriceBook.open(now=NOW)
    opened.revise(
        products=["coditect"],
        published=[PublishedVersion("pro", "coditect", 1)],
        references=[PriceReference("price_1", "pro"), PriceReference("price_1", "pro")],
        now=NOW,
    )
    return opened


def test_a_book_knows_what_was_ever_sold():
    known = book()
    assert known.products == ("coditect",)
    assert known.plans_of("coditect") == ("pro",) and known.plans_of("other") == ()
    assert known.plan_of("price_1") == "pro" and known.plan_of("price_2") is None


def test_nothing_new_is_no_event():
    known = book()
    known.revise(references=[PriceReference("price_1", "pro")], now=NOW)
    assert len(known.pending_events) == 2


def test_only_new_references_are_recorded():
    known = book()
    known.revise(references=[PriceReference("price_1", "pro"), PriceReference("price_2", "pro")], now=NOW)
    event = known.pending_events[-1]
    assert isinstance(event, PriceBook.Revised)
    assert event.references == (PriceReference("price_2", "pro"),)


def test_a_price_never_comes_to_mean_another_plan():
    known = book()
    with pytest.raises(Conflict):
        known.revise(references=[PriceReference("price_1", "starter")], now=NOW)
    with pytest.raises(Conflict):
        known.revise(references=[PriceReference("new", "pro"), PriceReference("new", "starter")], now=NOW)
    assert known.plan_of("price_1") == "pro" and known.plan_of("new") is None


def test_a_plan_never_moves_to_another_product():
    with pytest.raises(Conflict):
        book().revise(published=[PublishedVersion("pro", "other", 2)], now=NOW)


def test_a_withdrawn_plan_stays_in_the_book():
    known = book()
    known.revise(withdrawn=["pro"], now=NOW)
    assert known.plan_of("price_1") == "pro" and known.plans_of("coditect") == ("pro",)
