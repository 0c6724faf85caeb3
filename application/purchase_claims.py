"""What was bought with an address before its owner registered becomes the owner's."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from application.store import Store
from application.work import Work, Works
from domain.billing_account import BillingAccount
from domain.organization import Organization
from domain.role import Role
from domain.user import User

if TYPE_CHECKING:
    from adapters.memberships import Memberships
    from adapters.personal_data import PersonalData
    from application.billing_accounts import BillingAccounts
    from application.organizations import Organizations


class PurchaseClaims:
    """Only a proven address counts, and only organizations that were made for a provider's customer are handed over: to
    the one that the person owns, never to one where it is a guest. Whoever owns none becomes the owner of that one."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        organizations: Organizations,
        memberships: Memberships,
        accounts: BillingAccounts,
        works: Works,
    ) -> None:
        self._store = store
        self._people = people
        self._organizations = organizations
        self._memberships = memberships
        self._accounts = accounts
        self._works = works

    def claim(self, user_id: UUID) -> None:
        """After the person's address was proven; again: no effect."""
        user, person = self._store.fetch(User, user_id), self._people.person(user_id)
        if person is None or not user.email_verified:
            return
        for organization_id in self._people.organizations_with(person.email):
            self._works.run(partial(self._hand_over, organization_id=organization_id, user_id=user_id))
            self._memberships.changed(organization_id, user_id)

    def claim_of(self, account_id: UUID) -> None:
        """After a customer's address became known; again: no effect."""
        account = self._store.fetch(BillingAccount, account_id)
        contact = self._people.contact(account.organization_id)
        person = self._people.person_with(contact.email) if contact and contact.email else None
        if person is not None:
            self.claim(person.user_id)

    def _hand_over(self, work: Work, now: datetime, *, organization_id: UUID, user_id: UUID) -> None:
        adopted = work.find(Organization, organization_id)
        if adopted is None or not adopted.is_unclaimed:
            return
        work.fetch(User, user_id).require_verified()  # seen: one who is erased meanwhile becomes no owner
        owned = self._organizations.owned_by(user_id)
        self._accounts.hand_over(work, adopted, owned or adopted.id, proven_at=now, now=now)
        if owned is None:
            adopted.recognize_owner(user_id, now=now)
            work.rows.append(self._memberships.put(adopted.id, user_id, Role.OWNER, now))
