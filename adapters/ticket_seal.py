"""What somebody who waits for a seat shows: the name of his ticket under a seal of ours."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

from adapters.secrets import Secrets

_SEAL = 16
_SHAPE = re.compile(r"[A-Za-z0-9_-]{64}")  # 48 bytes: ticket, licence, seal


class SealedTicket(NamedTuple):
    """What a ticket says."""

    ticket_id: UUID
    license_id: UUID


class TicketSeals:
    """Nothing is stored: HMAC-SHA256, cut to 128 bits, under a key of its own."""

    def __init__(self, secrets: Secrets) -> None:
        self._key = secrets.key_for("queue-tickets")

    def seal(self, ticket_id: UUID, license_id: UUID) -> str:
        """64 characters of base64url."""
        named = ticket_id.bytes + license_id.bytes
        return urlsafe_b64encode(named + self._mac(named)).decode()

    def read(self, text: str) -> SealedTicket | None:
        """None when it is not ours, or was altered."""
        if not _SHAPE.fullmatch(text):
            return None
        told = urlsafe_b64decode(text)
        named, seal = told[:-_SEAL], told[-_SEAL:]
        if not hmac.compare_digest(seal, self._mac(named)):
            return None
        return SealedTicket(UUID(bytes=named[:16]), UUID(bytes=named[16:]))

    def _mac(self, named: bytes) -> bytes:
        return hmac.digest(self._key, named, hashlib.sha256)[:_SEAL]
