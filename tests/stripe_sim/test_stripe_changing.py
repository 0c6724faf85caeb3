"""Changes of seats, price, pause and customer give the events and states that Stripe gives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scripts.stripe_sim import Emitted, NotThere, Refused, StripeAccount
from tests.stripe_sim.expected import CHARGED, CYCLE, PAID, epoch, period


def test_more_seats_without_proration_change_only_the_subscription(account: StripeAccount, subscription: str) -> None:
    changed = account.change_quantity(subscription, 5)
    assert changed.types == ["customer.subscription.updated"]
    assert changed[0]["data"]["previous_attributes"]["items"]["data"][0]["quantity"] == 3
    assert account.renew(subscription).the("invoice")["total"] == 5 * 2900


def test_more_seats_with_proration_are_billed_for_the_rest_of_the_period(
    account: StripeAccount, subscription: str
) -> None:
    account.advance(timedelta(days=14))
    changed = account.change_quantity(subscription, 5, proration_behavior="always_invoice")
    assert changed.types == ["invoiceitem.created", "invoiceitem.created", *CYCLE, *CHARGED, *PAID]
    invoice = changed.the("invoice")
    assert [line["amount"] for line in invoice["lines"]["data"]] == [-4350, 7250]
    assert (invoice["billing_reason"], invoice["total"]) == ("subscription_update", 2900)
    assert all(line["parent"]["subscription_item_details"]["proration"] for line in invoice["lines"]["data"])
    assert period(changed.the("subscription"))[1] == epoch(2026, 2, 28, 12)


def test_fewer_seats_with_proration_become_a_balance_that_the_next_invoice_uses(
    account: StripeAccount, subscription: str
) -> None:
    account.advance(timedelta(days=14))
    changed = account.change_quantity(subscription, 1, proration_behavior="always_invoice")
    assert "charge.succeeded" not in changed.types
    assert (changed.the("invoice")["total"], changed.the("invoice")["amount_due"]) == (-2900, 0)
    assert changed.the("customer")["balance"] == -2900
    renewed = account.renew(subscription).the("invoice")
    assert (renewed["total"], renewed["starting_balance"], renewed["amount_due"]) == (2900, -2900, 0)


def test_another_interval_begins_a_new_period_that_is_billed_now(account: StripeAccount, subscription: str) -> None:
    yearly = account.price(amount=29000, interval="year").the("price")["id"]
    account.advance(timedelta(days=14))
    changed = account.change_price(subscription, yearly, proration_behavior="always_invoice")
    assert [line["amount"] for line in changed.the("invoice")["lines"]["data"]] == [-4350, 87000]
    assert period(changed.the("subscription")) == (epoch(2026, 2, 14, 12), epoch(2027, 2, 14, 12))
    assert changed.the("subscription")["items"]["data"][0]["plan"]["interval"] == "year"


def test_a_cancellation_at_period_end_takes_effect_then(account: StripeAccount, subscription: str) -> None:
    cancelled = account.cancel(subscription)
    assert cancelled.types == ["customer.subscription.updated"]
    said = cancelled.the("subscription")
    assert (said["status"], said["cancel_at_period_end"], said["cancel_at"]) == ("active", True, epoch(2026, 2, 28, 12))
    with pytest.raises(Refused):
        account.renew(subscription)
    deleted = account.delete(subscription)
    assert deleted.types == ["customer.subscription.deleted"]
    assert (deleted.the("subscription")["status"], deleted.the("subscription")["ended_at"]) == (
        "canceled",
        epoch(2026, 2, 28, 12),
    )


def test_a_cancellation_can_be_taken_back_before_its_time(account: StripeAccount, subscription: str) -> None:
    account.cancel(subscription)
    kept = account.uncancel(subscription).the("subscription")
    assert (kept["cancel_at_period_end"], kept["cancel_at"], kept["canceled_at"]) == (False, None, None)
    with pytest.raises(Refused):
        account.delete(subscription)
    assert "invoice.paid" in account.renew(subscription).types


def test_a_cancellation_now_ends_the_subscription_for_good(account: StripeAccount, subscription: str) -> None:
    assert account.cancel(subscription, at_period_end=False).types == ["customer.subscription.deleted"]
    for verb in (account.renew, account.cancel, account.pause, account.delete, account.pause_collection):
        with pytest.raises(Refused):
            verb(subscription)


def test_a_pause_says_why_and_a_resume_within_the_period_costs_nothing(
    account: StripeAccount, subscription: str
) -> None:
    paused = account.pause(subscription)
    assert paused.types == ["customer.subscription.paused", "customer.subscription.updated"]
    assert paused.the("subscription")["status_details"]["paused"]["subscription"]["type"] == "pause_requested"
    with pytest.raises(Refused):
        account.renew(subscription)
    resumed = account.resume(subscription)
    assert resumed.types == ["customer.subscription.resumed", "customer.subscription.updated"]
    assert (resumed.the("subscription")["status"], resumed.the("subscription")["status_details"]) == ("active", None)


def test_a_resume_after_the_period_pays_for_a_new_one(account: StripeAccount, subscription: str) -> None:
    account.pause(subscription)
    account.advance(timedelta(days=60))
    resumed = account.resume(subscription)
    assert resumed.the("invoice")["amount_paid"] == 8700
    assert period(resumed.the("subscription"))[0] == account.at


@pytest.mark.parametrize(
    ("behavior", "end"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_paused_collection_goes_on_invoicing_without_money_and_leaves_the_status(
    account: StripeAccount, subscription: str, behavior: Any, end: str
) -> None:
    held = account.pause_collection(subscription, behavior=behavior)
    assert held.types == ["customer.subscription.updated"]
    assert held.the("subscription")["status"] == "active"
    renewed = account.renew(subscription)
    assert (renewed.the("invoice")["status"], renewed.the("subscription")["status"]) == (end, "active")
    assert "charge.succeeded" not in renewed.types
    account.resume_collection(subscription)
    assert account.renew(subscription).the("invoice")["status"] == "paid"


def test_a_changed_customer_reports_the_former_values(account: StripeAccount, bought: Emitted) -> None:
    changed = account.update_customer(bought.the("customer")["id"], email="ada@lovelace.example", name="Ada")
    assert changed.types == ["customer.updated"]
    assert changed[0]["data"]["previous_attributes"] == {"email": "ada@example.com"}
    assert account.update_customer(bought.the("customer")["id"], name="Ada") == []
    with pytest.raises(Refused):
        account.update_customer(bought.the("customer")["id"], mail="x")


def test_a_deleted_customer_takes_the_subscriptions_along(account: StripeAccount, bought: Emitted) -> None:
    id = bought.the("customer")["id"]
    gone = account.delete_customer(id)
    assert gone.types == ["customer.subscription.deleted", "customer.deleted"]
    assert gone[-1]["data"]["object"]["email"] == "ada@example.com"
    with pytest.raises(NotThere):
        account.update_customer(id, email="b@example.com")
