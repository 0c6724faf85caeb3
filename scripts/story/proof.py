"""What a customer can check without asking Usher: licence files and leases, with nothing but the published keys."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64decode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from scripts.story.engine import StoryBroken

Json = dict[str, Any]


def licence_of(file: bytes, key_set: Json) -> tuple[Json, str]:
    """The signed terms of a licence file, and the id of the key that signed them."""
    read = json.loads(file)
    payload = b64decode(read["payload"], validate=True)
    _check(key_set, read["kid"], b64decode(read["signature"], validate=True), payload)
    return json.loads(payload)["license"], read["kid"]


def is_refused(file: bytes, key_set: Json) -> bool:
    """Whether a copy of the file with ten times the seats fails the check."""
    read = json.loads(file)
    payload = json.loads(b64decode(read["payload"]))
    payload["license"]["seats"]["limit"] *= 10
    try:
        _check(key_set, read["kid"], b64decode(read["signature"]), json.dumps(payload).encode())
    except InvalidSignature:
        return True
    return False


def claims_of(lease: str, key_set: Json) -> Json:
    """What a lease says, if its signature holds."""
    header, payload, signature = lease.split(".")
    kid = json.loads(_base64url(header))["kid"]
    _check(key_set, kid, _base64url(signature), f"{header}.{payload}".encode())
    claims: Json = json.loads(_base64url(payload))
    return claims


def _check(key_set: Json, kid: str, signature: bytes, message: bytes) -> None:
    key = next((key for key in key_set["keys"] if key["kid"] == kid and key.get("crv") == "Ed25519"), None)
    if key is None:
        raise StoryBroken(f"the key {kid} is not among the published ones")
    Ed25519PublicKey.from_public_bytes(_base64url(key["x"])).verify(signature, message)


def _base64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
