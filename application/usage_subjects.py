"""Subjects that become somebody's: what a visitor used before registering counts for the organization from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from application.quota_work import QuotaWork
from application.store import Store
from domain.errors import AlreadyRecorded
from domain.organization import Organization
from domain.usage_subject import UsageSubject

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.rights_log import RightsLog
    from adapters.subject_digests import SubjectDigests


class UsageSubjects:
    def __init__(self, store: Store, log: RightsLog, digests: SubjectDigests, quotas: QuotaWork, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._digests = digests
        self._quotas = quotas
        self._clock = clock

    def claim(self, subject: str, organization_id: UUID) -> UsageSubject:
        """The subject is the organization's, with all it has used; again: no effect. `NotFound` for an unknown
        organization, `Conflict` when it is another's."""
        self._store.fetch(Organization, organization_id)
        account_id = self._digests.digest(subject)
        claimed = self._store.find(UsageSubject, account_id) or self._claim(account_id, organization_id)
        claimed.claim_again(organization_id)
        self._quotas.forget(account_id, organization_id)
        return claimed

    def _claim(self, account_id: UUID, organization_id: UUID) -> UsageSubject:
        claimed = UsageSubject.claim(id=account_id, organization_id=organization_id, now=self._clock.now())
        try:
            self._store.add(claimed, rows=[self._log.claim(account_id, organization_id)])
        except AlreadyRecorded:  # somebody else did in this moment
            return self._store.fetch(UsageSubject, account_id)
        return claimed
