"""Webhook endpoints, and the clocks of simulations."""

from __future__ import annotations

from typing import Any

DAY = 86_400


def webhook_endpoint(
    id: str, *, at: int, url: str, enabled_events: list[str], api_version: str | None
) -> dict[str, Any]:
    """Without its secret, which only the answer to its creation shows."""
    return {
        "id": id,
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": at,
        "description": None,
        "enabled_events": list(enabled_events),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def test_clock(id: str, *, at: int, frozen_time: int, name: str | None) -> dict[str, Any]:
    return {
        "id": id,
        "object": "test_helpers.test_clock",
        "created": at,
        "deletes_after": at + 30 * DAY,
        "frozen_time": frozen_time,
        "livemode": False,
        "name": name,
        "status": "ready",
        "status_details": {},
    }
