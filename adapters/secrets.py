"""The one server secret (`SECRET_KEY`) and the keys derived from it, one for each purpose."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FORMAT = b"\x01"  # first byte of what is sealed, for the day when there is a second way
_NONCE = 12


class SealBroken(Exception):
    """Sealed data does not open: another `SECRET_KEY` sealed it, or it was altered or moved."""


class Secrets:
    """Derives keys from the server secret; the secret itself is never used, so no use can weaken another."""

    def __init__(self, secret_key: str) -> None:
        if not secret_key:
            raise ValueError("the server secret is empty")
        self._secret = secret_key.encode()

    def __repr__(self) -> str:
        return "Secrets()"

    def key_for(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF-SHA256, RFC 5869), e.g. `key_for("license-keys")`; the same for ever."""
        return HKDF(SHA256(), length=32, salt=b"usher", info=purpose.encode()).derive(self._secret)

    def seal(self, plain: bytes, *, purpose: str, bound_to: str) -> bytes:
        """AES-256-GCM under the purpose's key; opens only with the same `bound_to` (the id of the row it is in)."""
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + AESGCM(self.key_for(purpose)).encrypt(nonce, plain, bound_to.encode())

    def unseal(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """What was sealed; `SealBroken` when the secret, the purpose, the row or a single bit differs."""
        nonce, cipher = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if sealed[:1] != _FORMAT:
                raise InvalidTag
            return AESGCM(self.key_for(purpose)).decrypt(nonce, cipher, bound_to.encode())
        except (InvalidTag, ValueError) as error:
            message = f"The {purpose} data of {bound_to} was sealed with another SECRET_KEY, or was altered."
            raise SealBroken(message) from error
