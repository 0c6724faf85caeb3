"""What a catalogue file says of mails: which are left out, how long before, in which language."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.errors import CatalogInvalid
from domain.reminders import NoticePeriods
from tests.adapters.test_catalog_file import CONTRACT

PREFIX = "license_key_prefix: CODI}"


def with_mails(mails: str) -> str:
    assert PREFIX in CONTRACT
    return CONTRACT.replace(PREFIX, f"license_key_prefix: CODI, mails: {mails}}}")


def with_notices(notices: str) -> str:
    return CONTRACT.replace("    trial_days: 14\n", f"    trial_days: 14\n    notices: {notices}\n")


def refused(text: str) -> str:
    with pytest.raises(CatalogInvalid) as refusal:
        read(text)
    (problem,) = refusal.value.details["problems"]
    return str(problem["path"])


def test_mails_are_left_out_by_kind_and_written_back():
    file = read(with_mails("{subscription_renewed: false, renewal_notice: true}"))
    assert file.products[0].mails_off == ("subscription_renewed",)
    assert read(write(catalog_document(file))) == file
    assert read(CONTRACT).products[0].mails_off == ()


@pytest.mark.parametrize("mails", ["{license_issued: false}", "{spam: false}", "{renewal_notice: 3}"])
def test_a_mail_that_must_be_sent_or_is_none_is_refused(mails):
    assert refused(with_mails(mails)).startswith("products[0].mails")


def test_notices_are_in_any_order_and_default_to_what_law_and_custom_want():
    (plan, *_) = read(with_notices("{trial: [P1D, P7D], renewal: []}")).plans
    assert plan.terms.in_order().notices == NoticePeriods((timedelta(days=7), timedelta(days=1)), ())
    (plan, *_) = read(CONTRACT).plans
    assert plan.terms.notices == NoticePeriods()
    file = read(with_notices("{trial: [P7D], renewal: [P14D], ending: []}"))
    assert read(write(catalog_document(file))) == file


@pytest.mark.parametrize(
    "notices",
    ["{trial: [PT1M]}", "{renewal: [P400D]}", "{ending: [P1D, P2D, P3D, P4D, P5D, P6D, P7D]}", "{card: [P1D]}"],
)
def test_notices_have_bounds(notices):
    assert ".notices" in refused(with_notices(notices))


def test_the_vendor_s_language_is_a_tag():
    assert read(CONTRACT + "vendor: {name: Acme, language: de}\n").vendor.language == "de"
    assert refused(CONTRACT + "vendor: {name: Acme, language: Deutsch!}\n") == "vendor.language"
