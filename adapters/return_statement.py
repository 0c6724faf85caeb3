"""What a machine without a network says when it gives a borrowed seat back: a compact JWS (RFC 7515), signed by the key
whose public half it named when it borrowed."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.errors import InvalidRequest, LeaseInvalid

_RAW_KEY = 32


class ReturnStatements:
    """Reads them, and the keys that they are checked with."""

    @staticmethod
    def read(statement: str, public_key: str) -> Mapping[str, Any]:
        """What was signed. `LeaseInvalid` when it is not whole, or not of this key; EdDSA is the only way."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                statement, _key(public_key), algorithms=["EdDSA"], options={"verify_iat": False, "verify_exp": False}
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise LeaseInvalid() from error
        return claims

    @staticmethod
    def require_key(public_key: str) -> None:
        """`InvalidRequest` when it is not a raw Ed25519 public key in base64url without padding."""
        try:
            _key(public_key)
        except ValueError:
            problem = "must be a raw Ed25519 public key (32 bytes) in base64url without padding"
            raise InvalidRequest.field("return_key", problem) from None


def _key(public_key: str) -> Ed25519PublicKey:
    if not public_key.isascii() or "=" in public_key:
        raise ValueError("not base64url without padding")
    raw = urlsafe_b64decode(public_key + "=" * (-len(public_key) % 4))
    if len(raw) != _RAW_KEY:
        raise ValueError(f"{len(raw)} bytes instead of {_RAW_KEY}")
    return Ed25519PublicKey.from_public_bytes(raw)
