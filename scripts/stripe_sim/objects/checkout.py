"""Checkout sessions, in which a person buys on a page of Stripe's, and their line items."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim.objects.customers import address

DAY = 86_400


def checkout_session(id: str, *, at: int, mode: str, currency: str | None, url: str) -> dict[str, Any]:
    """An open session; `mode` is payment, setup or subscription."""
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": ["card"],
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": None,
        "client_reference_id": None,
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
        "customer": None,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": None,
        "customer_email": None,
        "discounts": [],
        "expires_at": at + DAY,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
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
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "tax_id_collection": {"enabled": False, "required": "never"},
        "success_url": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": url,
        "wallet_options": None,
    }


def checkout_item(
    id: str,
    *,
    price: dict[str, Any],
    quantity: int,
    description: str,
    subtotal: int,
    discount: int,
    tax: int,
    total: int,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A line item of a session, amounts in minor units."""
    return {
        "id": id,
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": discount,
        "amount_subtotal": subtotal,
        "amount_tax": tax,
        "amount_total": total,
        "currency": price["currency"],
        "description": description,
        "metadata": dict(metadata or {}),
        "price": price,
        "quantity": quantity,
    }


def customer_details(customer: dict[str, Any] | None, email: str | None, name: str | None = None) -> dict[str, Any]:
    owner = customer or {}
    return {
        "address": owner.get("address") or address("US"),
        "business_name": None,
        "email": owner.get("email") or email,
        "individual_name": None,
        "name": owner.get("name") or name,
        "phone": owner.get("phone"),
        "tax_exempt": owner.get("tax_exempt", "none"),
        "tax_ids": [],
    }


def payment_link(id: str, *, currency: str, subscribes: bool, url: str) -> dict[str, Any]:
    """An address at which anybody can buy; each visit begins a checkout session."""
    return {
        "id": id,
        "object": "payment_link",
        "active": True,
        "after_completion": {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"},
        "allow_promotion_codes": False,
        "application": None,
        "application_fee_amount": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": "auto",
        "consent_collection": None,
        "currency": currency,
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"),
        ),
        "customer_creation": "always" if subscribes else "if_required",
        "inactive_message": None,
        "invoice_creation": None,
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "payment_intent_data": None,
        "payment_method_collection": "always" if subscribes else "if_required",
        "payment_method_types": None,
        "phone_number_collection": {"enabled": False},
        "restrictions": None,
        "shipping_address_collection": None,
        "shipping_options": [],
        "submit_type": "subscribe" if subscribes else "auto",
        "subscription_data": None,
        "tax_id_collection": {"enabled": False, "required": "never"},
        "transfer_data": None,
        "url": url,
    }
