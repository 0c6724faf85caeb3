"""Quotas for synchronous callers: followers, handlers that run in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import structlog

from application.loop_thread import KeptOpen, LoopThread
from application.past import owner_of
from application.quotas import Quotas
from application.store import Store
from domain.errors import Unavailable
from domain.license import License
from domain.organization import Organization
from domain.quota import Quota
from domain.subscription import Subscription
from domain.usage_subject import UsageSubject

log = structlog.get_logger()

_KINDS = {kind.TOPIC: kind for kind in (License, Subscription, Organization, Quota, UsageSubject)}


class QuotaWork:
    """Any thread may call: all share one event loop and the connections there.

    `open_quotas` makes a `Quotas` when it is first needed, and closes its connections at the end.
    """

    def __init__(
        self, store: Store, loop: LoopThread, open_quotas: Callable[[], AbstractAsyncContextManager[Quotas]]
    ) -> None:
        self._store = store
        self._quotas = KeptOpen(loop, open_quotas)

    def close(self) -> None:
        self._quotas.close()

    def forget(self, *account_ids: UUID) -> None:
        """After an event that changed what they may do. A pool that is away hears of it from the follower."""
        try:
            self._quotas.run(lambda quotas: quotas.forget(*account_ids))
        except Unavailable:
            log.warning("quotas.not_told", accounts=len(account_ids))

    def changed(self, changes: Iterable[tuple[str, UUID, int]]) -> set[UUID]:
        """These events (topic, stream, version) are stored: what the accounts that are answered may do can have
        changed. `Unavailable`."""
        accounts = {account for change in changes for account in self._accounts(*change)}
        if accounts:
            self._quotas.run(lambda quotas: quotas.forget(*accounts))
        return accounts

    def behind(self, heads: Sequence[tuple[UUID, int]]) -> None:
        """See `Quotas.behind`. `Unavailable`."""
        self._quotas.run(lambda quotas: quotas.behind(heads))

    def release(self, account_id: UUID, reservation: UUID) -> bool:
        """See `Quotas.release`. `Unavailable`."""
        return self._quotas.run(lambda quotas: quotas.release(account_id, reservation))

    def _accounts(self, topic: str, stream_id: UUID, version: int) -> set[UUID]:
        """Whose it is, whose it was before the event, and what became theirs."""
        kind = _KINDS[topic.partition(".")[0]]
        versions = [version - 1, None] if version > 1 else [None]
        found = [self._store.find(kind, stream_id, version=each) for each in versions]
        owners = {owner_of(each) for each in found if each is not None}
        if kind is Organization:
            owners |= {each.merged_into for each in found if isinstance(each, Organization)}
        if kind in (Quota, UsageSubject):
            owners |= {getattr(each, "account_id", stream_id) for each in found if each is not None}
        return {owner for owner in owners if owner is not None}
