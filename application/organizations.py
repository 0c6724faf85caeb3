"""Who buys, and how to reach them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from application.work import Work, Works
from domain.errors import Conflict
from domain.organization import Organization
from domain.role import Role
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.memberships import Membership, Memberships
    from adapters.personal_data import Contact, PersonalData
    from adapters.rights_log import RightsLog
    from application.store import Store

MOST_OF_ONE = 100
"""Organizations that one person can be a member of."""


class Organizations:
    """What billing changes is answered as rows, to be saved with everything else that an event causes."""

    def __init__(
        self,
        store: Store,
        works: Works,
        people: PersonalData,
        memberships: Memberships,
        rights: RightsLog,
        clock: Clock,
    ) -> None:
        self._store = store
        self._works = works
        self._people = people
        self._rights = rights
        self._memberships = memberships
        self._clock = clock

    def fetch(self, organization_id: UUID) -> Organization:
        """`NotFound` when there is none."""
        return self._store.fetch(Organization, organization_id)

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

    def joined_by(self, user_id: UUID) -> list[tuple[Membership, Contact | None]]:
        """Where the person is a member, the oldest membership first."""
        joined = self._memberships.of_user(user_id)
        contacts = self._people.contacts_of([each.organization_id for each in joined])
        return [(each, contacts.get(each.organization_id)) for each in joined]

    def found(self, user_id: UUID, name: str) -> UUID:
        """Another organization of a person, who is its owner and whom it writes to; answers its id."""
        self.require_room(user_id)
        id = self._clock.new_id()

        def decide(work: Work, now: datetime) -> None:
            work.fetch(User, user_id).require_verified()  # seen: one who is erased meanwhile founds nothing
            work.add(Organization.register(id=id, founder=user_id, now=now))
            work.rows += [
                self._people.introduce(id, email=None, name=None, company_name=name, now=now),
                self._people.set_contact(id, user_id),
                self._memberships.put(id, user_id, Role.OWNER, now),
            ]

        self._works.run(decide)
        self._memberships.changed(id, user_id)
        return id

    def change(
        self,
        organization_id: UUID,
        *,
        name: str | None = None,
        contact: UUID | None = None,
        time_zone: str | None = None,
    ) -> Organization:
        """Another name, another member as the one who is written to, another time zone; None leaves it. `NotFound` for
        a contact that is no member, `InvalidRequest` for a zone that is not."""

        def decide(work: Work, now: datetime) -> Organization:
            organization = work.fetch(Organization, organization_id)
            if name is not None or contact is not None:
                work.rows.append(self._people.introduce(organization_id, email=None, name=None, now=now))
            if name is not None:
                organization.rename(now=now)
                work.rows.append(self._people.update_contact(organization_id, company_name=name))
            if contact is not None:
                organization.set_contact(contact, now=now)
                work.rows.append(self._people.set_contact(organization_id, contact))
            if time_zone is not None:
                organization.set_time_zone(time_zone, now=now)
            return organization

        return self._works.run(decide)

    def require_room(self, user_id: UUID) -> None:
        """`Conflict` when the person is a member of as many organizations as one may be."""
        if len(self._memberships.of_user(user_id)) >= MOST_OF_ONE:
            raise Conflict(f"You are a member of {MOST_OF_ONE} organizations, as many as one may be; leave one first.")

    def of_verified_address(self, email: str) -> UUID | None:
        """The organization for which the person buys who proved this address: of those it owns the oldest."""
        person = self._people.person_with(email)
        if person is None or not self._store.fetch(User, person.user_id).email_verified:
            return None
        return self.owned_by(person.user_id)

    def owned_by(self, user_id: UUID) -> UUID | None:
        """Of the organizations that the person owns the one that was joined first."""
        joined = self._memberships.of_user(user_id)
        return next((each.organization_id for each in joined if each.role is Role.OWNER), None)

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
