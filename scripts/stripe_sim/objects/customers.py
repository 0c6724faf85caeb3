"""Customers, their cards, and the checkout sessions in which they buy."""

from __future__ import annotations

from typing import Any

DAY = 86_400


def address(country: str | None = None) -> dict[str, Any]:
    empty = ("city", "line1", "line2", "postal_code", "state")
    return {"country": country, **dict.fromkeys(empty)}


def customer(
    id: str,
    *,
    at: int,
    email: str,
    name: str | None = None,
    metadata: dict[str, str] | None = None,
    invoice_prefix: str,
) -> dict[str, Any]:
    return {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": at,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": email,
        "invoice_prefix": invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": dict(metadata or {}),
        "name": name,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def payment_method(id: str, *, at: int, customer: dict[str, Any]) -> dict[str, Any]:
    """A Visa card ending in 4242 that belongs to `customer`."""
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing_details(customer),
        "card": {
            "brand": "visa",
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": "visa",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": "AOB934RVNwzk6xtn",
            "funding": "credit",
            "generated_from": None,
            "last4": "4242",
            "networks": {"available": ["visa"], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": at,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def billing_details(customer: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": address(),
        "email": customer["email"],
        "name": customer["name"],
        "phone": None,
        "tax_id": None,
    }


def checkout_session(
    id: str,
    *,
    at: int,
    customer: dict[str, Any],
    new_customer: bool,
    currency: str,
    total: int,
    payment_status: str,
    subscription: str,
    invoice: str,
    client_reference_id: str | None = None,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A completed session in subscription mode; `total` in minor units; `payment_status`: paid, no_payment_required."""
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": "https://shop.example/cancel",
        "client_reference_id": client_reference_id,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": at,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"),
        ),
        "customer": customer["id"],
        "customer_account": None,
        "customer_creation": "always" if new_customer else None,
        "customer_details": _customer_details(customer),
        "customer_email": customer["email"] if new_customer else None,
        "discounts": [],
        "expires_at": at + DAY,
        "integration_identifier": None,
        "invoice": invoice,
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "managed_payments": {"enabled": False},
        "metadata": dict(metadata or {}),
        "mode": "subscription",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": payment_status,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        },
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "subscription": subscription,
        "success_url": "https://shop.example/thanks",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }


def _customer_details(customer: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": address("US"),
        "business_name": None,
        "email": customer["email"],
        "individual_name": None,
        "name": customer["name"],
        "phone": None,
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": [],
    }
