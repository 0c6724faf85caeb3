"""Invoices, their lines, and the link between an invoice and its payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim.objects.pages import page


def invoice(
    id: str,
    *,
    at: int,
    customer: dict[str, Any],
    currency: str,
    lines: Sequence[dict[str, Any]],
    reason: str,
    period: tuple[int, int],
    subscription: dict[str, Any] | None = None,
    auto_advance: bool = True,
) -> dict[str, Any]:
    """A draft. `reason` is manual, subscription_create, subscription_cycle, subscription_update or upcoming.

    `period` (epoch seconds) is when items were collected: for a renewal the period that just ended. What the customer
    pays for is each line's own period. The amounts are filled in by `totals.add_up`.
    """
    return {
        "id": id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "AZ1.AI INC.",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": auto_advance,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": at + 3600 if auto_advance else None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": page([{**line, "invoice": id} for line in lines], f"/v1/invoices/{id}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": at + 3600 if auto_advance else None,
        "number": None,
        "on_behalf_of": None,
        "parent": _parent(subscription) if subscription else None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": customer["test_clock"],
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": at,
    }


def _parent(subscription: dict[str, Any]) -> dict[str, Any]:
    return {
        "quote_details": None,
        "subscription_details": {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]},
        "type": "subscription_details",
    }


def line(
    id: str,
    *,
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    price: dict[str, Any] | None = None,
    quantity: int = 1,
    discountable: bool = True,
    metadata: dict[str, str] | None = None,
    item: dict[str, Any] | None = None,
    invoice_item: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A line of a subscription item, of an invoice item, or of both: a proration.

    `amount` in minor units, negative for unused time; `period` in epoch seconds.
    """
    proration = bool(invoice_item and invoice_item["proration"])
    return {
        "id": id,
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(metadata or {}),
        "parent": _of_subscription(item, invoice_item, proration) if item else _of_invoice_item(invoice_item),
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": _pricing(price) if price else None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": item["subscription"] if item else None,
        "subtotal": amount,
        "taxes": [],
    }


def _of_subscription(item: dict[str, Any], invoice_item: dict[str, Any] | None, proration: bool) -> dict[str, Any]:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": invoice_item["id"] if invoice_item else None,
            "proration": proration,
            "proration_details": {"credited_items": None},
            "subscription": item["subscription"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }


def _of_invoice_item(invoice_item: dict[str, Any] | None) -> dict[str, Any] | None:
    if invoice_item is None:
        return None
    return {
        "invoice_item_details": {
            "invoice_item": invoice_item["id"],
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": None,
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def _pricing(price: dict[str, Any]) -> dict[str, Any]:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def invoice_item(
    id: str,
    *,
    at: int,
    customer: dict[str, Any],
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    price: dict[str, Any] | None = None,
    quantity: int = 1,
    proration: bool = False,
    item: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What waits for the next invoice; `item` is the subscription item that it belongs to."""
    of_subscription = item and {
        "subscription_details": {"subscription": item["subscription"], "subscription_item": item["id"]},
        "type": "subscription_details",
    }
    return {
        "id": id,
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": at,
        "description": description,
        "discountable": not proration,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "net_amount": amount,
        "parent": of_subscription,
        "period": {"start": period[0], "end": period[1]},
        "pricing": _pricing(price) if price else None,
        "proration": proration,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": customer["test_clock"],
    }


def invoice_payment(id: str, *, at: int, invoice: dict[str, Any], payment_intent: str) -> dict[str, Any]:
    """The open payment of an invoice: the only way from a payment intent (or its charge) back to the invoice."""
    return {
        "id": id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": at,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": payment_intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
