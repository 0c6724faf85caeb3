"""Finds API keys by the digest of their secret, and remembers when each was last used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from domain.api_key import ApiKey, Scope

BELIEVED = 0.5
"""Seconds for which a key that was live is believed to be: a revocation counts everywhere within a second."""
_MOST = 10_000
USE_NOTED_EVERY = timedelta(minutes=1)
_COLUMNS = "key_id, organization_id, name, prefix, scopes, created_at, rotated_at, revoked_at, last_used_at"


class KnownKey(NamedTuple):
    """A row of `api_keys`, without the digest."""

    key_id: UUID
    organization_id: UUID | None
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyIndex:
    """The only writer of `api_keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: dict[str, tuple[KnownKey, float]] = {}

    def remembered(self, digest: str) -> KnownKey | None:
        """The key with this secret, if it was live `BELIEVED` seconds ago; without asking Postgres."""
        key, looked_up = self._recent.get(digest, (None, 0.0))
        return key if key and time.monotonic() - looked_up < BELIEVED else None

    def with_digest(self, digest: str) -> KnownKey | None:
        """The live key with this secret."""
        asked_at = time.monotonic()
        sql = f"select {_COLUMNS} from api_keys where digest = %s and revoked_at is null"
        key = _key(self._database.fetch_one(sql, (digest,)))
        if key is not None:
            if len(self._recent) >= _MOST:
                self._recent.clear()
            self._recent[digest] = key, asked_at
        return key

    def forget(self) -> None:
        """A key was changed by this process: none is believed any more."""
        self._recent.clear()

    def with_id(self, key_id: UUID) -> KnownKey | None:
        return _key(self._database.fetch_one(f"select {_COLUMNS} from api_keys where key_id = %s", (key_id,)))

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
        return [key for row in found if (key := _key(row))]

    @staticmethod
    def is_noted(key: KnownKey, now: datetime) -> bool:
        """Whether a use of the last minute was noted."""
        return key.last_used_at is not None and key.last_used_at > now - USE_NOTED_EVERY

    def note_use(self, key: KnownKey, now: datetime) -> None:
        """At most one write a minute and key, however often it is used."""
        if self.is_noted(key, now):
            return
        self._database.execute(
            "update api_keys set last_used_at = %s where key_id = %s and (last_used_at is null or last_used_at <= %s)",
            (now, key.key_id, now - USE_NOTED_EVERY),
        )

    def enter(self, key: ApiKey, name: str) -> Row:
        return (
            "insert into api_keys (key_id, digest, organization_id, name, prefix, scopes, created_at)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            (key.id, key.digest, key.organization_id, name, key.prefix, sorted(key.scopes), key.created_on),
        )

    def replace_secret(self, key_id: UUID, *, digest: str, prefix: str, now: datetime) -> Row:
        sql = "update api_keys set digest = %s, prefix = %s, rotated_at = %s where key_id = %s"
        return sql, (digest, prefix, now, key_id)

    def revoke(self, key_id: UUID, now: datetime) -> Row:
        return "update api_keys set revoked_at = coalesce(revoked_at, %s) where key_id = %s", (now, key_id)


def _key(row: dict[str, object] | None) -> KnownKey | None:
    if row is None:
        return None
    return KnownKey(**{**row, "scopes": frozenset(map(Scope, row["scopes"]))})  # type: ignore[arg-type, call-overload]
