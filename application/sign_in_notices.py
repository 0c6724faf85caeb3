"""Mails about signing in, as facts demand them: links, new devices, another address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.errors import NotFound
from domain.notice import Notice
from domain.user import User

if TYPE_CHECKING:
    from adapters.login_sessions import LoginSessions
    from application.email_addresses import EmailAddresses
    from application.sign_in_links import SignInLinks
    from application.users import Users

SIGN_IN_EVENTS = (
    User.SignInLinkRequested,
    User.NewDeviceSignedIn,
    User.EmailChangeRequested,
    User.EmailChanged,
    User.SecondFactorAdded,
    User.SecondFactorRemoved,
    User.RecoveryCodesRenewed,
    User.RecoveryCodeUsed,
    User.IdentityLinked,
    User.IdentityUnlinked,
)


class SignInNotices:
    """Answers None when it is too late, or nobody is left to say it to."""

    def __init__(self, users: Users, sessions: LoginSessions, links: SignInLinks, addresses: EmailAddresses) -> None:
        self._users = users
        self._sessions = sessions
        self._links = links
        self._addresses = addresses

    def of(self, id: UUID, kind: str, event: Any) -> Notice | None:
        """The mail of `kind` about one of `SIGN_IN_EVENTS`."""
        if isinstance(event, User.SignInLinkRequested):
            link = self._links.link(event)
            return self._to(id, kind, event, {"link": link.url, "expires_at": link.expires_at}) if link else None
        if isinstance(event, User.NewDeviceSignedIn):
            return self._to(id, kind, event, self._new_device(event))
        if isinstance(event, User.EmailChangeRequested):
            return self._changing(id, kind, event)
        if isinstance(event, User.EmailChanged):
            return self._changed(id, kind, event)
        return self._to(id, kind, event, self._ways(event))

    def _ways(self, event: Any) -> dict[str, Any]:
        """The reason is the name of the fact."""
        reason = str(event.topic()).removeprefix("user.")
        return {"reason": reason, "changed_at": event.timestamp, "link": self._users.forgot_password_url()}

    def _new_device(self, event: User.NewDeviceSignedIn) -> dict[str, Any]:
        """What is known of the device, as long as its session is there."""
        session = self._sessions.find(event.session)
        return {
            "device": session.device if session else None,
            "network": session.network if session else None,
            "signed_in_at": event.timestamp,
            "link": self._users.forgot_password_url(),
        }

    def _changing(self, id: UUID, kind: str, event: User.EmailChangeRequested) -> Notice | None:
        found = self._addresses.link(event.change)
        if found is None:
            return None
        wanted, link = found
        if kind == "confirm_new_email":
            return self._to(id, kind, event, {"link": link.url, "expires_at": link.expires_at}, address=wanted.email)
        context = {"asked_at": event.timestamp, "link": self._users.forgot_password_url()}
        return self._to(id, kind, event, context, address=wanted.former)

    def _changed(self, id: UUID, kind: str, event: User.EmailChanged) -> Notice | None:
        """To the former address: the new one knows."""
        done = self._addresses.changed(event.change)
        return self._to(id, kind, event, {"changed_at": event.timestamp}, address=done.former) if done else None

    def _to(
        self, id: UUID, kind: str, event: Any, context: Mapping[str, Any], address: str | None = None
    ) -> Notice | None:
        try:
            person = self._users.profile(event.originator_id).person
        except NotFound:
            return None
        name, organization_id = person.full_name, person.organization_id
        return Notice(id, kind, address or person.email, name, person.user_id, organization_id, context)
