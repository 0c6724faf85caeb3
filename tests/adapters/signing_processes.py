"""What the tests of signing share: one moment, one secret, processes that open the same keys, a lease."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from adapters.database import Database
from adapters.secrets import Secrets
from adapters.signing import SigningKeys
from domain.errors import LeaseInvalid
from domain.lease import LeaseClaims, fingerprint_digest

NOW = datetime(2025, 10, 9, 8, 53, 20, 700_000, tzinfo=UTC)
SECRETS = Secrets("a server secret that is long enough to be one")


class Processes:
    """Opens the keys of one installation as its processes would, each with a pool of its own."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._opened: list[SigningKeys | Database] = []

    def open(self, secrets: Secrets = SECRETS, kind: type[SigningKeys] = SigningKeys, **options: Any) -> SigningKeys:
        database = Database(self._url, size=2)
        self._opened.insert(0, database)  # also when its keys do not open
        keys = kind(database, secrets, **options)
        self._opened.insert(0, keys)
        return keys

    def close(self) -> None:
        for opened in self._opened:
            opened.close()


def claims_at(now: datetime, **changes: Any) -> LeaseClaims:
    issued = int(now.timestamp())
    claims = LeaseClaims(
        sid=uuid.UUID("0199aaaa-0000-7000-8000-000000000001"),
        lic=uuid.UUID("0199aaaa-0000-7000-8000-000000000002"),
        seat=7,
        fp=fingerprint_digest("machine-0123456789"),
        ver=13,
        iat=issued,
        exp=issued + 360,
        grace=1800,
        product="coditect",
        features={"api": True, "name": 'quoted " and ünïcode'},
    )
    return replace(claims, **changes)


def decoded(segment: str) -> Any:
    return json.loads(unpadded(segment))


def unpadded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def refused(keys: SigningKeys, token: str) -> bool:
    try:
        keys.read_lease(token, NOW)
    except LeaseInvalid:
        return True
    return False
