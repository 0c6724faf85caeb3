"""Mails about signing in, as facts demand them: links, new devices, another address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from application.notices import Writer
from application.person_notices import linked
from domain.mail_kinds import MailKind
from domain.notice import Draft
from domain.user import User

if TYPE_CHECKING:
    from adapters.login_sessions import LoginSessions
    from application.email_addresses import EmailAddresses
    from application.readers import Readers
    from application.sign_in_links import SignInLinks
    from application.users import Users


class SignInNotices:
    """Nothing is said when it is too late, or nobody is left to say it to."""

    def __init__(
        self,
        readers: Readers,
        users: Users,
        sessions: LoginSessions,
        links: SignInLinks,
        addresses: EmailAddresses,
    ) -> None:
        self._readers = readers
        self._users = users
        self._sessions = sessions
        self._links = links
        self._addresses = addresses

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "sign_in_link": self._asked_for,
            "sign_in_slowed": self._slowed,
            "new_device": self._new_device,
            "confirm_new_email": self._confirm_new,
            "email_changing": self._changing,
            "email_changed": self._changed,
            "sign_in_changed": self._ways,
        }

    def _asked_for(self, event: User.SignInLinkRequested) -> Draft | None:
        link = self._links.link(event)
        return self._to(event, MailKind.SIGN_IN_LINK, linked(link)) if link else None

    def _slowed(self, event: User.SignInLinkRequested) -> Draft | None:
        link = self._links.link(event)
        return self._to(event, MailKind.SIGN_IN_SLOWED, linked(link)) if link else None

    def _new_device(self, event: User.NewDeviceSignedIn) -> Draft | None:
        """What is known of the device, as long as its session is there."""
        session = self._sessions.find(event.session)
        context = {
            "device": session.device if session else None,
            "network": session.network if session else None,
            "signed_in_at": event.timestamp,
            "link": self._users.forgot_password_url(),
        }
        return self._to(event, MailKind.NEW_DEVICE, context)

    def _confirm_new(self, event: User.EmailChangeRequested) -> Draft | None:
        found = self._addresses.link(event.change)
        if found is None:
            return None
        wanted, link = found
        return self._to(event, MailKind.CONFIRM_NEW_EMAIL, linked(link), address=wanted.email)

    def _changing(self, event: User.EmailChangeRequested) -> Draft | None:
        found = self._addresses.link(event.change)
        context = {"asked_at": event.timestamp, "link": self._users.forgot_password_url()}
        return self._to(event, MailKind.EMAIL_CHANGING, context, address=found[0].former) if found else None

    def _changed(self, event: User.EmailChanged) -> Draft | None:
        """To the former address: the new one knows."""
        done, context = self._addresses.changed(event.change), {"changed_at": event.timestamp}
        return self._to(event, MailKind.EMAIL_CHANGED, context, address=done.former) if done else None

    def _ways(self, event: Any) -> Draft | None:
        """The reason is the name of the fact."""
        reason = str(event.topic()).removeprefix("user.")
        context = {"reason": reason, "changed_at": event.timestamp, "link": self._users.forgot_password_url()}
        return self._to(event, MailKind.SIGN_IN_CHANGED, context)

    def _to(self, event: Any, kind: MailKind, context: Mapping[str, Any], address: str | None = None) -> Draft | None:
        reader = self._readers.person(event.originator_id)
        if reader is None:
            return None
        return Draft(kind, replace(reader, email=address) if address else reader, context)
