"""What these tests share: when time starts, the price, and the runs of events that Stripe emits together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRICE = "price_coditect_pro_monthly"

PAID = ["invoice_payment.paid", "invoice.updated", "invoice.paid", "invoice.payment_succeeded"]
CHARGED = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
FINALIZED = ["invoice.updated", "invoice.finalized"]
CYCLE = ["invoice.created", "customer.subscription.updated", *FINALIZED]
RENEWAL = ["invoice.upcoming", *CYCLE]
DELINQUENT = ["customer.updated"]
DECLINED = ["charge.failed", "payment_intent.payment_failed", "invoice.updated", "invoice.payment_failed"]


def epoch(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def period(subscription: dict[str, Any]) -> tuple[int, int]:
    """The paid period, which stands on the item."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]
