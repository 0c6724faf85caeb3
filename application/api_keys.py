"""Programs' credentials: issue, find, rotate, revoke."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from domain.api_key import SECRET_BYTES, ApiKey, Scope, digest_of, make_secret
from domain.errors import AlreadyRecorded, ConcurrentChange, NotFound
from domain.ids import admin_key_id

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.key_index import KeyIndex, KnownKey
    from application.store import Store


class NewSecret(NamedTuple):
    """The only time that anybody sees the secret."""

    key: KnownKey
    secret: str


class ApiKeys:
    """`entropy(n)` gives n random bytes."""

    def __init__(
        self, store: Store, index: KeyIndex, clock: Clock, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._entropy = entropy

    def issue(self, *, name: str, scopes: Iterable[Scope], organization_id: UUID | None) -> NewSecret:
        """A key of an organization, or of the vendor when None."""
        secret = make_secret(self._entropy(SECRET_BYTES))
        key = ApiKey.issue(
            id=self._clock.new_id(),
            organization_id=organization_id,
            scopes=scopes,
            secret=secret,
            now=self._clock.now(),
        )
        self._store.add(key, rows=[self._index.enter(key, name)])
        return NewSecret(self.find(key.id), secret)

    def rotate(self, key_id: UUID) -> NewSecret:
        """A new secret; the old one is refused from now on. `NotFound`, `Conflict` when revoked."""
        secret, now = make_secret(self._entropy(SECRET_BYTES)), self._clock.now()
        key = self._store.fetch(ApiKey, key_id)
        key.rotate(secret=secret, now=now)
        row = self._index.replace_secret(key_id, digest=key.digest, prefix=key.prefix, now=now)
        try:
            self._store.put(key, rows=[row])
        except IntegrityError as conflict:
            raise ConcurrentChange(retry_after=1) from conflict
        self._index.forget()
        return NewSecret(self.find(key_id), secret)

    def revoke(self, key_id: UUID) -> None:
        """The secret is refused from now on; doing it again changes nothing."""
        now = self._clock.now()
        self._store.change(ApiKey, key_id, lambda key: key.revoke(now=now), rows=[self._index.revoke(key_id, now)])
        self._index.forget()

    def find(self, key_id: UUID) -> KnownKey:
        """`NotFound` when there is none."""
        found = self._index.with_id(key_id)
        if found is None:
            raise NotFound.of("API key", key_id)
        return found

    def remembered(self, secret: str) -> KnownKey | None:
        """The key that a caller presents, if it was looked up half a second ago or less and this use is not to be
        noted; without asking Postgres."""
        key = self._index.remembered(digest_of(secret))
        return key if key and self._index.is_noted(key, self._clock.now()) else None

    def identify(self, secret: str) -> KnownKey | None:
        """The live key that a caller presents; notes that it was used."""
        key = self._index.with_digest(digest_of(secret))
        if key is not None:
            self._index.note_use(key, self._clock.now())
        return key

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
            self._store.add(key, rows=[self._index.enter(key, "first admin key")])
        except AlreadyRecorded:
            return  # another process starts at the same time
