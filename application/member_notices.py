"""Mails about membership, as facts demand them: the invitation, another role, a removal, a new owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.notice import Notice
from domain.organization import Organization
from domain.role import Role

if TYPE_CHECKING:
    from adapters.memberships import Memberships
    from adapters.personal_data import PersonalData
    from adapters.sent_invitations import SentInvitations
    from application.invitations import Invitations

MEMBER_EVENTS = (
    Organization.MemberInvited,
    Organization.RoleChanged,
    Organization.MemberRemoved,
    Organization.OwnershipTransferred,
)


class MemberNotices:
    """Answers None when it is not so any more, or there is nobody to say it to."""

    def __init__(
        self, people: PersonalData, memberships: Memberships, sent: SentInvitations, invitations: Invitations
    ) -> None:
        self._people = people
        self._memberships = memberships
        self._sent = sent
        self._invitations = invitations

    def of(self, id: UUID, kind: str, event: Any) -> Notice | None:
        """The mail of `kind` about one of `MEMBER_EVENTS`."""
        organization_id = event.originator_id
        if isinstance(event, Organization.MemberInvited):
            return self._invitation(id, kind, event)
        if isinstance(event, Organization.RoleChanged):
            context = {"role": event.role, "changed_at": event.timestamp}
            return self._to(id, kind, organization_id, event.user_id, event.role, context)
        if isinstance(event, Organization.MemberRemoved):
            return self._to(id, kind, organization_id, event.user_id, None, {"removed_at": event.timestamp})
        context = {"transferred_at": event.timestamp}
        if kind == "ownership_received":
            return self._to(id, kind, organization_id, event.user_id, Role.OWNER, context)
        return self._to(id, kind, organization_id, event.former, Role.ADMIN, context)

    def _invitation(self, id: UUID, kind: str, event: Organization.MemberInvited) -> Notice | None:
        """Says nothing that somebody typed: the inviter is named by an address that is proven."""
        link, sent = self._invitations.link(event.invitation_id), self._sent.find(event.invitation_id)
        if link is None or sent is None:
            return None
        inviter = self._people.person(event.invited_by) if event.invited_by else None
        context = {
            "inviter": inviter.email if inviter else None,
            "role": event.role,
            "link": link.url,
            "expires_at": link.expires_at,
        }
        return Notice(id, kind, sent.email, "", event.invitation_id, event.originator_id, context)

    def _to(
        self,
        id: UUID,
        kind: str,
        organization_id: UUID,
        user_id: UUID,
        role: Role | None,
        context: Mapping[str, Any],
    ) -> Notice | None:
        """To a person who still has this role there (None: none)."""
        person = self._people.person(user_id)
        if person is None or self._memberships.role_of(organization_id, user_id) is not role:
            return None
        contact = self._people.contact(organization_id)
        name = (contact and (contact.company_name or contact.name)) or str(organization_id)
        named = {"organization_name": name, **context}
        return Notice(id, kind, person.email, person.full_name, user_id, organization_id, named)
