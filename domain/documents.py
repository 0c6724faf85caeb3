"""Terms and prices as JSON-ready documents in the words of the catalogue file (contract §4)."""

from __future__ import annotations

from typing import Any

from domain import durations
from domain.entitlements import Entitlements, Feature, Overage
from domain.limit import Each, Limit, OnUpgrade
from domain.meter import MeterTerms
from domain.plan import Price
from domain.reminders import NoticePeriods
from domain.seat_policy import BorrowRules, QueueRules, SeatPolicy

Document = dict[str, Any]


def entitlements_document(granted: Entitlements) -> Document:
    """All of it; durations in ISO 8601, the overage as a number or `"unlimited"`."""
    term = granted.license_term
    return {
        "seats": granted.seats,
        "overage": _overage(granted.overage),
        "lease": durations.text(granted.lease),
        "heartbeat": durations.text(granted.heartbeat),
        "offline_grace": durations.text(granted.offline_grace),
        "payment_grace": [durations.text(grace) for grace in granted.payment_grace],
        "license_term": term if term == "period" else str(term),
        "machines": granted.machines,
        "features": features_document(granted.features),
        "limits": limits_document(granted.limits),
        "rate_limits": {each.name: str(each) for each in granted.rate_limits},
        "late_usage": durations.text(granted.late_usage),
        **_seat_policy(granted.seat_policy),
    }


def features_document(features: tuple[Feature, ...]) -> dict[str, bool | int]:
    """`{"api": true, "projects": 10}`."""
    return {feature.name: feature.value for feature in features}


def limits_document(limits: tuple[Limit, ...]) -> Document:
    """`{"api_calls": {"amount": 1000, "per": "month", "warn_at": 0.8, "hard": true}}`; a list where a meter has
    several. What came later is written where it is no default: licences that exist stay as they were documented."""
    several = {limit.meter: [_limit(each) for each in limits if each.meter == limit.meter] for limit in limits}
    return {meter: each[0] if len(each) == 1 else each for meter, each in several.items()}


def _limit(limit: Limit) -> Document:
    return {
        "amount": limit.amount,
        "per": limit.per.value,
        "warn_at": None if limit.warn_at is None else float(limit.warn_at),
        "hard": limit.hard,
        **({"each": limit.each.value} if limit.each is not Each.ORGANIZATION else {}),
        **({"anchor": limit.anchor.value} if limit.anchor is not None else {}),
        **({"overage": {each.currency: str(each.amount) for each in limit.overage}} if limit.overage else {}),
        **({"on_upgrade": limit.on_upgrade.value} if limit.on_upgrade is not OnUpgrade.RAISE else {}),
    }


def meter_document(terms: MeterTerms) -> Document:
    return {
        "name": terms.name,
        "aggregation": terms.aggregation.value,
        "unit": terms.unit or None,
        "decimals": terms.decimals,
        "dimensions": None if terms.dimensions is None else list(terms.dimensions),
        "counts": terms.counts,
    }


def price_document(price: Price) -> Document:
    return {
        "code": price.code,
        "amount": price.money.amount,
        "currency": price.money.currency,
        "interval": price.interval.value,
        "interval_count": price.interval_count,
        "stripe_price": price.stripe_price,
    }


def _seat_policy(policy: SeatPolicy) -> Document:
    return {
        "resume": durations.text(policy.resume),
        "leasing": policy.leasing.value,
        "seats_per_user": policy.seats_per_user,
        "groups": {
            group.name: {"reserved": group.reserved, "limit": group.limit, "priority": group.priority}
            for group in policy.groups
        },
        "queue": policy.queue and _queue(policy.queue),
        "borrow": policy.borrow and _borrow(policy.borrow),
        "swap": policy.swap,
    }


def _queue(rules: QueueRules) -> Document:
    return {
        "length": rules.length,
        "patience": durations.text(rules.patience),
        "collect": durations.text(rules.collect),
    }


def _borrow(rules: BorrowRules) -> Document:
    return {"longest": durations.text(rules.longest), "keep": rules.keep}


def _overage(overage: Overage) -> int | float | str:
    """The share as a number; `0`, not `0.0`."""
    if overage is Overage.UNLIMITED:
        return overage.value
    return int(overage) if overage.isdigit() else float(overage)


def notices_document(notices: NoticePeriods) -> Document:
    """Without `renewal` where it goes by the length of the period."""
    told = {name: getattr(notices, name) for name in ("trial", "renewal", "ending")}
    return {name: [durations.text(each) for each in given] for name, given in told.items() if given is not None}
