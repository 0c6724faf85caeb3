"""Plans and catalogues as JSON-ready documents in the words of the catalogue file (contract §4).

Every field is written, also where it is the default, so a document means the same when a default changes.
"""

from __future__ import annotations

from typing import Any

from domain import durations
from domain.catalog import CatalogFile, ProductEntry
from domain.entitlements import Entitlements, Feature, Limit, Overage
from domain.plan import PlanTerms, Price

Document = dict[str, Any]


def catalog_document(file: CatalogFile) -> Document:
    """What `adapters.catalog_file.read` reads back to an equal `CatalogFile`."""
    return {
        "version": 1,
        "products": [product_document(product) for product in file.products],
        "plans": [plan_document(plan.code, plan.product, plan.terms) for plan in file.plans],
    }


def product_document(product: ProductEntry) -> Document:
    return {"code": product.code, "name": product.name, "license_key_prefix": product.license_key_prefix}


def plan_document(code: str, product: str, terms: PlanTerms) -> Document:
    """One plan as an entry of the file's `plans`."""
    return {
        "code": code,
        "product": product,
        "name": terms.name,
        "trial_days": terms.trial_days,
        "entitlements": entitlements_document(terms.entitlements),
        "prices": [price_document(price) for price in terms.prices],
    }


def entitlements_document(granted: Entitlements) -> Document:
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
    }


def features_document(features: tuple[Feature, ...]) -> dict[str, bool | int]:
    """`{"api": true, "projects": 10}`."""
    return {feature.name: feature.value for feature in features}


def limits_document(limits: tuple[Limit, ...]) -> Document:
    """`{"api_calls": {"amount": 1000, "per": "month", "warn_at": 0.8, "hard": true}}`."""
    return {
        limit.meter: {
            "amount": limit.amount,
            "per": limit.per.value,
            "warn_at": None if limit.warn_at is None else float(limit.warn_at),
            "hard": limit.hard,
        }
        for limit in limits
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


def _overage(overage: Overage) -> int | float | str:
    """The share as a number; `0`, not `0.0`."""
    if overage is Overage.UNLIMITED:
        return overage.value
    return int(overage) if overage.isdigit() else float(overage)
