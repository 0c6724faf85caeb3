"""A licence as the API, the licence file and the mails show it (contract §8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.documents import features_document, limits_document
from domain.license import License
from domain.machines import FILE_HOLDS


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
        "machines": _machines(license),
    }


def license_file_document(license: License, *, now: datetime) -> dict[str, Any]:
    """What a licence file proves. One of a node-locked licence names the machines that may rely on it, by digests of
    their fingerprints (`domain/lease.py`), and until when they may do so without fetching a newer one."""
    document = license_document(license, now=now)
    if document["machines"] is not None:
        document["machines"] |= {"fingerprints": sorted(license.machines.bound), "holds_until": now + FILE_HOLDS}
    return document


def _machines(license: License) -> dict[str, Any] | None:
    """How many machines are bound; None for a licence that is not node-locked."""
    limit = license.terms.entitlements.machines
    return None if limit is None else {"limit": limit, "used": len(license.machines.bound)}
