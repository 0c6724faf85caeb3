"""The phases of a schedule at Stripe that changes what is bought with the next period.

An update has to say all phases anew, the present one too: what it leaves out is dropped from the subscription.
"""

from __future__ import annotations

from typing import Any

from adapters.stripe_fields import Payload, id_of
from domain.provider_asks import ChangeAtPeriodEnd

_KEPT = ("collection_method", "default_payment_method", "description", "metadata", "invoice_settings", "on_behalf_of")
_WAYS = ("discount", "promotion_code", "coupon")


def phases_with(ask: ChangeAtPeriodEnd, schedule: Payload) -> list[dict[str, Any]]:
    """The present phase as it is, and one after it with what is asked for; then the subscription goes on by itself."""
    bounds = schedule.get("current_phase") or schedule["phases"][0]
    present = next(each for each in schedule["phases"] if each["start_date"] == bounds["start_date"])
    kept = _kept(present)
    items = [_item(item) for item in present["items"]]
    now = {**kept, "items": items, "start_date": present["start_date"], "end_date": present["end_date"]}
    if present.get("trial_end"):
        now["trial_end"] = present["trial_end"]
    then = {
        **kept,
        "items": [_changed(item, ask) for item in items],
        "duration": {"interval": ask.interval, "interval_count": ask.interval_count},
        "proration_behavior": "none",
    }
    return [now, then]


def _kept(phase: Payload) -> dict[str, Any]:
    kept = {name: phase[name] for name in _KEPT if phase.get(name)}
    if "default_payment_method" in kept:
        kept["default_payment_method"] = id_of(kept["default_payment_method"])
    if phase.get("default_tax_rates"):
        kept["default_tax_rates"] = [id_of(rate) for rate in phase["default_tax_rates"]]
    return kept | _discounts(phase)


def _item(item: Payload) -> dict[str, Any]:
    kept: dict[str, Any] = {"price": id_of(item["price"])}
    kept |= {name: item[name] for name in ("quantity", "metadata") if item.get(name)}
    if item.get("tax_rates"):
        kept["tax_rates"] = [id_of(rate) for rate in item["tax_rates"]]
    return kept | _discounts(item)


def _changed(item: dict[str, Any], ask: ChangeAtPeriodEnd) -> dict[str, Any]:
    if item["price"] != ask.former_price:
        return item
    return {**item, "price": ask.price, "quantity": ask.quantity}


def _discounts(source: Payload) -> dict[str, Any]:
    named = [
        next(({way: id_of(each[way])} for way in _WAYS if each.get(way)), None)
        for each in source.get("discounts") or ()
    ]
    return {"discounts": [each for each in named if each]} if named else {}
