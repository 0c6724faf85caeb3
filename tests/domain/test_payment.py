from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as some

from domain.money import Money
from domain.payment import Payment, PaymentStatus
from domain.payment_facts import (
    Application,
    ApplicationStatus,
    Attempt,
    Dispute,
    Funds,
    Outcome,
    Progress,
    Refund,
    RefundStatus,
    RefundTotal,
    Standing,
)
from domain.provider_facts import DisputeOutcome, Seen

NOW = datetime(2027, 1, 1, tzinfo=UTC)
INVOICE, ANOTHER = UUID(int=1), UUID(int=2)


def at(second: int, rank: int = 2) -> Seen:
    return Seen(NOW + timedelta(seconds=second), rank, f"evt_{second}")


def opened() -> Payment:
    return Payment.open(provider="stripe", provider_id="pi_1", organization_id=uuid4(), now=NOW)


def tried(outcome: Outcome, second: int, **more) -> Attempt:
    return Attempt(outcome, 2900, "usd", NOW, at(second), **more)


def refund(status: RefundStatus, second: int, amount: int = 2900, charge: str = "ch_1") -> Refund:
    return Refund(charge, amount, "usd", status, NOW, at(second))


def disputed(outcome: DisputeOutcome, second: int, stage: str = "") -> Dispute:
    return Dispute("ch_1", 2900, "usd", outcome, stage or outcome.value, NOW, at(second))


def paying(status: ApplicationStatus, second: int, paid: int = 0) -> Application:
    return Application(status, 2900, paid, "usd", at(second))


def test_a_declined_card_and_then_a_good_one_are_two_attempts_and_a_payment():
    payment = opened()
    payment.attempt("ch_1", tried(Outcome.FAILED, 1, decline_code="insufficient_funds"), now=NOW)
    assert (payment.status, payment.money) == (PaymentStatus.FAILED, Money(2900, "usd"))
    payment.attempt("ch_2", tried(Outcome.SUCCEEDED, 2, method="card"), now=NOW)
    assert (payment.status, payment.method, len(payment.attempts)) == (PaymentStatus.SUCCEEDED, "card", 2)


def test_a_debit_that_is_pending_may_still_fail():
    payment = opened()
    payment.attempt("py_1", tried(Outcome.PENDING, 1), now=NOW)
    assert payment.status is PaymentStatus.PENDING
    payment.attempt("py_1", tried(Outcome.FAILED, 9), now=NOW)
    payment.attempt("py_1", tried(Outcome.PENDING, 5), now=NOW)
    assert payment.status is PaymentStatus.FAILED


def test_what_waits_for_the_customer_and_what_was_given_up_is_seen():
    payment = opened()
    payment.stand(Standing(Progress.ACTION_REQUIRED, 2900, "usd", at(1)), now=NOW)
    assert payment.status is PaymentStatus.ACTION_REQUIRED
    payment.stand(Standing(Progress.CANCELED, 2900, "usd", at(2), "void_invoice"), now=NOW)
    payment.stand(Standing(Progress.PROCESSING, 2900, "usd", at(3)), now=NOW)
    assert payment.status is PaymentStatus.CANCELED


def test_a_payment_made_elsewhere_is_known_by_what_it_pays():
    payment = opened()
    payment.pay(INVOICE, paying(ApplicationStatus.PAID, 1, paid=1200), now=NOW)
    assert (payment.status, payment.money) == (PaymentStatus.SUCCEEDED, Money(1200, "usd"))


def test_a_refund_that_fails_later_is_no_refund_though_the_charge_counted_it():
    payment = opened()
    payment.charge_refunded("ch_1", RefundTotal(2900, NOW), now=NOW)
    payment.refund("re_1", refund(RefundStatus.SUCCEEDED, 1), now=NOW)
    assert payment.refunded("ch_1").amount == 2900
    payment.refund("re_1", refund(RefundStatus.FAILED, 2), now=NOW)
    assert payment.refunded("ch_1").amount == 0
    payment.refund("re_2", refund(RefundStatus.PENDING, 3), now=NOW)
    assert payment.refunded("ch_1").amount == 2900


def test_the_charges_total_counts_where_no_single_refund_is_heard_of():
    payment = opened()
    payment.charge_refunded("ch_1", RefundTotal(500, NOW), now=NOW)
    payment.charge_refunded("ch_1", RefundTotal(1500, NOW + timedelta(hours=1)), now=NOW)
    payment.charge_refunded("ch_1", RefundTotal(500, NOW), now=NOW)
    assert payment.refunded("ch_1") == RefundTotal(1500, NOW + timedelta(hours=1))


def test_single_refunds_count_where_no_total_is_heard_of():
    payment = opened()
    payment.refund("re_1", refund(RefundStatus.SUCCEEDED, 1, 500), now=NOW)
    payment.refund("re_2", refund(RefundStatus.SUCCEEDED, 2, 700), now=NOW)
    payment.refund("re_3", refund(RefundStatus.CANCELED, 2, 900), now=NOW)
    payment.refund("re_4", refund(RefundStatus.SUCCEEDED, 2, 100, charge="ch_2"), now=NOW)
    assert (payment.refunded("ch_1").amount, payment.refunded("ch_2").amount) == (1200, 100)


def test_a_refund_is_shared_out_over_the_invoices_that_were_paid():
    payment = opened()
    payment.pay(INVOICE, paying(ApplicationStatus.PAID, 1, paid=1000), now=NOW)
    payment.pay(ANOTHER, paying(ApplicationStatus.PAID, 1, paid=1900), now=NOW)
    assert list(payment.shares(1500)) == [(INVOICE, 1000), (ANOTHER, 500)]
    assert sum(share for _, share in payment.shares(3000)) == 3000


def test_a_lost_dispute_that_is_appealed_is_open_again_and_may_be_won():
    payment = opened()
    payment.dispute("du_1", disputed(DisputeOutcome.LOST, 2), now=NOW)
    payment.dispute("du_1", disputed(DisputeOutcome.OPEN, 1), now=NOW)
    assert payment.disputes["du_1"].outcome is DisputeOutcome.LOST
    payment.dispute("du_1", disputed(DisputeOutcome.OPEN, 3, "appeal_under_review"), now=NOW)
    payment.dispute("du_1", disputed(DisputeOutcome.WON, 4), now=NOW)
    assert payment.disputes["du_1"].outcome is DisputeOutcome.WON


def test_what_the_bank_took_and_gave_back_is_counted_once():
    payment = opened()
    taken, returned = Funds(-2900, 1500, "usd", NOW), Funds(2900, 0, "usd", NOW + timedelta(days=9))
    for movement, funds in (("txn_1", taken), ("txn_2", returned), ("txn_1", taken)):
        payment.move_funds("du_1", movement, funds, now=NOW)
    assert payment.funds["du_1"] == {"txn_1": taken, "txn_2": returned}


REPORTS = [
    lambda p: p.attempt("ch_1", tried(Outcome.FAILED, 1, code="card_declined"), now=NOW),
    lambda p: p.attempt("ch_2", tried(Outcome.PENDING, 2, method="card"), now=NOW),
    lambda p: p.attempt("ch_2", tried(Outcome.SUCCEEDED, 3, method="card"), now=NOW),
    lambda p: p.attempt("ch_2", replace(tried(Outcome.SUCCEEDED, 4, method="card"), brand="visa"), now=NOW),
    lambda p: p.stand(Standing(Progress.PROCESSING, 2900, "usd", at(2)), now=NOW),
    lambda p: p.stand(Standing(Progress.SUCCEEDED, 2900, "usd", at(3)), now=NOW),
    lambda p: p.pay(INVOICE, paying(ApplicationStatus.OPEN, 1), now=NOW),
    lambda p: p.pay(INVOICE, paying(ApplicationStatus.PAID, 3, paid=2900), now=NOW),
    lambda p: p.charge_refunded("ch_2", RefundTotal(1000, NOW + timedelta(seconds=5)), now=NOW),
    lambda p: p.charge_refunded("ch_2", RefundTotal(1500, NOW + timedelta(seconds=6)), now=NOW),
    lambda p: p.charge_refunded("ch_2", RefundTotal(1500, NOW + timedelta(seconds=7)), now=NOW),
    lambda p: p.refund("re_1", refund(RefundStatus.PENDING, 5, 1000, "ch_2"), now=NOW),
    lambda p: p.refund("re_1", refund(RefundStatus.SUCCEEDED, 6, 1000, "ch_2"), now=NOW),
    lambda p: p.refund("re_2", refund(RefundStatus.SUCCEEDED, 6, 500, "ch_2"), now=NOW),
    lambda p: p.refund("re_2", refund(RefundStatus.FAILED, 8, 500, "ch_2"), now=NOW),
    lambda p: p.dispute("du_1", disputed(DisputeOutcome.OPEN, 9), now=NOW),
    lambda p: p.dispute("du_1", disputed(DisputeOutcome.LOST, 10), now=NOW),
    lambda p: p.move_funds("du_1", "txn_1", Funds(-2900, 1500, "usd", NOW), now=NOW),
]


def state(payment: Payment) -> tuple[object, ...]:
    facts = ("attempts", "standing", "applications", "refund_totals", "refunds", "disputes", "funds")
    answers = ("status", "money", "method", "made_at")
    return (*(getattr(payment, name) for name in (*facts, *answers)), payment.refunded("ch_2"))


@given(some.permutations(range(len(REPORTS) * 2)))
def test_any_order_and_repetition_of_the_reports_ends_alike(order):
    payment, in_order = opened(), opened()
    for report in REPORTS:
        report(in_order)
    for index in order:
        REPORTS[index % len(REPORTS)](payment)
    assert state(payment) == state(in_order)
    assert payment.refunded("ch_2").amount == 1000
