"""What an invoice adds up to: discounts on its lines, taxes on what is left, and the sums.

Order and rounding as Stripe documents them: discounts one after the other on each line, then taxes on each line's
discounted amount (https://docs.stripe.com/billing/invoices/subscription, https://docs.stripe.com/tax/invoicing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.stripe_sim.money import included, percent, shares

Json = dict[str, Any]


def add_up(
    invoice: Json,
    discounts: Sequence[tuple[str, Json]],
    rates: Mapping[str, Sequence[Json]],
    line_discounts: Mapping[str, Sequence[tuple[str, Json]]],
) -> None:
    """Fills in the amounts of a draft's lines and of the draft itself.

    `discounts` are (discount id, coupon) of the whole invoice, `line_discounts` those of a line, `rates` the tax rates
    of a line, both by the line's id.
    """
    lines = invoice["lines"]["data"]
    for line in lines:
        line["discount_amounts"], line["discounts"] = [], [id for id, _ in line_discounts.get(line["id"], ())]
        for id, coupon in line_discounts.get(line["id"], ()):
            _discount([line], id, coupon)
    for id, coupon in discounts:
        _discount([line for line in lines if line["discountable"] and line["amount"] > 0], id, coupon)
    for line in lines:
        line["taxes"] = _taxes(line, rates.get(line["id"], ()), invoice["customer_tax_exempt"])
    _sum(invoice, lines)


def _discount(lines: Sequence[Json], id: str, coupon: Json) -> None:
    products = (coupon.get("applies_to") or {}).get("products")
    lines = [line for line in lines if not products or _product(line) in products]
    left = [max(discounted(line), 0) for line in lines]
    if coupon["percent_off"] is not None:
        parts = [percent(amount, coupon["percent_off"]) for amount in left]
    else:
        parts = shares(min(coupon["amount_off"], sum(left)), left)
    for line, part in zip(lines, parts, strict=True):
        line["discount_amounts"].append({"amount": part, "discount": id})


def discounted(line: Json) -> int:
    """The line's amount less its discounts."""
    amount: int = line["amount"] - sum(each["amount"] for each in line["discount_amounts"])
    return amount


def _product(line: Json) -> str | None:
    details = (line["pricing"] or {}).get("price_details") or {}
    return details.get("product")


def _taxes(line: Json, rates: Sequence[Json], exempt: str | None) -> list[Json]:
    if exempt == "exempt":
        return []
    taxable = discounted(line)
    return [_tax(rate, taxable, reverse=exempt == "reverse") for rate in rates]


def _tax(rate: Json, taxable: int, *, reverse: bool) -> Json:
    of = included if rate["inclusive"] else percent
    return {
        "amount": 0 if reverse else of(taxable, rate["percentage"]),
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "reverse_charge" if reverse else "not_available",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def _sum(invoice: Json, lines: Sequence[Json]) -> None:
    taxes = [tax for line in lines for tax in line["taxes"]]
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    subtotal, net = sum(line["amount"] for line in lines), sum(map(discounted, lines))
    invoice["subtotal"], invoice["total"] = subtotal, net + exclusive
    invoice["subtotal_excluding_tax"], invoice["total_excluding_tax"] = subtotal - inclusive, net - inclusive
    invoice["total_discount_amounts"] = _by(
        "discount", [each for line in lines for each in line["discount_amounts"]], lambda each: each["discount"]
    )
    invoice["total_taxes"] = _by("tax", taxes, lambda tax: (tax["tax_rate_details"]["tax_rate"], tax["tax_behavior"]))
    invoice["amount_due"] = invoice["amount_remaining"] = max(invoice["total"], 0)


def _by(kind: str, parts: Sequence[Json], key: Any) -> list[Json]:
    """One sum for each discount or tax rate."""
    sums: dict[Any, Json] = {}
    for part in parts:
        total = sums.setdefault(key(part), {**part, "amount": 0} | ({"taxable_amount": 0} if kind == "tax" else {}))
        total["amount"] += part["amount"]
        if kind == "tax":
            total["taxable_amount"] += part["taxable_amount"]
    return list(sums.values())
