"""Subscriptions and their items; the paid period stands on the item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim.objects.catalog import plan
from scripts.stripe_sim.objects.pages import page


def subscription(
    id: str,
    *,
    at: int,
    customer: dict[str, Any],
    items: Sequence[dict[str, Any]],
    currency: str,
    status: str,
    anchor: int,
    trial: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """A subscription in flexible billing mode (the default; only this mode can be paused).

    `anchor` is what periods are counted from, `trial` is (start, end); all in epoch seconds.
    """
    trial_start, trial_end = trial or (None, None)
    return {
        "id": id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": at},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": at,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": page(items, f"/v1/subscription_items?subscription={id}"),
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": at,
        "status": status,
        "status_details": None,
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": trial_start,
    }


def subscription_item(
    id: str, *, at: int, subscription: str, price: dict[str, Any], quantity: int, period: tuple[int, int]
) -> dict[str, Any]:
    """One price with its quantity and its current period, (start, end) in epoch seconds."""
    start, end = period
    return {
        "id": id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": at,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def paused(at: int, reason: str) -> dict[str, Any]:
    """`status_details` of a paused subscription: pause_requested, trial_end_without_payment_method, ….

    It says why the subscription is `paused`; that `pause_collection` is on is another thing.
    """
    return {"paused": {"subscription": {"type": reason}, "transitioned_at": at, "type": "subscription"}}
