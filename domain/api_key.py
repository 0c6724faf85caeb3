"""A program's credential: a secret of which only the digest is kept, and what it may do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, InvalidRequest, NotAllowed

SECRET_BYTES = 32
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LETTERS = 43  # 62**43 > 256**32
_SHOWN_LETTERS = 12


class Scope(StrEnum):
    """One right. `admin` includes all others and sees every organization."""

    ADMIN = "admin"
    AUDIT = "audit"
    API_KEYS = "api-keys"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    ORGANIZATION_WRITE = "organization:write"
    LICENSES_READ = "licenses:read"
    LICENSES_WRITE = "licenses:write"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    INVOICES_READ = "invoices:read"
    MAILS_READ = "mails:read"
    USAGE_READ = "usage:read"
    USAGE_WRITE = "usage:write"
    WEBHOOKS = "webhooks"


OWNER_SCOPES = frozenset(Scope) - {Scope.ADMIN}
"""What a person may do in the own organization, and so the most that its keys may."""


def make_secret(randomness: bytes) -> str:
    """`usk_` and 43 letters of base 62 from 32 random bytes."""
    number, letters = int.from_bytes(randomness[:SECRET_BYTES], "big"), ""
    for _ in range(_SECRET_LETTERS):
        number, digit = divmod(number, 62)
        letters = _BASE62[digit] + letters
    return f"usk_{letters}"


def digest_of(secret: str) -> str:
    """SHA-256 in hex: enough for a secret of 256 random bits, which nobody can guess from its digest."""
    return hashlib.sha256(secret.encode()).hexdigest()


def prefix_of(secret: str) -> str:
    """What people recognize a key by, e.g. `usk_8fKq2LmX`; never more than a third of it."""
    return secret[: min(_SHOWN_LETTERS, len(secret) // 3)]


class ApiKey(Aggregate):
    """A credential of an organization, or of the vendor when `organization_id` is None.

    The vendor's keys see every organization, each within its scopes; only they can carry `admin`.
    """

    TOPIC = "api_key"

    if TYPE_CHECKING:
        organization_id: UUID | None
        scopes: frozenset[Scope]
        digest: str
        prefix: str
        revoked: bool

    @classmethod
    def issue(
        cls, *, id: UUID, organization_id: UUID | None, scopes: Iterable[Scope], secret: str, now: datetime
    ) -> ApiKey:
        """Keeps only digest and prefix of `secret`. `InvalidRequest` without a scope; `admin` is the vendor's alone."""
        wanted = tuple(sorted(set(scopes)))
        if not wanted:
            raise InvalidRequest.field("scopes", "name at least one")
        if organization_id is not None and Scope.ADMIN in wanted:
            raise NotAllowed("A key of an organization cannot carry the scope admin.")
        return cls.begin(
            cls.Issued,
            id=id,
            now=now,
            organization_id=organization_id,
            scopes=wanted,
            digest=digest_of(secret),
            prefix=prefix_of(secret),
        )

    def rotate(self, *, secret: str, now: datetime) -> None:
        """The old secret ends with this; `Conflict` when the key is revoked."""
        if self.revoked:
            raise Conflict("This API key is revoked; create a new one.")
        self.record(self.Rotated, now=now, digest=digest_of(secret), prefix=prefix_of(secret))

    def revoke(self, *, now: datetime) -> None:
        if not self.revoked:
            self.record(self.Revoked, now=now)

    class Issued(Created):
        TOPIC = "api_key.issued"
        organization_id: UUID | None
        scopes: tuple[Scope, ...]
        digest: str
        prefix: str

        def apply(self, key: ApiKey) -> None:
            key.organization_id = self.organization_id
            key.scopes = frozenset(self.scopes)
            key.digest = self.digest
            key.prefix = self.prefix
            key.revoked = False

    class Rotated(Aggregate.Event):
        TOPIC = "api_key.rotated"
        digest: str
        prefix: str

        def apply(self, key: ApiKey) -> None:
            key.digest = self.digest
            key.prefix = self.prefix

    class Revoked(Aggregate.Event):
        TOPIC = "api_key.revoked"

        def apply(self, key: ApiKey) -> None:
            key.revoked = True
