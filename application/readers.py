"""To whom mails go, and in which language they read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.billing_account import BillingAccount
from domain.ids import billing_account_id, vendor_id
from domain.notice import Reader
from domain.organization import Organization
from domain.user import User
from domain.vendor import Vendor

if TYPE_CHECKING:
    from adapters.personal_data import Person, PersonalData
    from application.store import Store

_DEFAULT = "en"


class Party(NamedTuple):
    """An organization as mails speak of it, and who reads them for it."""

    name: str
    reader: Reader


class Readers:
    """A person's own choice of language counts first, then what the payment provider knows of the customer, then the
    vendor's language."""

    def __init__(self, store: Store, people: PersonalData) -> None:
        self._store = store
        self._people = people

    def person(self, user_id: UUID, organization_id: UUID | None = None) -> Reader | None:
        """None when erased. Without an organization it is about the person's own account, and in no organization's
        log."""
        person = self._people.person(user_id)
        if person is None:
            return None
        language = self._chosen_by(person) or self.common_language
        return Reader(person.user_id, organization_id, person.email, person.full_name, language)

    def organization(self, organization_id: UUID) -> Party | None:
        """None when nobody is there to write to."""
        contact = self._people.contact(organization_id)
        if contact is None or contact.email is None:
            return None
        language = self.language_of(organization_id, contact.email)
        reader = Reader(organization_id, organization_id, contact.email, contact.name or "", language)
        return Party(contact.company_name or contact.name or contact.email, reader)

    def language_of(self, organization_id: UUID, email: str) -> str:
        """An address that somebody registered and did not prove says nothing about its reader."""
        person = self._people.person_with(email)
        is_reader = person and (person.organization_id == organization_id or person.email_verified_at)
        chosen = self._chosen_by(person) if person and is_reader else None
        return chosen or self._learned_of(organization_id) or self.common_language

    def _chosen_by(self, person: Person) -> str | None:
        return self._store.fetch(User, person.user_id).language

    def _learned_of(self, organization_id: UUID) -> str | None:
        organization = self._store.find(Organization, organization_id)
        if organization is None or organization.adopted_from is None:
            return None
        account = self._store.find(BillingAccount, billing_account_id(*organization.adopted_from))
        return account.language[0] if account and account.language else None

    @property
    def common_language(self) -> str:
        """Of whoever has chosen none."""
        vendor = self._store.find(Vendor, vendor_id())
        return (vendor.identity.language if vendor else None) or _DEFAULT
