"""The lease: what a seat's signed token says, and whether it holds here (docs/licence-files.md of Usher)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from usher_client.errors import LeaseOver, LeaseUntrusted
from usher_client.keys import ED25519, KeySet, base64url, encode_base64url

CLOCK_TOLERANCE = 300
"""Seconds that this machine's clock may be behind Usher's."""
_LONGEST = 32_768  # characters


class Lease(NamedTuple):
    """`issued_at` and `expires` are Unix seconds, `grace` is a number of seconds. `borrowed`: held offline to its end.

    `token` is what Usher signed: who has it can keep or end this session, so it is never shown.
    """

    token: str
    session_id: str
    license_id: str
    seat: int
    fingerprint_digest: str
    issued_at: int
    expires: int
    grace: int
    product: str
    features: Mapping[str, Any]
    borrowed: bool = False

    def __repr__(self) -> str:
        return f"Lease(seat {self.seat}, session {self.session_id})"

    @property
    def ends(self) -> int:
        """Until when a machine that cannot reach Usher may work, in Unix seconds."""
        return self.expires + self.grace

    def check_holder(self, fingerprint: str, product: str | None = None) -> None:
        """Raises `LeaseUntrusted` when it was made for another machine or another product."""
        if self.fingerprint_digest != fingerprint_digest(fingerprint):
            raise LeaseUntrusted("it was made for another machine")
        if product is not None and self.product != product:
            raise LeaseUntrusted("it is of another product")

    def check_time(self, now: float) -> None:
        """Raises `LeaseUntrusted` when it is not yet valid, which means that the clock was set back, or over."""
        if now < self.issued_at - CLOCK_TOLERANCE:
            raise LeaseUntrusted("it is not valid yet; this machine's clock was set back")
        if now >= self.ends:
            raise LeaseOver("it and its grace are over")


def read_lease(token: object, keys: KeySet) -> Lease:
    """What a lease says, if a key of ours signed it. The times in it and its holder are not looked at.

    Raises `LeaseUntrusted`, and `UnknownKey` when a newer key set might have the key.
    """
    if not isinstance(token, str) or len(token) > _LONGEST or token.count(".") != 2:
        raise LeaseUntrusted("it is no signed token")
    header, payload, signature = token.split(".")
    kid = _kid(header)
    if keys.algorithm_of(kid) != ED25519:
        raise LeaseUntrusted("leases are not signed with this kind of key")
    if not keys.holds(kid, _bytes(signature), f"{header}.{payload}".encode()):
        raise LeaseUntrusted("its signature does not fit")
    return _stated(token, _object(payload))


def fingerprint_digest(fingerprint: str) -> str:
    """What Usher keeps of a fingerprint: SHA-256 of its UTF-8 in base64url without padding. Nothing is folded: another
    case or another width of a letter is another machine."""
    return encode_base64url(hashlib.sha256(fingerprint.encode()).digest())


def _kid(header: str) -> str:
    stated = _object(header)
    if stated.get("alg") != ED25519:
        raise LeaseUntrusted("its algorithm is not EdDSA")
    if "crit" in stated:  # RFC 7515 §4.1.11: who does not know what is critical must refuse
        raise LeaseUntrusted("it has conditions that this client does not know")
    kid = stated.get("kid")
    if not isinstance(kid, str):
        raise LeaseUntrusted("it names no key")
    return kid


def _stated(token: str, claims: Mapping[str, Any]) -> Lease:
    """The claims, each of exactly its type: True would pass for a seat number."""
    try:
        values = [claims[name] for name in _CLAIMS]
    except KeyError as error:
        raise LeaseUntrusted(f"it lacks {error}") from None
    if [type(value) for value in values] != list(_CLAIMS.values()) or type(claims.get("bor", False)) is not bool:
        raise LeaseUntrusted("a claim in it is of another type")
    return Lease._make([token, *values, claims.get("bor", False)])


_CLAIMS: dict[str, type] = {
    "sid": str,
    "lic": str,
    "seat": int,
    "fp": str,
    "iat": int,
    "exp": int,
    "grace": int,
    "product": str,
    "features": dict,
}


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise LeaseUntrusted("it is no signed token")
    return value


def _bytes(part: str) -> bytes:
    try:
        return base64url(part)
    except ValueError:
        raise LeaseUntrusted("it is not written in base64url") from None
