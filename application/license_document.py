"""A licence as the API, the licence file and the mails show it (contract §8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from application.catalog_document import features_document, limits_document
from domain.license import License


def license_document(license: License, *, now: datetime, used: int | None = None) -> dict[str, Any]:
    """JSON-ready but for ids and times. `used` is left out of `seats` when it is not known."""
    seats: dict[str, Any] = {"limit": license.terms.seats}
    if used is not None:
        seats["used"] = used
    return {
        "id": license.id,
        "key_hint": license.key.hint,
        "organization_id": license.organization_id,
        "product": license.terms.product,
        "plan": license.terms.plan,
        "plan_version": license.terms.plan_version,
        "status": license.status(now).value,
        "seats": seats,
        "features": features_document(license.terms.entitlements.features),
        "limits": limits_document(license.terms.entitlements.limits),
        "issued_at": license.created_on,
        "expires_at": license.expires_at,
        "grace_ends_at": license.grace_ends_at,
        "suspended_reason": license.suspended_reason,
        "subscription_id": license.subscription_id,
    }
