"""Refunds and disputes give the events and states that Stripe gives."""

from __future__ import annotations

import pytest

from scripts.stripe_sim import Emitted, Refused, StripeAccount


def test_a_refund_in_two_parts_reports_the_sum_on_the_charge(account: StripeAccount, bought: Emitted) -> None:
    invoice = bought.the("invoice")["id"]
    part = account.refund(invoice, amount=700)
    assert part.types == ["refund.created", "charge.refunded"]
    assert (part.the("charge")["amount_refunded"], part.the("charge")["refunded"]) == (700, False)
    rest = account.refund(invoice)
    assert (rest.the("charge")["amount_refunded"], rest.the("charge")["refunded"]) == (8700, True)
    assert rest[-1]["data"]["previous_attributes"] == {"amount_refunded": 700, "refunded": False}
    assert [refund["amount"] for refund in account.find("refund", charge=rest.the("charge")["id"])] == [8000, 700]
    with pytest.raises(Refused):
        account.refund(invoice, amount=1)


@pytest.mark.parametrize(("won", "moved"), [(True, [-8700, 8700]), (False, [-8700])])
def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back(
    account: StripeAccount, bought: Emitted, won: bool, moved: list[int]
) -> None:
    opened = account.dispute(bought.the("invoice")["id"])
    assert opened.types == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    dispute = opened.the("dispute")
    assert (dispute["status"], dispute["charge"]) == ("needs_response", bought.the("charge")["id"])
    assert account.retrieve("charge", dispute["charge"])["disputed"] is True
    closed = account.close_dispute(dispute["id"], won=won)
    assert closed.types[0] == "charge.dispute.closed"
    assert closed.the("dispute")["status"] == ("won" if won else "lost")
    assert [each["amount"] for each in closed.the("dispute")["balance_transactions"]] == moved
    with pytest.raises(Refused):
        account.close_dispute(dispute["id"], won=True)
