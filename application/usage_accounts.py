"""Whose use it is: organizations and their keys as a caller names them, and subjects that are nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from domain.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from adapters.key_index import KeyIndex
    from adapters.rights_log import RightsLog
    from adapters.subject_digests import SubjectDigests

_MOST = 100_000


class UsageAccounts:
    """What was found once is remembered: organizations and keys do not go away, nor change hands."""

    def __init__(self, keys: KeyIndex, log: RightsLog, digests: SubjectDigests) -> None:
        self._keys = keys
        self._log = log
        self._digests = digests
        self._organizations: set[UUID] = set()
        self._owners_of_keys: dict[UUID, UUID | None] = {}

    async def learn(self, organizations: Iterable[UUID | None], keys: Iterable[UUID | None] = ()) -> None:
        """Looks up those that are not known here, all at once; then the questions below can be answered."""
        new = [each for each in set(organizations) if each and each not in self._organizations]
        if new:
            if len(self._organizations) > _MOST:
                self._organizations.clear()
            self._organizations.update(await asyncio.to_thread(self._log.organizations_among, new))
        new = [each for each in set(keys) if each and each not in self._owners_of_keys]
        if new:
            if len(self._owners_of_keys) > _MOST:
                self._owners_of_keys.clear()
            self._owners_of_keys.update(await asyncio.to_thread(self._keys.owners_of, new))

    def account(self, caller: UUID | None, organization_id: UUID | None, subject: str | None) -> UUID:
        """`caller` is the organization that calls, None for the vendor. `NotFound` for an organization that is not
        there for it; `InvalidRequest` when nobody is named."""
        if caller is not None and organization_id in (None, caller):
            return caller
        if organization_id is not None:
            if caller is not None or organization_id not in self._organizations:
                raise NotFound.of("organization", organization_id)
            return organization_id
        if subject is None:
            raise InvalidRequest.field("organization_id", "name the organization, or the subject while it has none")
        return self._digests.digest(subject)

    def require_key(self, account_id: UUID, key_id: UUID) -> None:
        """`NotFound` for a key that is not the account's."""
        if self._owners_of_keys.get(key_id) != account_id:
            raise NotFound.of("API key", key_id)
