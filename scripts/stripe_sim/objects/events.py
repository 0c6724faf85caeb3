"""The event around a snapshot: what a webhook delivers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import stripe

API_VERSION: str = stripe.api_version
"""The version of every shape here: the one that the installed `stripe` package pins."""


def event(
    id: str,
    *,
    at: int,
    type: str,
    about: dict[str, Any],
    before: dict[str, Any] | None = None,
    request: str | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """An event with a copy of `about` as it is now.

    `before` is the same object before the change: what differs goes into `previous_attributes`.
    `request` is the API request that caused it, None when Stripe acted by itself. `pending_webhooks` are counted later.
    """
    data = {"object": deepcopy(about)}
    if before is not None:
        data["previous_attributes"] = changed(before, about)
    return {
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": at,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": request, "idempotency_key": idempotency_key},
        "type": type,
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The former values of what differs, key by key; a list that differs is given whole, as Stripe does."""
    former: dict[str, Any] = {}
    for field, value in before.items():
        now = after.get(field)
        if isinstance(value, dict) and isinstance(now, dict):
            if inner := changed(value, now):
                former[field] = inner
        elif value != now:
            former[field] = deepcopy(value)
    return former | {field: None for field in after if field not in before}
