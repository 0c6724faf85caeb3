"""What came with a request for a seat."""

from __future__ import annotations

from typing import NamedTuple


class Caller(NamedTuple):
    """As far as the client said; all of it is personal data or close to it, and never part of an event."""

    address: str | None = None
    user_agent: str | None = None
    hostname: str | None = None
    user: str | None = None
    platform: str | None = None
    app_version: str | None = None
