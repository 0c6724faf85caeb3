"""Credit notes: what is taken back from an invoice that is finalized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim.objects.pages import page


def credit_note(
    id: str, *, at: int, invoice: dict[str, Any], number: str, lines: Sequence[dict[str, Any]], url: str
) -> dict[str, Any]:
    """A credit note over these lines, before it is said where the money goes."""
    discount = sum(line["discount_amount"] for line in lines)
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    total = subtotal - discount + exclusive
    return {
        "id": id,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": at,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": discount,
        "discount_amounts": [],
        "effective_at": at,
        "invoice": invoice["id"],
        "lines": page(lines, f"/v1/credit_notes/{id}/lines"),
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": number,
        "out_of_band_amount": None,
        "pdf": f"{url}/credit_note/{id}/pdf",
        "post_payment_amount": 0,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": None,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": subtotal - discount - inclusive,
        "total_taxes": taxes,
        "type": "pre_payment" if invoice["status"] == "open" else "post_payment",
        "voided_at": None,
    }


def credit_note_line(
    id: str,
    *,
    amount: int,
    description: str | None,
    quantity: int | None,
    unit_amount: int | None,
    invoice_line: str | None,
    discount: int = 0,
    taxes: Sequence[dict[str, Any]] = (),
    rates: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """`amount` before discount and taxes, in minor units; without `invoice_line` it is a line of its own."""
    return {
        "id": id,
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": discount,
        "discount_amounts": [],
        "invoice_line_item": invoice_line,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": list(rates),
        "taxes": list(taxes),
        "type": "invoice_line_item" if invoice_line else "custom_line_item",
        "unit_amount": unit_amount,
        "unit_amount_decimal": None if unit_amount is None else str(unit_amount),
    }
