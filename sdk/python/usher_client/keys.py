"""The keys that Usher publishes, and the checking of a signature with one of them."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

ED25519, RSA = "EdDSA", "RS256"
_LONGEST_SET = 1000


class UnknownKey(Exception):
    """No key of the set has this id."""


class KeySet:
    """A JWK set (RFC 7517) as `/.well-known/usher-keys.json` answers it. What is no key of ours is passed over.

    The algorithm is a property of the key: nothing that is being checked can choose it.
    """

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        """`ValueError` for what is no JWK set."""
        listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(listed, list) or len(listed) > _LONGEST_SET:
            raise ValueError("a key set is an object with a list of keys")
        self.document: dict[str, Any] = {"keys": listed}
        self._keys = {jwk["kid"]: jwk for jwk in listed if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str)}

    def algorithm_of(self, kid: object) -> str:
        """`ED25519` or `RSA`; `UnknownKey` when there is no such key, or it is of a kind we do not know."""
        jwk = self._keys.get(kid) if isinstance(kid, str) else None
        kind = (jwk.get("kty"), jwk.get("crv"), jwk.get("alg")) if jwk else None
        if kind == ("OKP", "Ed25519", ED25519):
            return ED25519
        if kind == ("RSA", None, RSA):
            return RSA
        raise UnknownKey(kid)

    def holds(self, kid: str, signature: bytes, message: bytes) -> bool:
        """Whether the key signed exactly this message; `UnknownKey` as above."""
        check = _holds_ed25519 if self.algorithm_of(kid) == ED25519 else _holds_rsa
        return check(self._keys[kid], signature, message)


def base64url(text: str) -> bytes:
    """RFC 4648 §5 without padding, strictly: `ValueError` for any other spelling, so that a signature has only one."""
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url")
    decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(decoded) != text:
        raise ValueError("not base64url")
    return decoded


def encode_base64url(data: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _holds_ed25519(jwk: Mapping[str, Any], signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(base64url(jwk["x"])).verify(signature, message)
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _holds_rsa(jwk: Mapping[str, Any], signature: bytes, message: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        n, e = (int.from_bytes(base64url(jwk[name]), "big") for name in "ne")
        RSAPublicNumbers(e, n).public_key().verify(signature, message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True
