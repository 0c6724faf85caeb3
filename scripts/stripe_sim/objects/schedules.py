"""Subscription schedules: what a subscription will be in which phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim.objects.catalog import plan


def subscription_schedule(
    id: str,
    *,
    at: int,
    customer: dict[str, Any],
    phases: Sequence[dict[str, Any]],
    end_behavior: str,
    subscription: str | None = None,
) -> dict[str, Any]:
    """A schedule that has not begun."""
    return {
        "id": id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": at},
        "canceled_at": None,
        "completed_at": None,
        "created": at,
        "current_phase": None,
        "customer": customer["id"],
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": _invoice_settings(),
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": end_behavior,
        "livemode": False,
        "metadata": {},
        "pause_schedules": [],
        "phases": list(phases),
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": subscription,
        "test_clock": customer["test_clock"],
    }


def phase(*, currency: str, items: Sequence[dict[str, Any]], start: int, end: int, **settings: Any) -> dict[str, Any]:
    """From `start` to `end`, epoch seconds; `settings` are proration_behavior, metadata, trial_end, …."""
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": list(items),
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
        **settings,
    }


def phase_item(price: dict[str, Any], quantity: int, metadata: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": dict(metadata or {}),
        "plan": plan(price)["id"],
        "price": price["id"],
        "quantity": quantity,
        "tax_rates": [],
    }


def _invoice_settings() -> dict[str, Any]:
    nothing = dict.fromkeys(("account_tax_ids", "custom_fields", "days_until_due", "description", "footer"))
    return {**nothing, "issuer": {"type": "self"}}
