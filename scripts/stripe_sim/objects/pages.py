"""The list that Stripe wraps several objects in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def page(data: Sequence[dict[str, Any]], url: str, *, has_more: bool = False) -> dict[str, Any]:
    """`{"object": "list", "data": [...], "has_more": false, "url": "/v1/…"}`."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}
