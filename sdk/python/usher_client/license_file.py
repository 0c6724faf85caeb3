"""The licence file: what a customer has bought, checked without a network (docs/licence-files.md of Usher)."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from usher_client.errors import (
    LicenseExpired,
    LicenseFileInvalid,
    LicenseRefused,
    LicenseRevoked,
    LicenseSuspended,
)
from usher_client.keys import KeySet
from usher_client.lease import CLOCK_TOLERANCE, fingerprint_digest

_FORMAT = 1
_LONGEST = 1_000_000  # bytes
_REFUSED: dict[str, type[LicenseRefused]] = {
    "suspended": LicenseSuspended,
    "expired": LicenseExpired,
    "revoked": LicenseRevoked,
}


def read_license_file(
    file: bytes, keys: KeySet, *, now: float, product: str | None = None, fingerprint: str | None = None
) -> dict[str, Any]:
    """The licence that a file proves, as the API shows it; `now` is in Unix seconds.

    A file of a node-locked licence holds on the machines it names, `fingerprint` being this one's. Raises
    `LicenseFileInvalid`, `LicenseExpired`, `LicenseSuspended`, `LicenseRevoked`, and `UnknownKey` when a newer key set
    might have the key.
    """
    terms = json_object(signed_payload(file, keys), "its payload is no object")
    licence = terms.get("license")
    if terms.get("usher_license") != _FORMAT or not isinstance(licence, dict):
        raise LicenseFileInvalid("it has a newer format than this client knows")
    if _moment(terms.get("signed_at")) - CLOCK_TOLERANCE > now:
        raise LicenseFileInvalid("it is not valid yet; this machine's clock was set back")
    if product is not None and licence.get("product") != product:
        raise LicenseFileInvalid("it is of another product")
    _check_standing(licence, now)
    _check_machine(licence.get("machines"), fingerprint, now)
    return licence


def signed_payload(file: bytes, keys: KeySet) -> bytes:
    """The bytes of the payload, if a key of ours signed them. Nothing outside of the payload is believed."""
    outer = json_object(file, "it is no licence file") if len(file) <= _LONGEST else {}
    if outer.get("usher_license") != _FORMAT:
        raise LicenseFileInvalid("it is no licence file, or of a newer format than this client knows")
    try:
        payload, signature = (b64decode(outer[name], validate=True) for name in ("payload", "signature"))
        kid = outer["kid"]
    except (KeyError, ValueError, TypeError):
        raise LicenseFileInvalid("a part of it is missing or damaged") from None
    keys.algorithm_of(kid)
    if not keys.holds(kid, signature, payload):
        raise LicenseFileInvalid("its signature does not fit")
    return payload


def _check_standing(licence: Mapping[str, Any], now: float) -> None:
    status, end = licence.get("status"), licence.get("expires_at")
    if isinstance(status, str) and status in _REFUSED:
        raise _REFUSED[status]()
    if end is not None and _moment(end) <= now:
        raise LicenseExpired()


def _check_machine(machines: Mapping[str, Any] | None, fingerprint: str | None, now: float) -> None:
    """Of a node-locked licence; another has no machines in its file."""
    if machines is None:
        return
    named = machines.get("fingerprints") if isinstance(machines, dict) else None
    if not isinstance(named, list) or fingerprint is None or fingerprint_digest(fingerprint) not in named:
        raise LicenseFileInvalid("it does not name this machine")
    if _moment(machines.get("holds_until")) <= now:
        raise LicenseFileInvalid("it is too old for a licence that is bound to machines; fetch a new one")


def json_object(text: bytes, problem: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise LicenseFileInvalid(problem)
    return value


def _moment(text: object) -> float:
    """Unix seconds of an RFC 3339 time in UTC."""
    if isinstance(text, str) and text.endswith("Z"):
        for shape in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
            try:
                return datetime.strptime(text, shape).replace(tzinfo=timezone.utc).timestamp()
            except ValueError:
                continue
    raise LicenseFileInvalid("a time in it cannot be read")
