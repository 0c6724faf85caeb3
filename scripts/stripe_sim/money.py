"""Amounts in minor units: rounding, shares, and how Stripe writes them in a line's description."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
SMALLEST_CHARGE = {"gbp": 30, "jpy": 50, "inr": 50, "sek": 300, "nok": 300, "dkk": 250, "pln": 200, "huf": 17500}
"""What Stripe charges at least, in minor units; 50 where nothing is said. A smaller sum waits on the balance."""
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "cad": "CA$", "aud": "A$"}


def rounded(amount: Decimal) -> int:
    """To whole minor units; a half goes away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def share(amount: int, part: int, whole: int) -> int:
    """`part` of `whole` of an amount."""
    return rounded(Decimal(amount) * part / whole)


def percent(amount: int, percentage: float) -> int:
    return rounded(amount * Decimal(str(percentage)) / 100)


def included(amount: int, percentage: float) -> int:
    """The tax that an amount contains."""
    rate = Decimal(str(percentage)) / 100
    return rounded(amount * rate / (1 + rate))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount in parts as these weights, which add up to it; what rounding leaves goes to the heaviest first."""
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    parts = [amount * weight // total for weight in weights]
    heaviest = sorted(range(len(weights)), key=lambda at: -weights[at])
    for at in heaviest[: amount - sum(parts)]:
        parts[at] += 1
    return parts


def price_of(price: dict[str, Any], quantity: int) -> int:
    """What so many units cost."""
    return rounded(Decimal(price["unit_amount_decimal"]) * quantity)


def shown(amount: int, currency: str) -> str:
    """`$29.00`, `¥500`, `CHF 10.00`."""
    decimals = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    symbol = _SYMBOLS.get(currency, f"{currency.upper()} ")
    return f"{'-' if amount < 0 else ''}{symbol}{Decimal(abs(amount)).scaleb(-decimals):,.{decimals}f}"


def each_shown(price: dict[str, Any]) -> str:
    """`at $29.00 / month`, as in a line's description."""
    recurring = price["recurring"]
    at = f"at {shown(rounded(Decimal(price['unit_amount_decimal'])), price['currency'])}"
    if not recurring:
        return f"{at} each"
    count = recurring["interval_count"]
    return f"{at} / {recurring['interval']}" if count == 1 else f"{at} / every {count} {recurring['interval']}s"
