"""What somebody is told by mail, before it has words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Notice:
    """A mail before it has words: `message_id` is derived from the fact, so a fact is told once."""

    message_id: UUID
    kind: str
    to: str = field(repr=False)
    recipient_name: str = field(repr=False)
    recipient_subject: UUID
    organization_id: UUID | None
    context: Mapping[str, Any] = field(repr=False)
    license_file: bytes | None = field(default=None, repr=False)
