"""Stripe's own trigger scripts run against the stand-in: an acceptance test that we did not write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving
from tests.stripe_cli.command_line import StripeCli

OURS = (
    *("billing_portal", "cash_balance", "charge", "checkout", "coupon", "credit_note", "customer", "invoice"),
    *("customer_cash_balance_transaction", "invoiceitem", "payment_intent", "payment_link", "payment_method", "plan"),
    *("price", "product", "promotion_code", "setup_intent", "subscription", "subscription_schedule", "tax_rate"),
    "test_helpers",
)
"""The families of events that the stand-in is for. The others are about issuing, payouts, identity, quotes, meters."""
NOT_EVENTS = {"subscription.payment_failed", "subscription.payment_succeeded"}
"""Names of scripts only."""
NOT_SAID = {"subscription_schedule.aborted"}
"""Its script cancels a schedule, which is told as `canceled`."""
CONCURRENT = 3


def test_every_script_of_our_families_ends_well_and_its_event_is_emitted(stripe_cli: StripeCli) -> None:
    triggers = [event for event in stripe_cli.events() if event.partition(".")[0] in OURS]
    assert len(triggers) > 85
    account = StripeAccount(seed=1, now=datetime.now(UTC))
    with serving(account) as url, ThreadPoolExecutor(CONCURRENT) as pool:
        said = dict(zip(triggers, pool.map(lambda event: stripe_cli.trigger(url, event), triggers), strict=True))
        account.advance(timedelta(minutes=10))  # debits are through
    assert {event: words for event, words in said.items() if words} == {}
    emitted = {event["type"] for event in account.events}
    assert set(triggers) - emitted - NOT_EVENTS == NOT_SAID
