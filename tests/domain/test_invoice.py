from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.invoice import Invoice, Issue
from domain.invoice_facts import Discount, Items, Line
from domain.invoice_sums import Doubt
from domain.provider_facts import Figures, InvoiceStatus, Seen

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OPEN, PAID, VOID, DRAFT = InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.DRAFT
DUE = Figures(currency="usd", subtotal=2900, tax=0, total=2900, amount_due=2900, amount_paid=0)
IN_FULL = replace(DUE, amount_paid=2900)
ISSUE = Issue(number="A-1", period_start=NOW, period_end=NOW + timedelta(days=30), issued_at=NOW, paid_at=None)
HERE = uuid4()


def at(second: int, rank: int = 1) -> Seen:
    return Seen(NOW + timedelta(seconds=second), rank, f"evt_{second}")


def reported(status: InvoiceStatus = OPEN, figures: Figures = DUE, seen: Seen | None = None) -> Invoice:
    return Invoice.report_first(
        id=HERE,
        organization_id=HERE,
        subscription_id=None,
        provider="stripe",
        provider_id="in_1",
        status=status,
        figures=figures,
        issue=ISSUE,
        seen=seen or at(0),
        now=NOW,
    )


def facts(invoice: Invoice) -> list[str]:
    return [type(event).__name__ for event in invoice.pending_events]


def test_it_moves_up_from_draft_to_paid():
    invoice = reported(DRAFT)
    invoice.report(OPEN, DUE, ISSUE, seen=at(1), now=NOW)
    invoice.report(PAID, IN_FULL, ISSUE, seen=at(2), now=NOW)
    assert facts(invoice) == ["Reported", "Finalized", "Amended", "Paid"]
    assert invoice.figures == IN_FULL


def test_a_paid_invoice_never_opens_again_even_by_a_newer_report():
    invoice = reported(PAID, IN_FULL)
    invoice.report(OPEN, DUE, ISSUE, seen=at(9), now=NOW)
    assert (invoice.status, invoice.figures) == (PAID, IN_FULL)


def test_two_reports_of_one_payment_are_one_payment():
    invoice = reported()
    invoice.report(PAID, IN_FULL, ISSUE, seen=at(1), now=NOW)
    invoice.report(PAID, IN_FULL, ISSUE, seen=at(1, rank=2), now=NOW)
    assert facts(invoice).count("Paid") == 1


def test_two_reports_of_one_failed_attempt_are_one_failure():
    invoice = reported()
    for _ in range(2):
        invoice.payment_failed(attempt=1, failed_at=NOW, next_attempt_at=None, now=NOW)
    assert facts(invoice) == ["Reported", "PaymentFailed"]


def test_it_is_fully_refunded_when_all_that_was_paid_went_back():
    invoice = reported(PAID, IN_FULL)
    invoice.refund("ch_1", amount=1000, refunded_at=NOW, now=NOW)
    assert invoice.fully_refunded_at is None
    later = NOW + timedelta(hours=1)
    invoice.refund("ch_1", amount=2900, refunded_at=later, now=NOW)
    assert (invoice.amount_refunded, invoice.fully_refunded_at) == (2900, later)


def test_a_refund_that_failed_is_the_vendors_money_again():
    invoice = reported(PAID, IN_FULL)
    invoice.refund("ch_1", amount=2900, refunded_at=NOW, now=NOW)
    invoice.refund("ch_1", amount=0, refunded_at=NOW, now=NOW)
    assert (invoice.amount_refunded, invoice.fully_refunded_at) == (0, None)


def test_a_charge_of_which_nothing_went_back_is_not_told():
    invoice = reported(PAID, IN_FULL)
    invoice.refund("ch_1", amount=0, refunded_at=NOW, now=NOW)
    assert facts(invoice) == ["Reported"]


LINE = Line("il_1", "Pro", 2900, "usd")
SECOND = replace(LINE, reference="il_2", amount=0)


def test_the_first_lines_of_many_are_no_news_once_all_are_known():
    invoice = reported()
    invoice.itemize(Items((LINE, SECOND)), now=NOW)
    invoice.itemize(Items((LINE,), is_complete=False), now=NOW)
    assert invoice.items == Items((LINE, SECOND))
    changed = Items((replace(LINE, amount=1),), is_complete=False)
    invoice.itemize(changed, now=NOW)
    assert invoice.items == changed


def test_the_name_of_a_discount_is_kept_when_later_reports_leave_it_out():
    invoice = reported()
    invoice.itemize(Items((LINE,), (Discount("di_1", 100, "WELCOME"),)), now=NOW)
    invoice.itemize(Items((LINE,), (Discount("di_1", 100),)), now=NOW)
    assert invoice.items.discounts == (Discount("di_1", 100, "WELCOME"),)
    assert facts(invoice).count("Itemized") == 1


def test_sums_that_do_not_hold_are_told_once_and_taken_back_when_they_do():
    invoice = reported()
    invoice.itemize(Items((replace(LINE, amount=2800),)), now=NOW)
    for _ in range(2):
        invoice.check(now=NOW)
    assert invoice.doubts == (Doubt.TOTAL,)
    invoice.itemize(Items((LINE,)), now=NOW)
    invoice.check(now=NOW)
    assert (invoice.doubts, facts(invoice).count("Doubted")) == ((), 2)


def test_an_invoice_that_was_stored_before_lines_were_is_not_doubted():
    invoice = reported()
    invoice.check(now=NOW)
    assert invoice.doubts == ()


REPORTS = [
    (DRAFT, replace(DUE, total=1), at(0, 0)),
    (OPEN, DUE, at(1, 1)),
    (OPEN, replace(DUE, amount_due=2800), at(2, 2)),
    (PAID, IN_FULL, at(3, 1)),
    (PAID, replace(IN_FULL, amount_due=0), at(3, 2)),
]


@given(some.permutations(REPORTS * 2))
def test_any_order_and_repetition_of_the_reports_ends_alike(reports):
    status, figures, seen = reports[0]
    invoice = reported(status, figures, seen)
    for status, figures, seen in reports[1:]:
        invoice.report(status, figures, ISSUE, seen=seen, now=NOW)
    assert (invoice.status, invoice.figures, invoice.seen) == (PAID, replace(IN_FULL, amount_due=0), at(3, 2))


class AnyLife(RuleBasedStateMachine):
    """Status and attempts only grow; what was refunded is what was said last."""

    def __init__(self) -> None:
        super().__init__()
        self.invoice = reported(DRAFT)
        self.highest = DRAFT.rank
        self.refunded: dict[str, int] = {}

    @rule(status=some.sampled_from(list(InvoiceStatus)), second=some.integers(0, 20))
    def report(self, status: InvoiceStatus, second: int) -> None:
        self.invoice.report(status, DUE, ISSUE, seen=at(second), now=NOW)
        self.highest = max(self.highest, status.rank)

    @rule(amount=some.integers(0, 3000), payment=some.sampled_from(["ch_1", "ch_2"]))
    def refund(self, amount: int, payment: str) -> None:
        self.invoice.refund(payment, amount=amount, refunded_at=NOW, now=NOW)
        self.refunded[payment] = amount

    @rule(attempt=some.integers(1, 4), minute=some.integers(0, 9))
    def fail(self, attempt: int, minute: int) -> None:
        self.invoice.payment_failed(
            attempt=attempt, failed_at=NOW + timedelta(minutes=minute), next_attempt_at=None, now=NOW
        )

    @invariant()
    def it_is_as_high_as_any_report_of_it(self) -> None:
        assert self.invoice.status.rank == self.highest

    @invariant()
    def what_was_refunded_is_what_was_said_last(self) -> None:
        assert self.invoice.amount_refunded == sum(self.refunded.values())


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
