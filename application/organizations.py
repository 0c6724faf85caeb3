"""Who buys, and how to reach them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.organization import Organization
from domain.user import User

if TYPE_CHECKING:
    from adapters.database import Row
    from adapters.personal_data import Contact, PersonalData
    from adapters.rights_log import RightsLog
    from application.store import Store


class Organizations:
    """What billing changes is answered as rows, to be saved with everything else that an event causes."""

    def __init__(self, store: Store, people: PersonalData, rights: RightsLog) -> None:
        self._store = store
        self._people = people
        self._rights = rights

    def fetch(self, organization_id: UUID) -> Organization:
        """`NotFound` when there is none."""
        return self._store.fetch(Organization, organization_id)

    def set_time_zone(self, organization_id: UUID, time_zone: str, *, now: datetime) -> Organization:
        """`NotFound`, or `InvalidRequest` when there is no such zone."""
        return self._store.change(
            Organization, organization_id, lambda organization: organization.set_time_zone(time_zone, now=now)
        )

    def hand_usage_over(self, organization_id: UUID, to: UUID) -> Row:
        """What the organization used, and what still comes under its name, is another's."""
        return self._rights.claim(organization_id, to)

    def contact(self, organization_id: UUID) -> Contact | None:
        """Whom to write to; None when unknown or erased."""
        return self._people.contact(organization_id)

    def contacts(
        self, *, search: str | None = None, after: tuple[datetime, UUID] | None = None, limit: int = 25
    ) -> Sequence[Contact]:
        """Every organization that can be written to, oldest first; `search` in address, name and company."""
        return self._people.contacts(search=search, after=after, limit=limit)

    def of_verified_address(self, email: str) -> UUID | None:
        """The organization of the person who proved this address."""
        person = self._people.person_with(email)
        if person is None or not self._store.fetch(User, person.user_id).email_verified:
            return None
        return person.organization_id

    def put_on_file(
        self, organization_id: UUID, *, email: str | None, name: str | None, now: datetime
    ) -> tuple[Row, ...]:
        """The provider knows an organization's address or name: the rows that make it ours; None leaves it."""
        return (
            self._people.introduce(organization_id, email=email, name=name, now=now),
            self._people.update_contact(organization_id, email=email, name=name),
        )

    def take_off_file(self, organization_id: UUID) -> Row:
        """The organization is no more: its contact goes."""
        return self._people.forget_contact(organization_id)
