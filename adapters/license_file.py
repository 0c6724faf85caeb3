"""The signed licence file that a customer downloads; docs/licence-files.md is its specification for clients."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from adapters.signing import SigningKeys
from adapters.signing_key import Algorithm

_FORMAT = 1
_ABOUT = (
    "A signed licence. The terms are in `payload` (base64 of JSON); `signature` (base64) is over its decoded bytes, "
    "by key `kid` of /.well-known/usher-keys.json. Everything outside of `payload` is unsigned."
)


def build_license_file(
    signing: SigningKeys, facts: Mapping[str, Any], *, algorithm: Algorithm | str = Algorithm.ED25519, now: datetime
) -> bytes:
    """The file (JSON in UTF-8) that proves `facts`, the licence as the API shows it, and that we said so at `now`.

    `facts` holds JSON values, UUIDs and times. There is no readable copy of the terms beside the signed ones: somebody
    would read it without checking. Call it from a thread: an RSA signature takes milliseconds, the first one of an
    installation seconds. `InvalidRequest` for an algorithm we do not have.
    """
    chosen = Algorithm.named(algorithm)
    # A payload begins with "{", what a lease signs with "eyJ": neither can be passed off as the other.
    payload = _json({"usher_license": _FORMAT, "signed_at": now, "license": facts})
    kid, signature = signing.sign_document(payload, chosen, now)
    file = {
        "usher_license": _FORMAT,
        "about": _ABOUT,
        "algorithm": chosen,
        "kid": kid,
        "payload": b64encode(payload).decode(),
        "signature": b64encode(signature).decode(),
    }
    return _json(file, indent=2) + b"\n"


def _json(value: object, indent: int | None = None) -> bytes:
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(
        value, default=_plain, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    ).encode()


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no place in a licence file")
