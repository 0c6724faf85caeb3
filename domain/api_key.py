"""A program's credential: a secret of which only the digest is kept, and what it may do."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, InvalidRequest, NotAllowed
from domain.key_restrictions import MOST_NETWORKS, Restrictions

SECRET_BYTES = 32
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LETTERS = 43  # 62**43 > 256**32
_CHECK_LETTERS = 6  # 62**6 > 2**32
_SHOWN_LETTERS = 12
LONGEST_OVERLAP = timedelta(days=30)
"""How long a former secret may work on beside its successor."""
MOST_KEYS = 1_000
"""Keys of one organization, whatever its plan says."""
KEYS_FEATURE = "api_keys"
"""The feature of plans that says how many keys there may be."""


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
    USAGE_READ = "usage:read"
    USAGE_WRITE = "usage:write"
    WEBHOOKS = "webhooks"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"


OWNER_SCOPES = frozenset(Scope) - {Scope.ADMIN}
"""What a person may do in the own organization, and so the most that its keys may."""


SOLUTION_SCOPES = frozenset({Scope.TOKENS_READ})
"""All that a key of one product (a solution's) can do: to look at the tokens that are shown to it."""


def make_secret(randomness: bytes) -> str:
    """`usk_`, 43 letters of base 62 from 32 random bytes, and 6 that are the CRC-32 of all before, in base 62: whoever
    finds one (in a repository, in a log) knows without asking that it is a key of ours and no chance likeness."""
    random = f"usk_{_letters(int.from_bytes(randomness[:SECRET_BYTES], 'big'), _SECRET_LETTERS)}"
    return random + _check(random)


def is_mistyped(text: str) -> bool:
    """Whether a text has the form of a secret and not its checksum. Secrets that were made before there was one, and
    those of the settings, have another form and are not judged."""
    letters = text.removeprefix("usk_")
    if len(letters) != _SECRET_LETTERS + _CHECK_LETTERS or letters == text or not set(letters) <= set(_BASE62):
        return False
    return text[-_CHECK_LETTERS:] != _check(text[:-_CHECK_LETTERS])


def _check(text: str) -> str:
    return _letters(zlib.crc32(text.encode()), _CHECK_LETTERS)


def _letters(number: int, count: int) -> str:
    letters = ""
    for _ in range(count):
        number, digit = divmod(number, 62)
        letters = _BASE62[digit] + letters
    return letters


def digest_of(secret: str) -> str:
    """SHA-256 in hex: enough for a secret of 256 random bits, which nobody can guess from its digest."""
    return hashlib.sha256(secret.encode()).hexdigest()


def prefix_of(secret: str) -> str:
    """What people recognize a key by, e.g. `usk_8fKq2LmX`; never more than a third of it."""
    return secret[: min(_SHOWN_LETTERS, len(secret) // 3)]


class ApiKey(Aggregate):
    """A credential of an organization, or of the vendor when `organization_id` is None.

    The vendor's keys see every organization, each within its scopes; only they can carry `admin`. One of a `product` is
    a solution's: it sees the tokens for that product and nothing else. From where it may be used is kept with its name,
    where it can be erased: here is how many networks there are (0: anywhere).
    """

    TOPIC = "api_key"

    if TYPE_CHECKING:
        organization_id: UUID | None
        scopes: frozenset[Scope]
        product: str | None
        digest: str
        prefix: str
        former_digest: str | None
        former_until: datetime | None
        expires_at: datetime | None
        networks: int
        revoked: bool

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        organization_id: UUID | None,
        scopes: Iterable[Scope],
        secret: str,
        now: datetime,
        restrictions: Restrictions | None = None,
        product: str | None = None,
    ) -> ApiKey:
        """Keeps only digest and prefix of `secret`. `InvalidRequest` without a scope; `admin` is the vendor's alone."""
        wanted = tuple(sorted(set(scopes)))
        if not wanted:
            raise InvalidRequest.field("scopes", "name at least one")
        if organization_id is not None and Scope.ADMIN in wanted:
            raise NotAllowed("A key of an organization cannot carry the scope admin.")
        if product is not None and (organization_id is not None or not SOLUTION_SCOPES.issuperset(wanted)):
            raise InvalidRequest.field("product", f"is for keys of the vendor with {', '.join(SOLUTION_SCOPES)} alone")
        bounds = restrictions or Restrictions()
        _require_sane(bounds, now)
        return cls.begin(
            cls.Issued,
            id=id,
            now=now,
            organization_id=organization_id,
            scopes=wanted,
            digest=digest_of(secret),
            prefix=prefix_of(secret),
            expires_at=bounds.expires_at,
            networks=len(bounds.networks),
            product=product,
        )

    def rotate(self, *, secret: str, now: datetime, overlap: timedelta = timedelta(0)) -> None:
        """The old secret ends one `overlap` from now, and one that was still working beside it now. `Conflict` when the
        key is revoked or has expired."""
        if self.revoked:
            raise Conflict("This API key is revoked; create a new one.")
        if self.expires_at is not None and self.expires_at <= now:
            raise Conflict("This API key has expired; create a new one.")
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest.field("overlap", f"must be from PT0S to P{LONGEST_OVERLAP.days}D")
        until = now + overlap if overlap else None
        self.record(self.Rotated, now=now, digest=digest_of(secret), prefix=prefix_of(secret), former_until=until)

    def restrict(self, restrictions: Restrictions, *, now: datetime) -> None:
        """Another end, or other addresses. `Conflict` when the key is revoked: nothing brings it back."""
        if self.revoked:
            raise Conflict("This API key is revoked; create a new one.")
        _require_sane(restrictions, now)
        expires_at, networks = restrictions.expires_at, len(restrictions.networks)
        self.record(self.Restricted, now=now, expires_at=expires_at, networks=networks)

    def revoke(self, *, now: datetime) -> None:
        if not self.revoked:
            self.record(self.Revoked, now=now)

    class Issued(Created):
        TOPIC = "api_key.issued"
        organization_id: UUID | None
        scopes: tuple[Scope, ...]
        digest: str
        prefix: str
        expires_at: datetime | None = None
        networks: int = 0
        product: str | None = None

        def apply(self, key: ApiKey) -> None:
            key.organization_id = self.organization_id
            key.scopes = frozenset(self.scopes)
            key.product = self.product
            key.digest = self.digest
            key.prefix = self.prefix
            key.former_digest, key.former_until = None, None
            key.expires_at, key.networks = self.expires_at, self.networks
            key.revoked = False

    class Rotated(Aggregate.Event):
        """`former_until`: until then the secret before this one works as well; None: not at all."""

        TOPIC = "api_key.rotated"
        digest: str
        prefix: str
        former_until: datetime | None = None

        def apply(self, key: ApiKey) -> None:
            key.former_digest = key.digest if self.former_until else None
            key.former_until = self.former_until
            key.digest = self.digest
            key.prefix = self.prefix

    class Restricted(Aggregate.Event):
        TOPIC = "api_key.restricted"
        expires_at: datetime | None
        networks: int

        def apply(self, key: ApiKey) -> None:
            key.expires_at, key.networks = self.expires_at, self.networks

    class Revoked(Aggregate.Event):
        TOPIC = "api_key.revoked"

        def apply(self, key: ApiKey) -> None:
            key.revoked = True


def _require_sane(restrictions: Restrictions, now: datetime) -> None:
    if restrictions.expires_at is not None and restrictions.expires_at <= now:
        raise InvalidRequest.field("expires_at", "lies in the past; revoke the key to end it now")
    if len(restrictions.networks) > MOST_NETWORKS:
        raise InvalidRequest.field("allowed_addresses", f"name {MOST_NETWORKS} at most")
