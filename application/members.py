"""Who may act for an organization: roles, removals, leaving, handing over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from application.work import Work, Works
from domain.errors import NotFound
from domain.organization import Organization
from domain.role import Authority, Role

if TYPE_CHECKING:
    from adapters.memberships import KnownMember, Memberships
    from adapters.personal_data import PersonalData


class Members:
    """The log decides; what every request asks for is in `memberships`, written in the same transaction. Mails to whom
    it concerns are sent by the dispatcher from the facts recorded here."""

    def __init__(self, works: Works, people: PersonalData, memberships: Memberships) -> None:
        self._works = works
        self._people = people
        self._memberships = memberships

    def of(
        self, organization_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int = 25
    ) -> Sequence[KnownMember]:
        """In the order in which they came."""
        return self._memberships.members(organization_id, after=after, limit=limit)

    def find(self, organization_id: UUID, user_id: UUID) -> KnownMember:
        """`NotFound` when the person is no member."""
        found = self._memberships.member(organization_id, user_id)
        if found is None:
            raise NotFound.of("member", user_id)
        return found

    def change_role(self, organization_id: UUID, user_id: UUID, role: Role, *, by: Authority) -> KnownMember:
        """Counts at once, for tokens that are out too. Raises as `Organization.change_role`."""

        def decide(work: Work, organization: Organization, now: datetime) -> None:
            organization.change_role(user_id, role, by=by, now=now)
            work.rows.append(self._memberships.put(organization_id, user_id, role, now))

        self._change(organization_id, decide, user_id)
        return self.find(organization_id, user_id)

    def remove(self, organization_id: UUID, user_id: UUID, *, by: Authority) -> None:
        """Ends what the person's tokens may do here; keys are the organization's and stay. Raises as
        `Organization.remove`."""
        self._take_out(organization_id, user_id, lambda it, now: it.remove(user_id, by=by, now=now))

    def leave(self, organization_id: UUID, user_id: UUID) -> None:
        """By the member itself. Raises as `Organization.leave`."""
        self._take_out(organization_id, user_id, lambda it, now: it.leave(user_id, now=now))

    def transfer_ownership(self, organization_id: UUID, user_id: UUID, *, by: UUID) -> None:
        """Mails about licences and payments that went to the former owner go to the new one. Raises as
        `Organization.transfer_ownership`."""

        def decide(work: Work, organization: Organization, now: datetime) -> None:
            organization.transfer_ownership(user_id, by=by, now=now)
            if user_id != by:
                work.rows += [
                    self._memberships.put(organization_id, by, Role.ADMIN, now),
                    self._memberships.put(organization_id, user_id, Role.OWNER, now),
                    self._people.pass_contact_on(organization_id, by, user_id),
                ]

        self._change(organization_id, decide, user_id, by)

    def _take_out(self, organization_id: UUID, user_id: UUID, act: Callable[[Organization, datetime], None]) -> None:
        def decide(work: Work, organization: Organization, now: datetime) -> None:
            act(organization, now)
            work.rows += [
                self._memberships.remove(organization_id, user_id),
                self._people.pass_contact_on(organization_id, user_id, organization.owners[0]),
            ]

        self._change(organization_id, decide, user_id)

    def _change(
        self, organization_id: UUID, decide: Callable[[Work, Organization, datetime], None], *concerned: UUID
    ) -> None:
        self._works.run(lambda work, now: decide(work, work.fetch(Organization, organization_id), now))
        for user_id in concerned:
            self._memberships.changed(organization_id, user_id)
