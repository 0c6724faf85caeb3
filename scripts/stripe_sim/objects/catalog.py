"""Products, prices, and the plan that Stripe still repeats beside every price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def product(id: str, *, at: int, name: str, metadata: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "id": id,
        "object": "product",
        "active": True,
        "created": at,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": dict(metadata or {}),
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": at,
        "url": None,
    }


def price(
    id: str,
    *,
    at: int,
    product: str,
    unit_amount: Decimal,
    currency: str,
    recurring: dict[str, Any] | None = None,
    lookup_key: str | None = None,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A price per unit in minor units; `recurring` is its interval (day, week, month, year), interval_count and
    trial_period_days, None for what is paid once."""
    whole = unit_amount == unit_amount.to_integral_value()
    return {
        "id": id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": at,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": lookup_key,
        "metadata": dict(metadata or {}),
        "nickname": None,
        "product": product,
        "recurring": {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": "licensed",
        }
        if recurring
        else None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": int(unit_amount) if whole else None,
        "unit_amount_decimal": f"{unit_amount.normalize():f}",
    }


def plan(price: dict[str, Any]) -> dict[str, Any]:
    """The same price in the older shape, as every subscription item and `plan.created` carry it."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": "licensed",
    }
