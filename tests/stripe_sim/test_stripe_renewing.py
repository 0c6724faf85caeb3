"""Renewals, failures and late payments give the events and states that Stripe gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.stripe_sim import Refused, StripeAccount
from tests.stripe_sim.expected import CHARGED, DECLINED, DELINQUENT, PAID, RENEWAL, epoch


def test_a_renewal_moves_the_item_to_its_next_period_and_bills_it_an_hour_later(
    account: StripeAccount, subscription: str
) -> None:
    renewed = account.renew(subscription)
    assert renewed.types == [*RENEWAL, *CHARGED, *PAID]
    assert account.now == datetime(2026, 2, 28, 13, tzinfo=UTC)
    invoice, line = renewed.the("invoice"), renewed.the("invoice")["lines"]["data"][0]
    assert (invoice["period_start"], invoice["period_end"]) == (epoch(2026, 1, 31, 12), epoch(2026, 2, 28, 12))
    assert line["period"] == {"start": epoch(2026, 2, 28, 12), "end": epoch(2026, 3, 31, 12)}
    updated = renewed[2]["data"]
    assert updated["object"]["latest_invoice"] == invoice["id"]
    assert set(updated["previous_attributes"]) == {"items", "latest_invoice"}
    (former,) = updated["previous_attributes"]["items"]["data"]
    assert former["current_period_end"] == epoch(2026, 2, 28, 12)
    assert all(event["request"]["id"] is None for event in renewed)


def test_a_failed_renewal_is_tried_again_three_times(
    account: StripeAccount, subscription: str, status: Callable[[], str]
) -> None:
    failed = account.fail_renewal(subscription)
    assert failed.types == [
        *[*RENEWAL, "payment_intent.created", *DECLINED, *DELINQUENT, "customer.subscription.updated"]
    ]
    assert failed[-1]["data"]["previous_attributes"] == {"status": "active"}
    invoice = failed.the("invoice")
    attempts = [(invoice["attempt_count"], invoice["next_payment_attempt"] - account.at)]
    for _ in range(3):
        again = account.fail_again(invoice["id"])
        assert again.types == DECLINED
        left = again.the("invoice")["next_payment_attempt"]
        attempts.append((again.the("invoice")["attempt_count"], left and left - account.at))
    assert attempts == [(1, 3 * 86_400), (2, 5 * 86_400), (3, 7 * 86_400), (4, None)]
    assert status() == "past_due"
    with pytest.raises(Refused):
        account.fail_again(invoice["id"])


def test_a_late_payment_makes_the_subscription_active_again(account: StripeAccount, subscription: str) -> None:
    invoice = account.fail_renewal(subscription).the("invoice")["id"]
    paid = account.pay(invoice)
    assert paid.types == [
        *["charge.succeeded", "payment_intent.succeeded", *PAID, *DELINQUENT, "customer.subscription.updated"]
    ]
    assert paid[-1]["data"]["previous_attributes"] == {"status": "past_due"}
    assert paid.the("invoice")["amount_paid"] == 8700


def test_paying_an_older_invoice_does_not_heal_the_latest(
    account: StripeAccount, subscription: str, status: Callable[[], str]
) -> None:
    older = account.fail_renewal(subscription).the("invoice")["id"]
    latest = account.fail_renewal(subscription).the("invoice")["id"]
    account.pay(older)
    assert status() == "past_due"
    account.pay(latest)
    assert status() == "active"


@pytest.mark.parametrize(
    ("to", "last"),
    [
        ("unpaid", "customer.subscription.updated"),
        ("canceled", "customer.subscription.deleted"),
        ("past_due", "invoice.updated"),
        ("paused", "customer.subscription.updated"),
    ],
)
def test_when_stripe_gives_up_the_subscription_becomes_what_the_vendor_has_set(
    account: StripeAccount, subscription: str, status: Callable[[], str], to: Any, last: str
) -> None:
    invoice = account.fail_renewal(subscription).the("invoice")["id"]
    given_up = account.give_up(subscription, to=to)
    assert (status(), given_up.types[-1]) == (to, last)
    assert account.retrieve("invoice", invoice)["next_payment_attempt"] is None
    assert account.retrieve("invoice", invoice)["status"] == "open"


def test_an_unpaid_subscription_only_gathers_drafts_until_it_is_paid(account: StripeAccount, subscription: str) -> None:
    invoice = account.fail_renewal(subscription).the("invoice")["id"]
    account.give_up(subscription, to="unpaid")
    drafted = account.renew(subscription)
    assert drafted.types == ["invoice.upcoming", "invoice.created", "customer.subscription.updated"]
    assert (drafted.the("invoice")["status"], drafted.the("invoice")["auto_advance"]) == ("draft", False)
    assert account.pay(invoice).the("invoice")["status"] == "paid"


def test_a_voided_invoice_is_owed_by_nobody(account: StripeAccount, subscription: str) -> None:
    invoice = account.fail_renewal(subscription).the("invoice")["id"]
    assert account.void(invoice).types == ["payment_intent.canceled", "invoice.updated", "invoice.voided"]
    with pytest.raises(Refused):
        account.pay(invoice)


def test_an_invoice_given_up_as_uncollectible_can_still_be_paid(account: StripeAccount, subscription: str) -> None:
    invoice = account.fail_renewal(subscription).the("invoice")["id"]
    assert account.mark_uncollectible(invoice).types == ["invoice.updated", "invoice.marked_uncollectible"]
    assert account.pay(invoice).the("subscription")["status"] == "active"
