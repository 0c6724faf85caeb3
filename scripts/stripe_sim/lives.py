"""Whole lives of one customer, as lists of events to feed to the product."""

from __future__ import annotations

from collections.abc import Callable

from scripts.stripe_sim import StripeAccount


def renewals(account: StripeAccount, price: str) -> None:
    """Buys ten seats on trial, pays, renews, adds seats, renews."""
    subscription = account.checkout(price=price, email="ada@example.com", name="Ada", quantity=10, trial_days=14)
    id = subscription.the("subscription")["id"]
    account.trial_will_end(id)
    account.end_trial(id)
    account.renew(id)
    account.change_quantity(id, 15, proration_behavior="always_invoice")
    account.renew(id)


def dunning(account: StripeAccount, price: str) -> None:
    """Pays, then three attempts fail, is cut off, pays late, is fine again."""
    id = account.checkout(price=price, email="bob@example.com", name="Bob", quantity=3).the("subscription")["id"]
    invoice = account.fail_renewal(id).the("invoice")["id"]
    account.fail_again(invoice)
    account.fail_again(invoice)
    account.give_up(id, to="unpaid")
    account.pay(invoice)
    account.renew(id)


def churn(account: StripeAccount, price: str) -> None:
    """Pays, pauses, goes on, disputes a payment that the vendor wins, cancels, leaves, gets the last month back."""
    id = account.checkout(price=price, email="eve@example.com", name="Eve").the("subscription")["id"]
    account.pause(id)
    account.resume(id)
    invoice = account.renew(id).the("invoice")["id"]
    dispute = account.dispute(invoice).the("dispute")["id"]
    account.close_dispute(dispute, won=True)
    invoice = account.renew(id).the("invoice")["id"]
    account.cancel(id)
    account.delete(id)
    account.refund(invoice)
    account.delete_customer(account.retrieve("subscription", id)["customer"])


LIVES: dict[str, Callable[[StripeAccount, str], None]] = {"renewals": renewals, "dunning": dunning, "churn": churn}
