from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID, uuid4

from domain.money import Money
from domain.payment import Payment
from domain.payment_facts import (
    Application,
    ApplicationStatus,
    Attempt,
    Dispute,
    Outcome,
    Progress,
    Refund,
    RefundStatus,
    Standing,
)
from domain.provider_facts import DisputeOutcome, Seen
from projections.payments import list_payments
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed

INVOICES = [UUID(int=1), UUID(int=2)]


def opened(number: int) -> Payment:
    return Payment.open(provider="stripe", provider_id=f"pi_{number}", organization_id=ACME, now=NOW)


def a_random_fact(payment: Payment, number: int, chance: random.Random) -> None:
    at = NOW + chance.randint(0, 5) * DAY
    seen = Seen(at, chance.randint(0, 3), f"evt_{number}")
    charge, amount = chance.choice(["ch_1", "ch_2"]), chance.randint(1, 900)
    method, code = chance.choice([None, "card", "sepa_debit"]), chance.choice([None, "declined"])
    attempt = Attempt(chance.choice(list(Outcome)), amount, "usd", at, seen, method=method, code=code)
    status, paid_at = chance.choice([(ApplicationStatus.OPEN, None), (ApplicationStatus.PAID, at)])
    application = Application(status, amount, amount if paid_at else 0, "usd", seen, paid_at)
    outcome = chance.choice(list(DisputeOutcome))
    decisions = [
        lambda: payment.attempt(charge, attempt, now=at),
        lambda: payment.stand(Standing(chance.choice(list(Progress)), amount, "usd", seen), now=at),
        lambda: payment.pay(chance.choice(INVOICES), application, now=at),
        lambda: payment.refund(
            "re_1", Refund(charge, amount, "usd", chance.choice(list(RefundStatus)), at, seen), now=at
        ),
        lambda: payment.dispute("du_1", Dispute(charge, amount, "usd", outcome, "stage", at, seen), now=at),
        lambda: payment.transfer(chance.choice([ACME, GLOBEX]), now=at),
    ]
    chance.choice(decisions)()


def test_every_payment_refund_and_dispute_is_listed_as_the_aggregate_says(followed: Followed):
    chance, payments = random.Random(7), {}
    for number in range(90):
        payment = opened(number)
        for step in range(chance.randint(0, 9)):
            a_random_fact(payment, step, chance)
        followed.store.add(payment)
        payments[payment.id] = payment
    followed.follow()
    rows = list_payments(followed.connection, limit=1000)
    listed = {(row["kind"], row["payment_id"]): row for row in rows}
    assert len(listed) == len(rows) == sum(1 + len(each.refunds) + len(each.disputes) for each in payments.values())
    for payment in payments.values():
        row = listed["payment", payment.id]
        money = Money(row["amount"], row["currency"]) if row["amount"] is not None else None
        assert (row["status"], money, row["method"]) == (payment.status, payment.money, payment.method)
        assert row["happened_at"] == (payment.made_at or NOW)
        assert (row["organization_id"], row["invoices"]) == (payment.organization_id, sorted(payment.applications))
        for refund in payment.refunds.values():
            of = listed["refund", payment.id]
            assert (of["status"], of["amount"], of["happened_at"]) == (refund.status, refund.amount, refund.created_at)
        for dispute in payment.disputes.values():
            of = listed["dispute", payment.id]
            assert (of["status"], of["amount"], of["organization_id"]) == (
                dispute.outcome,
                dispute.amount,
                payment.organization_id,
            )
    assert {row["status"] for row in rows if row["kind"] == "payment"} >= {"open", "succeeded", "failed", "canceled"}


def test_the_newest_comes_first_and_pages_do_not_overlap(followed: Followed):
    for number in range(7):
        payment = opened(number)
        made = Attempt(Outcome.SUCCEEDED, 1, "usd", NOW + number // 2 * timedelta(hours=1), Seen(NOW, 0, "e"))
        payment.attempt("ch_1", made, now=NOW)
        followed.store.add(payment)
    followed.follow()
    whole = list_payments(followed.connection, limit=9)
    assert [row["happened_at"] for row in whole] == sorted((row["happened_at"] for row in whole), reverse=True)
    third = whole[2]
    rest = list_payments(followed.connection, limit=9, after=(third["happened_at"], third["movement_id"]))
    assert rest == whole[3:]


def test_another_organizations_payments_are_not_there(followed: Followed):
    followed.store.add(opened(1))
    followed.follow()
    assert list_payments(followed.connection, organization_id=GLOBEX, limit=9) == []
    assert list_payments(followed.connection, invoice_id=uuid4(), limit=9) == []
    assert len(list_payments(followed.connection, organization_id=ACME, limit=9)) == 1
