"""Stripe's objects about money, as the verbs of the stand-in do not make them: with taxes, discounts, many lines,
credit notes, failed refunds. Each is changed from a whole object and passes the contract oracle."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

from scripts.stripe_sim import StripeAccount, check

Json = dict[str, Any]
_numbers = count(1)


def newest(account: StripeAccount, kind: str, **matching: Any) -> Json:
    """The last told object of a kind."""
    told = [e["data"]["object"] for e in account.events if e["data"]["object"]["object"] == kind]
    return deepcopy([each for each in told if all(each[name] == value for name, value in matching.items())][-1])


def event(type: str, about: Json, *, at: int, checked: bool = True, **changes: Any) -> Json:
    made = {
        "id": f"evt_made_{next(_numbers):06d}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": at,
        "data": {"object": deepcopy(about)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
        **changes,
    }
    if checked:
        check(made, open_enums=True)
    return made


def tax(amount: int, *, taxable: int, rate: str | None = "txr_vat", inclusive: bool = False, reason="standard_rated"):
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": rate} if rate else None,
        "taxability_reason": reason,
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def tax_rate(id: str = "txr_vat", **changes: Any) -> Json:
    return {
        "id": id,
        "object": "tax_rate",
        "active": True,
        "country": "DE",
        "created": 1_700_000_000,
        "description": None,
        "display_name": "VAT",
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": False,
        "jurisdiction": "Germany",
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": {},
        "percentage": 19.0,
        "rate_type": "percentage",
        "state": None,
        "tax_type": "vat",
        **changes,
    }


def with_sums(invoice: Json, *, discount: int = 0, taxes: tuple[Json, ...] = (), **changes: Any) -> Json:
    """The invoice with a discount and taxes, and the sums that follow from them; it stays as paid as it was."""
    invoice = deepcopy(invoice)
    subtotal = sum(line["amount"] for line in invoice["lines"]["data"])
    on_top = sum(each["amount"] for each in taxes if each["tax_behavior"] == "exclusive")
    total = subtotal - discount + on_top
    paid = total if invoice["status"] == "paid" else 0
    invoice |= {
        "subtotal": subtotal,
        "total": total,
        "total_discount_amounts": [{"amount": discount, "discount": "di_welcome"}] if discount else [],
        "discounts": ["di_welcome"] if discount else [],
        "total_taxes": list(taxes),
        "amount_due": max(total, 0),
        "amount_paid": max(paid, 0),
        "amount_remaining": max(total - paid, 0),
    }
    return invoice | changes


def with_lines(invoice: Json, lines: list[Json], **changes: Any) -> Json:
    first = invoice["lines"]["data"][0]
    made = [{**deepcopy(first), "id": f"il_{number:024d}", **line} for number, line in enumerate(lines)]
    return with_sums({**invoice, "lines": {**invoice["lines"], "data": made}}, **changes)


def credit_note(invoice: Json, amount: int, **changes: Any) -> Json:
    """Of one line, after the payment."""
    id = changes.pop("id", "cn_000000000000000000000001")
    line = {
        "id": "cnli_00000000000000000000001",
        "object": "credit_note_line_item",
        "amount": amount,
        "description": "Seats that were never used",
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": invoice["lines"]["data"][0]["id"],
        "livemode": False,
        "metadata": None,
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "invoice_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return {
        "id": id,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": invoice["created"] + 86_400,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": None,
        "invoice": invoice["id"],
        "lines": {"data": [line], "has_more": False, "object": "list", "url": f"/v1/credit_notes/{id}/lines"},
        "livemode": False,
        "memo": "With our apologies",
        "metadata": {},
        "number": f"{invoice['number']}-CN-01",
        "out_of_band_amount": None,
        "pdf": "https://pay.stripe.com/credit_notes/cn/pdf",
        "post_payment_amount": amount,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": "order_change",
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "post_payment",
        "voided_at": None,
        **changes,
    }


def events_of(account: StripeAccount, *types: str) -> Iterator[Json]:
    return (each for each in account.events if each["type"] in types)
