"""Signed tokens with a purpose and an end: access and refresh tokens, links in mails. JWT (RFC 7519) with HS256.

Each purpose has a key of its own, derived from the server secret, so a link can never pass as a log-in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt

from adapters.secrets import Secrets

_LONGEST = 4_096


class Tokens:
    """Signs and reads tokens; time is an argument, since the engine's clock decides what has expired."""

    def __init__(self, secrets: Secrets) -> None:
        self._key_for = lru_cache(maxsize=32)(lambda purpose: secrets.key_for(f"token/{purpose}"))

    def sign(self, purpose: str, claims: Mapping[str, Any], *, now: datetime, lifetime: timedelta) -> str:
        """`claims` (JSON-ready) for one purpose, good until `now + lifetime`."""
        issued, expires = int(now.timestamp()), int((now + lifetime).timestamp())
        payload = {**claims, "aud": purpose, "iat": issued, "exp": expires}
        return jwt.encode(payload, self._key_for(purpose), algorithm="HS256")

    def read(self, purpose: str, token: str, *, now: datetime) -> dict[str, Any] | None:
        """The claims, or None when the token is not ours, of another purpose, altered or expired."""
        if len(token) > _LONGEST:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key_for(purpose),
                algorithms=["HS256"],
                audience=purpose,
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "aud"]},
            )
        except jwt.InvalidTokenError:
            return None
        return claims if claims["exp"] > now.timestamp() else None

    def mac(self, purpose: str, data: bytes) -> bytes:
        """16 bytes that prove that `data` came from us, for one purpose."""
        return hmac.digest(self._key_for(purpose), data, hashlib.sha256)[:16]
