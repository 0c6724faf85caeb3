"""Mails about deletions that were asked for: of a person's account, of an organization."""

from __future__ import annotations

from collections.abc import Mapping

from application.notices import Writer
from application.readers import Readers
from application.store import Store
from domain.custody import Custody
from domain.mail_kinds import MailKind
from domain.notice import Draft
from domain.user import User


class DeletionNotices:
    """Nothing is said of a deletion that was stopped, or asked for anew since."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "account_deletion_scheduled": lambda event: self._of_account(event, MailKind.ACCOUNT_DELETION_SCHEDULED),
            "account_deletion_near": lambda event: self._of_account(event, MailKind.ACCOUNT_DELETION_NEAR),
            "organization_deletion_scheduled": lambda event: self._of_organization(
                event, MailKind.ORGANIZATION_DELETION_SCHEDULED
            ),
            "organization_deletion_near": lambda event: self._of_organization(
                event, MailKind.ORGANIZATION_DELETION_NEAR
            ),
        }

    def _of_account(self, event: User.DeletionScheduled, kind: MailKind) -> Draft | None:
        user = self._store.fetch(User, event.originator_id)
        reader = self._readers.person(event.originator_id)
        if reader is None or user.deletion_due != event.due_at:
            return None
        return Draft(kind, reader, {"due_at": event.due_at})

    def _of_organization(self, event: Custody.DeletionScheduled, kind: MailKind) -> Draft | None:
        custody = self._store.fetch(Custody, event.originator_id)
        party = self._readers.organization(custody.organization_id)
        if party is None or custody.deletion_due != event.due_at:
            return None
        return Draft(kind, party.reader, {"organization_name": party.name, "due_at": event.due_at})
