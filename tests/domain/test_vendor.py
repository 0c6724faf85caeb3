from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.invoice_facts import TaxRateTerms
from domain.tax_rate import TaxRate
from domain.vendor import Identity, Vendor

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = Identity("Acme Ltd", ("1 Road",))
NEW = replace(OLD, name="Acme Group Ltd")
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_a_paper_keeps_the_vendor_of_its_day():
    vendor = Vendor.introduce(OLD, now=NOW)
    vendor.describe(NEW, now=NOW + 9 * DAY)
    vendor.describe(NEW, now=NOW + 10 * DAY)
    assert [vendor.at(NOW + days * DAY) for days in (-1, 0, 8, 9, 99)] == [OLD, OLD, OLD, NEW, NEW]
    assert len(vendor.pending_events) == 2


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "name"),
        ({"address": ("x",) * 9}, "address"),
        ({"address": ("x" * 121,)}, "address[0]"),
        ({"tax_ids": (" ",)}, "tax_ids[0]"),
        ({"footer": "x" * 501}, "footer"),
        ({"email": ""}, "email"),
        ({"logo": "logo.png"}, "logo"),
        ({"logo": "data:text/html;base64,eA=="}, "logo"),
        ({"logo": "data:image/png;base64," + "A" * 70_000}, "logo"),
    ],
)
def test_what_cannot_be_printed_is_refused_where_it_stands(changes, path):
    assert [problem.path for problem in replace(OLD, **changes).problems()] == [path]


def test_a_whole_identity_is_fine():
    whole = Identity("Acme", ("1 Road", "Town"), ("VAT 1",), "a@b.test", "b.test", "+1", "Registered", PIXEL)
    assert list(whole.problems()) == []


VAT = TaxRateTerms("VAT", Decimal(19), False, "DE", "DE")
RENAMED = replace(VAT, name="USt.")


@given(some.permutations([(VAT, 0), (VAT, 1), (RENAMED, 5), (RENAMED, 6)] * 2))
def test_a_tax_rate_reads_as_it_did_when_the_invoice_was_issued_whatever_came_first(reports):
    (terms, day), *others = reports
    rate = TaxRate.report_first(provider="stripe", provider_id="txr_1", terms=terms, seen_at=NOW + day * DAY, now=NOW)
    for terms, day in others:
        rate.report(terms, seen_at=NOW + day * DAY, now=NOW)
    assert [rate.at(NOW + days * DAY).name for days in (-1, 0, 4, 5, 9)] == ["VAT", "VAT", "VAT", "USt.", "USt."]
