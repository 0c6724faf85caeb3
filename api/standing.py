"""How a limit stands, as answers show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field

from api.bodies import Moment
from api.quantities import Quantity
from domain.limit import Each, LimitPeriod
from domain.meter import shown
from domain.overage import amount_of
from domain.quota_pool import Line, LineAnswer


class LimitSpan(BaseModel):
    """Null: without a beginning, without an end."""

    start: Moment | None
    end: Moment | None


class OverageStanding(BaseModel):
    """What is used above the limit and billed; `amount` in minor units, as if the period ended now."""

    quantity: Quantity
    unit_price: str
    currency: str
    amount: int


class LimitStanding(BaseModel):
    """`limit` with what was granted for this period; null, as `remaining` then: no end."""

    meter: str
    limit: Quantity | None
    used: Quantity
    reserved: Quantity = Field(description="Promised, and not used yet.")
    remaining: Quantity | None
    granted: Quantity
    period: LimitSpan
    per: LimitPeriod
    each: Each
    warn_at: float | None
    hard: bool
    overage: OverageStanding | None = Field(None, description="Null: what is above is not billed.")
    product: str
    plan: str


def standing_document(line: Line, answer: LineAnswer) -> dict[str, Any]:
    """JSON-ready but for times."""
    limit, period, quantity = line.standing.limit, line.standing.period, line.standing.limit.terms.quantity
    left = line.left(answer)
    return {
        "meter": limit.meter,
        "limit": None if line.amount is None else shown(quantity(line.amount + answer.granted)),
        "used": shown(quantity(max(answer.used, 0))),
        "reserved": shown(quantity(answer.held)),
        "remaining": None if left is None else shown(quantity(left)),
        "granted": shown(quantity(answer.granted)),
        "period": {"start": period.start, "end": period.end},
        "per": limit.per.value,
        "each": limit.each.value,
        "warn_at": None if limit.warn_at is None else float(limit.warn_at),
        "hard": limit.hard,
        "overage": _overage(line, answer),
        "product": limit.product,
        "plan": limit.plan,
    }


def _overage(line: Line, answer: LineAnswer) -> dict[str, Any] | None:
    """By the plan's first price; the subscription's own currency is looked up when the period is settled."""
    billed, amount = line.standing.limit.billed, line.amount
    if billed is None or amount is None or line.standing.limit.hard:
        return None
    price = billed.prices[0]
    above = line.standing.limit.terms.quantity(max(answer.used - amount - answer.granted, 0))
    return {
        "quantity": shown(above),
        "unit_price": f"{price.amount.normalize():f}",
        "currency": price.currency,
        "amount": amount_of(above, price.amount),
    }


def remaining(lines: Iterable[tuple[Line, LineAnswer]]) -> Quantity | None:
    """What all of these limits leave; None: no end."""
    left = [
        line.standing.limit.terms.quantity(left) for line, answer in lines if (left := line.left(answer)) is not None
    ]
    return shown(min(left)) if left else None
