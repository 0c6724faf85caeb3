"""What was bought with an address before its owner registered becomes the owner's."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from application.store import Store
from application.work import Work, Works
from domain.organization import Organization
from domain.user import User

if TYPE_CHECKING:
    from adapters.personal_data import PersonalData
    from application.billing_accounts import BillingAccounts


class PurchaseClaims:
    """Only a proven address counts, and only organizations that were made for a provider's customer are handed over."""

    def __init__(self, store: Store, people: PersonalData, accounts: BillingAccounts, works: Works) -> None:
        self._store = store
        self._people = people
        self._accounts = accounts
        self._works = works

    def claim(self, user_id: UUID) -> None:
        """After the person's address was proven; again: no effect."""
        user, person = self._store.fetch(User, user_id), self._people.person(user_id)
        if person is None or not user.email_verified:
            return
        for organization_id in self._people.organizations_with(person.email):
            self._works.run(partial(self._hand_over, organization_id=organization_id, user=user))

    def _hand_over(self, work: Work, now: datetime, *, organization_id: UUID, user: User) -> None:
        adopted = work.find(Organization, organization_id)
        if adopted is not None:
            self._accounts.hand_over(work, adopted, user.organization_id, proven_at=now, now=now)
