"""Customers, what they pay with, and their balances."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim.cards import TestCard


def address(country: str | None = None) -> dict[str, Any]:
    empty = ("city", "line1", "line2", "postal_code", "state")
    return {"country": country, **dict.fromkeys(empty)}


def customer(
    id: str,
    *,
    at: int,
    email: str | None,
    name: str | None = None,
    metadata: dict[str, str] | None = None,
    invoice_prefix: str,
    test_clock: str | None = None,
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
        "test_clock": test_clock,
    }


def payment_method(id: str, *, at: int, type: str, details: dict[str, Any], billing: dict[str, Any]) -> dict[str, Any]:
    """A payment method that belongs to nobody yet; `details` are those of its type."""
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing,
        type: details,
        "created": at,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": type,
    }


def card_details(card: TestCard, *, exp_month: int = 12, exp_year: int = 2034) -> dict[str, Any]:
    """`card` of a payment method."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def sepa_details(iban: str) -> dict[str, Any]:
    """`sepa_debit` of a payment method."""
    return {
        "bank_code": iban[4:9],
        "branch_code": None,
        "country": iban[:2],
        "fingerprint": iban[::-1][:16],
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }


def billing_details(customer: dict[str, Any] | None = None) -> dict[str, Any]:
    owner = customer or {}
    return {
        "address": owner.get("address") or address(),
        "email": owner.get("email"),
        "name": owner.get("name"),
        "phone": owner.get("phone"),
        "tax_id": None,
    }


def card_source(id: str, *, card: TestCard, customer: str) -> dict[str, Any]:
    """A card in the older shape, `card_…`, that a customer's `source` makes."""
    unknown = ("city", "country", "line1", "line1_check", "line2", "state", "zip", "zip_check")
    return {
        "id": id,
        "object": "card",
        "allow_redisplay": "unspecified",
        "brand": card.brand.capitalize(),
        "country": card.country,
        "customer": customer,
        "cvc_check": "pass",
        "dynamic_last4": None,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "metadata": {},
        "name": None,
        "regulated_status": "unregulated",
        "tokenization_method": None,
        **{f"address_{field}": None for field in unknown},
    }


def balance_entry(
    id: str, *, at: int, customer: dict[str, Any], amount: int, type: str, ending: int, **about: str | None
) -> dict[str, Any]:
    """A change of a customer's balance; negative amounts are the customer's credit. `about`: invoice, credit_note."""
    return {
        "id": id,
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": at,
        "credit_note": about.get("credit_note"),
        "currency": customer["currency"] or "usd",
        "customer": customer["id"],
        "customer_account": None,
        "description": about.get("description"),
        "ending_balance": ending,
        "invoice": about.get("invoice"),
        "livemode": False,
        "metadata": {},
        "type": type,
    }


def cash_balance(customer: str, available: dict[str, int]) -> dict[str, Any]:
    """Money that a customer has transferred and that has not paid anything yet."""
    return {
        "object": "cash_balance",
        "available": available or None,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def cash_entry(
    id: str, *, at: int, customer: str, currency: str, amount: int, ending: int, payment_intent: str | None = None
) -> dict[str, Any]:
    """Cash that came in by a bank transfer, or, with `payment_intent`, that paid it (a negative amount)."""
    came_in = {"bank_transfer": {"reference": None, "type": "us_bank_transfer"}}
    details = {"applied_to_payment": {"payment_intent": payment_intent}} if payment_intent else {"funded": came_in}
    return {
        "id": id,
        "object": "customer_cash_balance_transaction",
        "created": at,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "ending_balance": ending,
        "livemode": False,
        "net_amount": amount,
        "type": next(iter(details)),
        **details,
    }
