"""Erasing a person: what says who it was is deleted, history stays, and no organization loses its last owner by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from application.work import Work, Works
from domain.api_key import ApiKey
from domain.member_errors import LastOwner, SubscriptionsRunning
from domain.organization import Organization
from domain.user import User

if TYPE_CHECKING:
    from adapters.database import Row
    from adapters.key_index import KeyIndex
    from adapters.login_sessions import LoginSessions
    from adapters.memberships import Memberships
    from adapters.personal_data import PersonalData
    from adapters.sent_invitations import SentInvitations

_KEYS_OF_ONE = 10_000


class Erasure:
    """`traces_of(user_id, organization_ids)` gives statements that erase, in other tables, the traces of a person and
    of the organizations that are left with nobody; `running(organization_id)` the subscriptions that will be charged
    again."""

    def __init__(
        self,
        works: Works,
        people: PersonalData,
        memberships: Memberships,
        invitations: SentInvitations,
        sessions: LoginSessions,
        keys: KeyIndex,
        *,
        running: Callable[[UUID], Sequence[UUID]],
        traces_of: Sequence[Callable[[UUID, Sequence[UUID]], Sequence[Row]]] = (),
    ) -> None:
        self._works = works
        self._people = people
        self._memberships = memberships
        self._invitations = invitations
        self._sessions = sessions
        self._keys = keys
        self._running = running
        self._traces_of = traces_of

    def erase(self, user_id: UUID, beside: Callable[[Sequence[UUID]], Sequence[Row]] = lambda _: ()) -> None:
        """The person leaves every organization; one that is left with nobody loses its keys and its contact too.

        `LastOwner` where others would be left without an owner, `SubscriptionsRunning` where nobody would be left to
        end what is charged again; then nothing is erased. Again: no effect. `beside` gives statements for the same
        transaction; it is told which organizations are left with nobody.
        """
        joined = [each.organization_id for each in self._memberships.of_user(user_id)]
        with self._sessions.ended_of(user_id):
            self._works.run(lambda work, now: self._erase(work, user_id, joined, beside, now))
        self._keys.forget()
        for organization_id in joined:
            self._memberships.changed(organization_id, user_id)
        if self._memberships.of_user(user_id):
            self.erase(user_id, beside)  # joined another one meanwhile

    def _erase(
        self,
        work: Work,
        user_id: UUID,
        joined: Sequence[UUID],
        beside: Callable[[Sequence[UUID]], Sequence[Row]],
        now: datetime,
    ) -> None:
        user, person = work.fetch(User, user_id), self._people.person(user_id)
        organizations = [work.fetch(Organization, id) for id in joined]
        self.leave(organizations, user_id, now)
        user.erase(now=now)
        for organization in organizations:
            work.rows.append(self._memberships.remove(organization.id, user_id))
            if organization.owners:
                work.rows.append(self._people.pass_contact_on(organization.id, user_id, organization.owners[0]))
        deserted = [each.id for each in organizations if not each.members]
        for id in deserted:
            self._close(work, id, now)
        work.rows += [row for traces in self._traces_of for row in traces(user_id, deserted)]
        work.rows += [self._invitations.erase(person.email)] if person else []
        work.rows += [self._sessions.ending_all(user_id), self._people.erase(user_id), *beside(deserted)]

    def leave(self, organizations: Sequence[Organization], user_id: UUID, now: datetime) -> None:
        """Takes the person out of all of them, which is to be saved by the caller or forgotten. Raises as `erase`."""
        ownerless = []
        for organization in organizations:
            try:
                organization.forget(user_id, now=now)
            except LastOwner:
                ownerless.append(organization.id)
        if ownerless:
            raise LastOwner(details={"organizations": [str(id) for id in ownerless]})
        running = [id for each in organizations if not each.members for id in self._running(each.id)]
        if running:
            raise SubscriptionsRunning(details={"subscriptions": [str(id) for id in running]})

    def _close(self, work: Work, organization_id: UUID, now: datetime) -> None:
        """Nobody is left: its programs stop, and whom it wrote to and invited is forgotten."""
        for known in self._keys.live(organization_id=organization_id, after=None, limit=_KEYS_OF_ONE):
            work.fetch(ApiKey, known.key_id).revoke(now=now)
            work.rows.append(self._keys.revoke(known.key_id, now))
        work.rows += [self._people.forget_contact(organization_id), self._invitations.erase_of(organization_id)]
