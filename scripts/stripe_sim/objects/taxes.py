"""Tax rates that a vendor sets on invoices, and customers' tax numbers."""

from __future__ import annotations

from typing import Any


def tax_rate(id: str, *, at: int, display_name: str, inclusive: bool, percentage: float) -> dict[str, Any]:
    return {
        "id": id,
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": at,
        "description": None,
        "display_name": display_name,
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": {},
        "percentage": percentage,
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }


def tax_id(id: str, *, at: int, customer: str, type: str, value: str) -> dict[str, Any]:
    return {
        "id": id,
        "object": "tax_id",
        "country": value[:2] if type == "eu_vat" else type[:2].upper(),
        "created": at,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer, "customer_account": None, "type": "customer"},
        "type": type,
        "value": value,
        "verification": {"status": "unavailable", "verified_address": None, "verified_name": None},
    }
