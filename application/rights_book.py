"""What each account may do, read from the log and remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.license import License
from domain.organization import Organization
from domain.plan import Plan
from domain.rights import Rights, Source
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.rights_log import RightsLog
    from application.offer import Offer
    from application.store import Store

HOLDS = timedelta(minutes=5)
"""How long rights are believed when nobody says that they changed."""
_MOST = 20_000


class KnownRights(NamedTuple):
    """`holds_until`: then the passing of time changes them, or somebody should look again. They were read when the log
    was at `position`, at `read_at` (seconds of `time.monotonic`), in the quota pool's `epoch` (see `QuotaPool.begin`).
    """

    rights: Rights
    holds_until: datetime
    position: int
    read_at: float
    epoch: str


class RightsBook:
    """One for each process."""

    def __init__(self, store: Store, offer: Offer, log: RightsLog, clock: Clock) -> None:
        self._store = store
        self._offer = offer
        self._log = log
        self._clock = clock
        self._known: dict[UUID, KnownRights] = {}
        self._owners: dict[UUID, UUID] = {}

    def owner(self, account_id: UUID) -> UUID:
        """Whose the account is, as far as it is known here: a claim is for ever. Without asking Postgres."""
        return self._owners.get(account_id, account_id)

    def known(self, account_id: UUID) -> KnownRights | None:
        """As they were last read here, without asking Postgres."""
        return self._known.get(account_id)

    def remembered(self, account_id: UUID) -> KnownRights:
        """As they are known here while they hold, else from the log; may ask Postgres."""
        known = self._known.get(self.owner(account_id))
        return self.read(account_id) if known is None or known.holds_until <= self._clock.now() else known

    def read(self, account_id: UUID, epoch: str = "") -> KnownRights:
        """From the log; asks Postgres: call it from a thread. An id that is no organization's is a subject's; of one
        that was claimed the rights are its owner's."""
        read_at, position, now = time.monotonic(), self._log.head(), self._clock.now()
        if owner := self._log.owner_of(account_id):
            self._owners[account_id] = owner
            return self.read(owner)
        organization = self._store.find(Organization, account_id)
        licenses = [] if organization is None else list(self._working(account_id, now))
        sources = [self._source(license) for license in licenses]
        sources += self._without_purchase(organization is not None, {source.product for source in sources})
        rights = Rights.of(
            account_id,
            sources,
            self._offer.look().meters,
            accounts=(account_id, *self._log.claimed_by(account_id)),
            time_zone=organization.time_zone if organization else "UTC",
        )
        ends = [end for license in licenses for end in (license.ends_at, license.grace_ends_at) if end and end > now]
        known = KnownRights(rights, min([now + HOLDS, *ends]), position, read_at, epoch)
        self._remember(account_id, known)
        return known

    def _working(self, organization_id: UUID, now: datetime) -> Iterator[License]:
        for license_id in self._log.licenses_of(organization_id):
            license = self._store.fetch(License, license_id)
            if license.organization_id == organization_id and license.status(now).works:
                yield license

    def _source(self, license: License) -> Source:
        subscription = self._store.find(Subscription, license.subscription_id) if license.subscription_id else None
        terms = license.terms
        return Source(
            terms.product,
            terms.plan,
            terms.plan_version,
            terms.entitlements,
            license.id,
            license.created_on,
            subscription.anchors if subscription else (license.created_on,),
            license.raised,
        )

    def _without_purchase(self, is_organization: bool, licensed: set[str]) -> Iterator[Source]:
        for product, free, anonymous in self._offer.look().default_plans:
            plan: Plan | None = free if is_organization else anonymous
            if plan is not None and product not in licensed:
                yield Source(product, plan.code, plan.current_version, plan.current.entitlements)

    def _remember(self, account_id: UUID, known: KnownRights) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[account_id] = known
