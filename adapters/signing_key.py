"""One signing key: how it is made, named, published and stored, and when it counts."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from domain.errors import InvalidRequest


class Algorithm(StrEnum):
    """`RSA_4096` is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2, JOSE's RS256): unlike PSS it has no parameters on
    which two implementations can disagree, and everything verifies it, also what is too old for Ed25519."""

    ED25519 = "ed25519"
    RSA_4096 = "rsa-4096"

    @classmethod
    def named(cls, text: str) -> Algorithm:
        """`InvalidRequest` for a name that is none of these."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidRequest.field("algorithm", "one of " + ", ".join(cls)) from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its private half; `valid_until` is None for the current key of its algorithm."""

    kid: str
    algorithm: Algorithm
    private: Ed25519PrivateKey | RSAPrivateKey = field(repr=False)
    created_at: datetime
    signs_from: datetime
    valid_until: datetime | None
    jwt_header: bytes = field(repr=False)

    @classmethod
    def generate(cls, algorithm: Algorithm, now: datetime, *, signs_from: datetime | None = None) -> Self:
        """A new key. RSA takes from one to several seconds: not for the event loop, not inside a transaction."""
        new = Ed25519PrivateKey.generate() if algorithm is Algorithm.ED25519 else generate_private_key(65537, 4096)
        return cls._of(new, created_at=now, signs_from=signs_from or now, valid_until=None)

    @classmethod
    def stored(cls, der: bytes, *, created_at: datetime, signs_from: datetime, valid_until: datetime | None) -> Self:
        """A key from its `private_der`."""
        # Checking the primes of an RSA key takes a tenth of a second; these bytes were sealed by us.
        private = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private, Ed25519PrivateKey | RSAPrivateKey)
        return cls._of(private, created_at=created_at, signs_from=signs_from, valid_until=valid_until)

    @classmethod
    def _of(cls, private: Ed25519PrivateKey | RSAPrivateKey, **times: Any) -> Self:
        algorithm = Algorithm.ED25519 if isinstance(private, Ed25519PrivateKey) else Algorithm.RSA_4096
        kid = _thumbprint(_public_members(private))
        header = json.dumps({"alg": _JOSE[algorithm], "typ": "JWT", "kid": kid}, separators=(",", ":"))
        return cls(kid=kid, algorithm=algorithm, private=private, jwt_header=base64url(header.encode()), **times)

    @property
    def token_header(self) -> bytes:
        """Of tokens for others (RFC 9068 §2.1): another `typ` than a lease's, so that neither passes as the other."""
        header = {"alg": _JOSE[self.algorithm], "typ": "at+jwt", "kid": self.kid}
        return base64url(json.dumps(header, separators=(",", ":")).encode())

    def accepted(self, now: datetime) -> bool:
        """Whether what it signed still counts; an announced key already does."""
        return self.valid_until is None or now < self.valid_until

    def signs(self, now: datetime) -> bool:
        return self.signs_from <= now and self.accepted(now)

    def sign(self, message: bytes) -> bytes:
        """64 bytes (Ed25519) or 512 (RSA). About 20 µs and 3 ms."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, PKCS1v15(), SHA256())

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 7517, RFC 8037)."""
        return {**_public_members(self.private), "kid": self.kid, "alg": _JOSE[self.algorithm], "use": "sig"}

    def public_der(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def private_der(self) -> bytes:
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


_JOSE = {Algorithm.ED25519: "EdDSA", Algorithm.RSA_4096: "RS256"}


def base64url(data: bytes) -> bytes:
    """RFC 4648 §5 without padding, as JOSE writes it."""
    return urlsafe_b64encode(data).rstrip(b"=")


def _public_members(private: Ed25519PrivateKey | RSAPrivateKey) -> dict[str, str]:
    """The members of the JWK that define the public key, in the order of their names."""
    if isinstance(private, Ed25519PrivateKey):
        point = private.public_key().public_bytes_raw()
        return {"crv": "Ed25519", "kty": "OKP", "x": base64url(point).decode()}
    numbers = private.public_key().public_numbers()
    return {"e": _base64url_uint(numbers.e), "kty": "RSA", "n": _base64url_uint(numbers.n)}


def _base64url_uint(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()


def _thumbprint(members: dict[str, str]) -> str:
    """The first 16 characters (96 bits) of the RFC 7638 thumbprint: anybody can recompute a kid from its key."""
    return base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())[:16].decode()
