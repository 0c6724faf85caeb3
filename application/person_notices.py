"""Mails to a person about the own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from application.notices import Writer
from application.store import Store
from domain.mail_kinds import MailKind
from domain.notice import Draft
from domain.user import User

if TYPE_CHECKING:
    from application.readers import Readers
    from application.users import Link, Users


class PersonNotices:
    """Nothing is said to somebody who was erased, nor about a link that is used up."""

    def __init__(self, store: Store, readers: Readers, users: Users) -> None:
        self._store = store
        self._readers = readers
        self._users = users

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "verify_email": self._verify_email,
            "welcome": self._welcome,
            "reset_password": self._reset_password,
            "password_changed": self._password_changed,
        }

    def _verify_email(self, event: User.Registered) -> Draft | None:
        link = self._users.verification_link(event.originator_id)
        return self._to(event, MailKind.VERIFY_EMAIL, linked(link)) if link else None

    def _welcome(self, event: User.EmailVerified) -> Draft | None:
        """To whoever founded an organization; who comes by an invitation has just read that it worked."""
        user = self._store.fetch(User, event.originator_id)
        founded = None if user.erased else user.organization_id
        party = self._readers.organization(founded) if founded else None
        return self._to(event, MailKind.WELCOME, {"organization_name": party.name}) if party else None

    def _reset_password(self, event: User.PasswordResetRequested) -> Draft | None:
        link = self._users.reset_link(event.originator_id)
        return self._to(event, MailKind.RESET_PASSWORD, linked(link)) if link else None

    def _password_changed(self, event: User.PasswordChanged) -> Draft | None:
        context = {"changed_at": event.timestamp, "link": self._users.forgot_password_url()}
        return self._to(event, MailKind.PASSWORD_CHANGED, context)

    def _to(self, event: Any, kind: MailKind, context: Mapping[str, Any]) -> Draft | None:
        reader = self._readers.person(event.originator_id)
        return Draft(kind, reader, context) if reader else None


def linked(link: Link) -> dict[str, Any]:
    """What a mail says of its link."""
    return {"link": link.url, "expires_at": link.expires_at}
