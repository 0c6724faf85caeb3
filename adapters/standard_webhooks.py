"""Signatures of outgoing webhooks after the Standard Webhooks specification, version 1 (symmetric, HMAC-SHA256)."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from uuid import UUID

SECRET_BYTES = 32
_PREFIX = "whsec_"


def make_secret(randomness: bytes) -> str:
    """`whsec_` and the key in base64, as the specification writes it."""
    return _PREFIX + b64encode(randomness[:SECRET_BYTES]).decode()


def signed_headers(secrets: Iterable[str], id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp` is in seconds of Unix time, of the world's clock: receivers compare it with theirs. One signature for
    each secret, so that a receiver may hold either while they are rotated."""
    told = f"{id}.{timestamp}.".encode() + body
    signatures = (f"v1,{b64encode(hmac.digest(_key(secret), told, 'sha256')).decode()}" for secret in secrets)
    return {
        "webhook-id": str(id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(_PREFIX))
