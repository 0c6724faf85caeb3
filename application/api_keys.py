"""Programs' credentials: issue, find, restrict, rotate, revoke."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from domain.api_key import (
    KEYS_FEATURE,
    MOST_KEYS,
    SECRET_BYTES,
    ApiKey,
    Scope,
    digest_of,
    is_mistyped,
    make_secret,
)
from domain.errors import AlreadyRecorded, ConcurrentChange, NotFound
from domain.ids import admin_key_id
from domain.key_restrictions import Restrictions
from domain.usage_errors import QuotaExceeded

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.key_index import KeyIndex, KnownKey
    from application.rights_book import RightsBook
    from application.store import Store

_FREE = Restrictions()


class NewSecret(NamedTuple):
    """The only time that anybody sees the secret."""

    key: KnownKey
    secret: str


class ApiKeys:
    """`entropy(n)` gives n random bytes; `upgrade_url` is where a customer gets more keys."""

    def __init__(
        self,
        store: Store,
        index: KeyIndex,
        rights: RightsBook,
        clock: Clock,
        *,
        upgrade_url: str,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._index = index
        self._rights = rights
        self._clock = clock
        self._upgrade_url = upgrade_url
        self._entropy = entropy

    def issue(
        self,
        *,
        name: str,
        scopes: Iterable[Scope],
        organization_id: UUID | None,
        note: str = "",
        restrictions: Restrictions = _FREE,
        product: str | None = None,
    ) -> NewSecret:
        """A key of an organization, or of the vendor when None. `QuotaExceeded` when the organization has as many keys
        that work as its plans allow."""
        secret, now = make_secret(self._entropy(SECRET_BYTES)), self._clock.now()
        key = ApiKey.issue(
            id=self._clock.new_id(),
            organization_id=organization_id,
            scopes=scopes,
            secret=secret,
            now=now,
            restrictions=restrictions,
            product=product,
        )
        most = MOST_KEYS if organization_id is None else self.allowed(organization_id)
        room = [self._index.require_room(organization_id, most, now)] if organization_id else []
        try:
            self._store.put(key, rows=[*room, self._index.enter(key, name, note, restrictions)])
        except IntegrityError as full:
            raise QuotaExceeded(
                f"The plan allows {most:,} API keys; revoke one or upgrade.",
                details={"feature": KEYS_FEATURE, "limit": most, "upgrade_url": self._upgrade_url},
            ) from full
        return NewSecret(self.find(key.id), secret)

    def allowed(self, organization_id: UUID) -> int:
        """How many keys the organization may have: as its plans' feature `api_keys` says, where one has it."""
        feature = self._rights.read(organization_id).rights.features.get(KEYS_FEATURE)
        if feature is None or (feature.allowed and feature.up_to is None):
            return MOST_KEYS
        return min(feature.up_to or 0, MOST_KEYS)

    def rotate(self, key_id: UUID, *, overlap: timedelta = timedelta(0)) -> NewSecret:
        """A new secret; the old one is refused one `overlap` from now. `NotFound`, `Conflict` when revoked."""
        secret, now = make_secret(self._entropy(SECRET_BYTES)), self._clock.now()
        key = self._store.fetch(ApiKey, key_id)
        before = key.digest, key.former_digest
        key.rotate(secret=secret, now=now, overlap=overlap)
        try:
            self._store.put(key, rows=[self._index.replace_secret(key, now)])
        except IntegrityError as conflict:
            raise ConcurrentChange(retry_after=1) from conflict
        self._index.changed(*before)
        return NewSecret(self.find(key_id), secret)

    def describe(self, key_id: UUID, *, name: str, note: str, restrictions: Restrictions) -> KnownKey:
        """Another name, note, or other bounds; they count from now on. `NotFound`, `Conflict` when revoked."""
        now, key, known = self._clock.now(), self._store.fetch(ApiKey, key_id), self.find(key_id)
        if restrictions != known.restrictions:
            key.restrict(restrictions, now=now)
        try:
            self._store.put(key, rows=[self._index.describe(key_id, name, note, restrictions)])
        except IntegrityError as conflict:
            raise ConcurrentChange(retry_after=1) from conflict
        self._index.changed(key.digest, key.former_digest)
        return self.find(key_id)

    def revoke(self, key_id: UUID) -> None:
        """No secret of the key works from now on; doing it again changes nothing."""
        now = self._clock.now()
        row = self._index.revoke(key_id, now)
        key = self._store.change(ApiKey, key_id, lambda key: key.revoke(now=now), rows=[row])
        self._index.changed(key.digest, key.former_digest)

    def find(self, key_id: UUID) -> KnownKey:
        """`NotFound` when there is none."""
        found = self._index.with_id(key_id)
        if found is None:
            raise NotFound.of("API key", key_id)
        return found

    def remembered(self, secret: str) -> KnownKey | None:
        """The key that a caller presents, if it is known here and this use is not to be noted; without asking
        Postgres."""
        found, now = self._index.recall(digest_of(secret)), self._clock.now()
        return found.key if found and found.is_good(now) and self._index.is_noted(found.key, now) else None

    def identify(self, secret: str) -> KnownKey | None:
        """The live key that a caller presents; notes that it was used."""
        if is_mistyped(secret):
            return None
        found, now = self._index.look_up(digest_of(secret)), self._clock.now()
        if found is None or not found.is_good(now):
            return None
        self._index.note_use(found.key, now)
        return found.key

    def live(
        self, organization_id: UUID | None, *, after: tuple[datetime, UUID] | None = None, limit: int = 25
    ) -> Sequence[KnownKey]:
        """Keys that are not revoked, oldest first; everybody's when None."""
        return self._index.live(organization_id=organization_id, after=after, limit=limit)

    def ensure_admin_key(self, secret: str) -> None:
        """Makes the key of the settings at first start. One that was rotated or revoked since does not come back."""
        id, now = admin_key_id(digest_of(secret)), self._clock.now()
        if self._store.find(ApiKey, id) is not None:
            return
        key = ApiKey.issue(id=id, organization_id=None, scopes=[Scope.ADMIN], secret=secret, now=now)
        try:
            self._store.add(key, rows=[self._index.enter(key, "first admin key", "", _FREE)])
        except AlreadyRecorded:
            return  # another process starts at the same time
