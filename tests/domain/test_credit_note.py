from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as some

from domain.credit_note import CreditNote
from domain.invoice_facts import CreditFigures, CreditIssue, CreditNoteStatus, Items
from domain.provider_facts import Seen

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ISSUED, VOID = CreditNoteStatus.ISSUED, CreditNoteStatus.VOID
FIGURES = CreditFigures("usd", 1000, 0, 0, 1000, 0, 1000)
ISSUE = CreditIssue("CN-1", NOW)
MEMO = replace(ISSUE, reason="duplicate")


def at(second: int) -> Seen:
    return Seen(NOW + timedelta(seconds=second), 2, f"evt_{second}")


def first(status=ISSUED, issue=ISSUE, second: int = 0) -> CreditNote:
    facts = {"provider": "stripe", "provider_id": "cn_1", "figures": FIGURES, "items": Items(), "now": NOW}
    ids = {"id": uuid4(), "organization_id": uuid4(), "invoice_id": uuid4()}
    return CreditNote.report_first(**ids, **facts, status=status, issue=issue, seen=at(second))


REPORTS = [(ISSUED, ISSUE, 0), (ISSUED, MEMO, 1), (ISSUED, MEMO, 2), (VOID, replace(MEMO, voided_at=NOW), 3)]


@given(some.permutations(REPORTS * 2))
def test_any_order_and_repetition_of_the_reports_ends_alike(reports):
    note = first(*reports[0])
    for status, issue, second in reports[1:]:
        note.report(status, FIGURES, issue, Items(), seen=at(second), now=NOW)
    assert (note.status, note.issue, note.seen) == (VOID, replace(MEMO, voided_at=NOW), at(3))


def test_a_voided_one_is_never_issued_again_even_by_a_newer_report():
    note = first(VOID)
    assert not note.report(ISSUED, FIGURES, ISSUE, Items(), seen=at(9), now=NOW)
    assert note.status is VOID


def test_it_goes_over_with_its_customer_once():
    note, owner = first(), uuid4()
    for _ in range(2):
        note.transfer(owner, now=NOW)
    assert [type(event).__name__ for event in note.pending_events] == ["Reported", "Transferred"]
