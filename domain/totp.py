"""Time-based one-time codes (RFC 6238), as every authenticator app takes them: SHA-1, 6 digits, 30 seconds."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from datetime import datetime
from urllib.parse import quote, urlencode

SECRET_BYTES = 20
STEP = 30
"""Seconds for which a code is shown."""
DIGITS = 6
_DRIFT = 1
"""Steps by which the clock of a phone may be off, to either side (section 5.2)."""


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a time step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """Which time step near `now` the code belongs to; None when to none. Whoever asks takes no step twice."""
    current, found = int(now.timestamp()) // STEP, None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def spelled(secret: bytes) -> str:
    """As a person types it into an app."""
    return b32encode(secret).decode().rstrip("=")


def address(secret: bytes, *, issuer: str, account: str) -> str:
    """What the picture that an app photographs says (Google Authenticator's key URI format)."""
    label = quote(f"{issuer.replace(':', ' ')}:{account}", safe="@:")
    return f"otpauth://totp/{label}?{urlencode({'secret': spelled(secret), 'issuer': issuer})}"
