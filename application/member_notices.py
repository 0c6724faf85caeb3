"""Mails about membership, as facts demand them: the invitation, another role, a removal, a new owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.notices import Writer
from domain.mail_kinds import MailKind
from domain.notice import Draft, Reader
from domain.organization import Organization
from domain.role import Role

if TYPE_CHECKING:
    from adapters.memberships import Memberships
    from adapters.personal_data import PersonalData
    from adapters.sent_invitations import SentInvitations
    from application.invitations import Invitations
    from application.readers import Readers


class MemberNotices:
    """Nothing is said that is not so any more."""

    def __init__(
        self,
        people: PersonalData,
        readers: Readers,
        memberships: Memberships,
        sent: SentInvitations,
        invitations: Invitations,
    ) -> None:
        self._people = people
        self._readers = readers
        self._memberships = memberships
        self._sent = sent
        self._invitations = invitations

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "invitation": self._invitation,
            "member_role_changed": self._role_changed,
            "member_removed": self._removed,
            "ownership_received": self._received,
            "ownership_transferred": self._handed_over,
        }

    def _invitation(self, event: Organization.MemberInvited) -> Draft | None:
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
        language = self._readers.language_of(event.originator_id, sent.email)
        reader = Reader(event.invitation_id, event.originator_id, sent.email, language=language)
        return Draft(MailKind.INVITATION, reader, context)

    def _role_changed(self, event: Organization.RoleChanged) -> Draft | None:
        context = {"role": event.role, "changed_at": event.timestamp}
        return self._to(event.user_id, event, event.role, MailKind.MEMBER_ROLE_CHANGED, context)

    def _removed(self, event: Organization.MemberRemoved) -> Draft | None:
        context = {"removed_at": event.timestamp}
        return self._to(event.user_id, event, None, MailKind.MEMBER_REMOVED, context)

    def _received(self, event: Organization.OwnershipTransferred) -> Draft | None:
        context = {"transferred_at": event.timestamp}
        return self._to(event.user_id, event, Role.OWNER, MailKind.OWNERSHIP_RECEIVED, context)

    def _handed_over(self, event: Organization.OwnershipTransferred) -> Draft | None:
        context = {"transferred_at": event.timestamp}
        return self._to(event.former, event, Role.ADMIN, MailKind.OWNERSHIP_TRANSFERRED, context)

    def _to(
        self, user_id: UUID, event: Any, role: Role | None, kind: MailKind, context: Mapping[str, Any]
    ) -> Draft | None:
        """To a person who still has this role there (None: none)."""
        organization_id = event.originator_id
        reader = self._readers.person(user_id, organization_id)
        if reader is None or self._memberships.role_of(organization_id, user_id) is not role:
            return None
        contact = self._people.contact(organization_id)
        name = (contact and (contact.company_name or contact.name)) or str(organization_id)
        return Draft(kind, reader, {"organization_name": name, **context})
