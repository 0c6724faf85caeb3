"""What a plan or a licence grants, as JSON in the words of the catalogue file (contract §4)."""

from __future__ import annotations

from typing import Any

from domain import durations
from domain.entitlements import Entitlements


def features(granted: Entitlements) -> dict[str, bool | int]:
    """`{"api": true, "projects": 10}`."""
    return {feature.name: feature.value for feature in granted.features}


def limits(granted: Entitlements) -> dict[str, dict[str, Any]]:
    """`{"api_calls": {"amount": 1000, "per": "month", "warn_at": 0.8, "hard": true}}`."""
    return {
        limit.meter: {
            "amount": limit.amount,
            "per": limit.per.value,
            "warn_at": None if limit.warn_at is None else float(limit.warn_at),
            "hard": limit.hard,
        }
        for limit in granted.limits
    }


def entitlements(granted: Entitlements) -> dict[str, Any]:
    """All of it, durations in ISO 8601; overage as the text of the catalogue: `"0"`, `"0.25"` … `"unlimited"`."""
    return {
        "seats": granted.seats,
        "overage": granted.overage.value,
        "lease": durations.text(granted.lease),
        "heartbeat": durations.text(granted.heartbeat),
        "offline_grace": durations.text(granted.offline_grace),
        "payment_grace": [durations.text(grace) for grace in granted.payment_grace],
        "license_term": str(granted.license_term),
        "machines": granted.machines,
        "features": features(granted),
        "limits": limits(granted),
        "rate_limits": {rate.name: str(rate) for rate in granted.rate_limits},
    }
