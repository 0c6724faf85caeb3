"""Finds API keys by the digest of their secret, and remembers when each was last used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.remembered import Remembered
from domain.api_key import ApiKey, Scope
from domain.key_restrictions import Network, Restrictions

USE_NOTED_EVERY = timedelta(minutes=1)
_MOST = 100_000
_COLUMNS = (
    "key_id, organization_id, name, note, prefix, scopes, product, networks, expires_at, created_at, rotated_at,"
    " former_until, revoked_at, last_used_at"
)


class KnownKey(NamedTuple):
    """A row of `api_keys`, without the digests."""

    key_id: UUID
    organization_id: UUID | None
    name: str
    note: str
    prefix: str
    scopes: frozenset[Scope]
    product: str | None
    networks: tuple[Network, ...]
    expires_at: datetime | None
    created_at: datetime
    rotated_at: datetime | None
    former_until: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def restrictions(self) -> Restrictions:
        return Restrictions(self.networks, self.expires_at)


class Presented(NamedTuple):
    """The key of a secret that is not revoked, and when that secret ends: with the key, or before, if it is a former
    one."""

    key: KnownKey
    ends_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at


class KeyIndex:
    """The only writer of `api_keys`."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database = database
        self._remembered = remembered
        self._noted: dict[UUID, datetime] = {}

    def recall(self, digest: str) -> Presented | None:
        """What `look_up` would answer, if no database has to be asked for it; else None."""
        found: Presented | None = self._remembered.recall(f"api_key:{digest}", None)
        return found

    def look_up(self, digest: str) -> Presented | None:
        """The key with this secret or former secret; the next time without asking, until it changes
        (adapters/remembered.py). What is no secret is not remembered: anybody can make up any number."""
        found: Presented | None = self._remembered.ask(
            f"api_key:{digest}", partial(self._with_digest, digest), keep_none=False
        )
        return found

    def _with_digest(self, digest: str) -> Presented | None:
        row = self._database.fetch_one(
            f"select {_COLUMNS}, digest = %(digest)s as is_present from api_keys"
            " where (digest = %(digest)s or former_digest = %(digest)s) and revoked_at is null",
            {"digest": digest},
        )
        if row is None:
            return None
        is_present = row.pop("is_present")
        key = _known(row)
        ends = [key.expires_at] if is_present else [key.expires_at, key.former_until]
        return Presented(key, min((end for end in ends if end is not None), default=None))

    def changed(self, *digests: str | None) -> None:
        """To be called after a change is stored: in this process it counts from now on, in others a moment later."""
        for digest in digests:
            self._remembered.forget(f"api_key:{digest}")

    def forget(self) -> None:
        """After changes of any number of keys: as `changed`, whichever they were."""
        self._remembered.forget_all()

    def with_id(self, key_id: UUID) -> KnownKey | None:
        row = self._database.fetch_one(f"select {_COLUMNS} from api_keys where key_id = %s", (key_id,))
        return _known(row) if row else None

    def owners_of(self, key_ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
        """Key → its organization, None for the vendor's; also of keys that are revoked."""
        found = self._database.fetch_all(
            "select key_id, organization_id from api_keys where key_id = any(%s)", (list(key_ids),)
        )
        return {row["key_id"]: row["organization_id"] for row in found}

    def live(
        self, *, organization_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[KnownKey]:
        """Keys that are not revoked, in the order they were made; all organizations' and the vendor's when None."""
        found = self._database.fetch_all(
            f"select {_COLUMNS} from api_keys where revoked_at is null"
            " and (%(organization)s::uuid is null or organization_id = %(organization)s)"
            " and (%(at)s::timestamptz is null or (created_at, key_id) > (%(at)s, %(id)s))"
            " order by created_at, key_id limit %(limit)s",
            {
                "organization": organization_id,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [_known(row) for row in found]

    def is_noted(self, key: KnownKey, now: datetime) -> bool:
        """Whether a use of the last minute was noted."""
        noted = self._noted.get(key.key_id) or key.last_used_at
        return noted is not None and noted > now - USE_NOTED_EVERY

    def note_use(self, key: KnownKey, now: datetime) -> None:
        """At most one write a minute and key, however often it is used, and by however many processes."""
        if self.is_noted(key, now):
            return
        self._database.execute(
            "update api_keys set last_used_at = %s where key_id = %s and (last_used_at is null or last_used_at <= %s)",
            (now, key.key_id, now - USE_NOTED_EVERY),
        )
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[key.key_id] = now

    @staticmethod
    def enter(key: ApiKey, name: str, note: str, restrictions: Restrictions) -> Row:
        return (
            "insert into api_keys (key_id, digest, organization_id, name, note, prefix, scopes, product, networks,"
            " expires_at, created_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s::cidr[], %s, %s)",
            (
                *(key.id, key.digest, key.organization_id, name, note, key.prefix, sorted(key.scopes), key.product),
                *(_texts(restrictions), key.expires_at, key.created_on),
            ),
        )

    @staticmethod
    def require_room(organization_id: UUID, most: int, now: datetime) -> Row:
        """Refuses the transaction, as a conflict, when the organization has `most` keys that work."""
        return "select require_room_for_key(%s, %s, %s)", (organization_id, most, now)

    @staticmethod
    def replace_secret(key: ApiKey, now: datetime) -> Row:
        return (
            "update api_keys set digest = %s, prefix = %s, rotated_at = %s, former_digest = %s, former_until = %s"
            " where key_id = %s",
            (key.digest, key.prefix, now, key.former_digest, key.former_until, key.id),
        )

    @staticmethod
    def describe(key_id: UUID, name: str, note: str, restrictions: Restrictions) -> Row:
        return (
            "update api_keys set name = %s, note = %s, networks = %s::cidr[], expires_at = %s where key_id = %s",
            (name, note, _texts(restrictions), restrictions.expires_at, key_id),
        )

    @staticmethod
    def revoke(key_id: UUID, now: datetime) -> Row:
        return "update api_keys set revoked_at = coalesce(revoked_at, %s) where key_id = %s", (now, key_id)


def _texts(restrictions: Restrictions) -> list[str]:
    return [str(each) for each in restrictions.networks]


def _known(row: dict[str, Any]) -> KnownKey:
    return KnownKey(**{**row, "scopes": frozenset(map(Scope, row["scopes"])), "networks": tuple(row["networks"])})
