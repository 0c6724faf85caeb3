"""Coupons, the codes that people type in for them, and the discounts that they become."""

from __future__ import annotations

from typing import Any


def coupon(
    id: str,
    *,
    at: int,
    duration: str = "once",
    percent_off: float | None = None,
    amount_off: int | None = None,
    currency: str | None = None,
    duration_in_months: int | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """`amount_off` in minor units of `currency`; `duration` is once, repeating (with `duration_in_months`), forever."""
    return {
        "id": id,
        "object": "coupon",
        "amount_off": amount_off,
        "created": at,
        "currency": currency,
        "duration": duration,
        "duration_in_months": duration_in_months,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": name,
        "percent_off": percent_off,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def promotion_code(id: str, *, at: int, coupon: str, code: str) -> dict[str, Any]:
    return {
        "id": id,
        "object": "promotion_code",
        "active": True,
        "code": code,
        "created": at,
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"coupon": coupon, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
    }


def discount(
    id: str,
    *,
    start: int,
    end: int | None,
    coupon: str,
    promotion_code: str | None = None,
    **owner: str | None,
) -> dict[str, Any]:
    """A coupon in use; `owner` names what it is for: customer, subscription, subscription_item, invoice, …."""
    nobody = dict.fromkeys(
        ("checkout_session", "customer", "invoice", "invoice_item", "subscription", "subscription_item")
    )
    return {
        "id": id,
        "object": "discount",
        "customer_account": None,
        "end": end,
        "promotion_code": promotion_code,
        "source": {"coupon": coupon, "type": "coupon"},
        "start": start,
        **nobody,
        **owner,
    }
