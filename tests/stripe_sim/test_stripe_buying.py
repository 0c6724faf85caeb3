"""A subscription begins as at Stripe: the right events, in causal order, with the right state."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scripts.stripe_sim import Emitted, StripeAccount
from tests.stripe_sim.expected import CHARGED, CYCLE, DECLINED, DELINQUENT, FINALIZED, NOON, PAID, PRICE, epoch, period


def test_a_checkout_pays_first_and_makes_the_subscription_then(bought: Emitted) -> None:
    assert bought.types == [
        *["customer.created", "payment_method.attached", *CHARGED, "customer.updated"],
        *["invoice.created", *FINALIZED, "customer.subscription.created", *PAID, "checkout.session.completed"],
    ]


def test_a_checkout_joins_customer_subscription_invoice_and_payment(account: StripeAccount, bought: Emitted) -> None:
    customer, subscription, invoice = (bought.the(kind) for kind in ("customer", "subscription", "invoice"))
    session, intent, charge = (bought.the(kind) for kind in ("checkout.session", "payment_intent", "charge"))
    assert (session["customer"], session["subscription"], session["invoice"], session["amount_total"]) == (
        *(customer["id"], subscription["id"], invoice["id"]),
        8700,
    )
    assert (subscription["status"], subscription["items"]["data"][0]["price"]["id"]) == ("active", PRICE)
    assert period(subscription) == (epoch(2026, 1, 31, 12), epoch(2026, 2, 28, 12))
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    assert (invoice["status"], invoice["amount_paid"], invoice["amount_remaining"]) == ("paid", 8700, 0)
    assert "payments" not in invoice and "refunds" not in charge
    assert intent["latest_charge"] == charge["id"] and charge["payment_intent"] == intent["id"]
    (payment,) = account.invoice_payments(payment_intent=intent["id"])
    assert (payment["invoice"], payment["status"], payment["amount_paid"]) == (invoice["id"], "paid", 8700)


def test_session_metadata_and_subscription_metadata_are_two_things(account: StripeAccount) -> None:
    done = account.checkout(
        price=PRICE,
        email="ada@example.com",
        client_reference_id="org-1",
        metadata={"cart": "7"},
        subscription_metadata={"organization": "1"},
    )
    session, subscription = done.the("checkout.session"), done.the("subscription")
    assert (session["client_reference_id"], session["metadata"]) == ("org-1", {"cart": "7"})
    assert subscription["metadata"] == {"organization": "1"}
    assert done.the("invoice")["parent"]["subscription_details"]["metadata"] == {"organization": "1"}


def test_a_known_customer_is_not_created_again(account: StripeAccount, bought: Emitted) -> None:
    again = account.checkout(price=PRICE, customer=bought.the("customer")["id"])
    assert "customer.created" not in again.types
    assert again.the("subscription")["customer"] == bought.the("customer")["id"]


def test_a_trial_moves_no_money_but_has_an_invoice_of_nothing(account: StripeAccount) -> None:
    begun = account.checkout(price=PRICE, email="ada@example.com", trial_days=14)
    subscription, invoice = begun.the("subscription"), begun.the("invoice")
    assert not [type for type in begun.types if type.startswith(("charge.", "payment_intent.", "invoice_payment."))]
    assert (subscription["status"], subscription["trial_end"]) == ("trialing", epoch(2026, 2, 14, 12))
    assert (invoice["status"], invoice["total"], invoice["attempt_count"]) == ("paid", 0, 0)
    assert begun.the("checkout.session")["payment_status"] == "no_payment_required"


def test_the_end_of_a_trial_is_announced_and_then_paid(account: StripeAccount) -> None:
    id = account.checkout(price=PRICE, email="ada@example.com", trial_days=14).the("subscription")["id"]
    assert account.trial_will_end(id).types == ["customer.subscription.trial_will_end"]
    assert account.now == NOON + timedelta(days=11)
    ended = account.end_trial(id)
    assert ended.types == [*CYCLE, *CHARGED, *PAID]
    assert ended[1]["data"]["previous_attributes"]["status"] == "trialing"
    assert period(ended.the("subscription")) == (epoch(2026, 2, 14, 12), epoch(2026, 3, 14, 12))


@pytest.mark.parametrize(
    ("setting", "status", "last"),
    [
        ("pause", "paused", "customer.subscription.updated"),
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("create_invoice", "past_due", "customer.subscription.updated"),
    ],
)
def test_a_trial_without_a_card_ends_as_its_settings_say(
    account: StripeAccount, setting: str, status: str, last: str
) -> None:
    customer = account.customer("ada@example.com").the("customer")["id"]
    begun = account.subscribe(customer, PRICE, trial_days=7, has_card=False, without_card_at_trial_end=setting)
    ended = account.end_trial(begun.the("subscription")["id"])
    assert (ended.the("subscription")["status"], ended.types[-1]) == (status, last)


def test_a_first_payment_that_fails_leaves_the_subscription_incomplete_until_it_is_paid(account: StripeAccount) -> None:
    customer = account.customer("ada@example.com").the("customer")["id"]
    failed = account.subscribe(customer, PRICE, pays=False)
    assert failed.types[-5:] == [*DECLINED, *DELINQUENT]
    assert failed.the("subscription")["status"] == "incomplete"
    paid = account.pay(failed.the("invoice")["id"])
    assert paid.types[-1] == "customer.subscription.updated"
    assert paid.the("subscription")["status"] == "active"


def test_a_first_payment_that_nobody_makes_expires_after_23_hours(account: StripeAccount) -> None:
    customer = account.customer("ada@example.com").the("customer")["id"]
    failed = account.subscribe(customer, PRICE, pays=False)
    expired = account.expire(failed.the("subscription")["id"])
    assert expired.types == [
        *["payment_intent.canceled", "invoice.updated", "invoice.voided", "customer.subscription.updated"]
    ]
    assert expired.the("subscription")["status"] == "incomplete_expired"
    assert account.now == NOON + timedelta(hours=23)


def test_a_card_attached_during_the_trial_pays_at_its_end(account: StripeAccount) -> None:
    customer = account.customer("ada@example.com").the("customer")["id"]
    begun = account.subscribe(customer, PRICE, trial_days=7, has_card=False, without_card_at_trial_end="cancel")
    assert account.attach_card(customer).types == ["payment_method.attached", "customer.updated"]
    assert account.end_trial(begun.the("subscription")["id"]).the("invoice")["status"] == "paid"
