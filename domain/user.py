"""A person who can log in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import EmailNotVerified, NotFound, SignatureInvalid


class PasswordProof(StrEnum):
    """What a person showed to be allowed a new password."""

    OLD_PASSWORD = "old_password"
    MAILED_LINK = "mailed_link"


class User(Aggregate):
    """A person; everything that says which person (address, name, password hash) lives in `people`, never here.

    Of which organizations it is a member is known by the `Organization`s; `organization_id` is the one that was
    registered together with it, None when it came by an invitation. The credential version counts passwords. Links
    that set one and log-in sessions name the version they were made under, so a new password ends them all.
    """

    TOPIC = "user"

    if TYPE_CHECKING:
        organization_id: UUID | None
        email_verified: bool
        credential_version: int
        erased: bool
        deletion_due: datetime | None

    @classmethod
    def register(cls, *, id: UUID, organization_id: UUID | None, now: datetime) -> User:
        return cls.begin(cls.Registered, id=id, now=now, organization_id=organization_id)

    def verify_email(self, *, now: datetime) -> None:
        """The person opened a link that only the mailbox got. Opening it again changes nothing."""
        self._refuse_erased()
        if not self.email_verified:
            self.record(self.EmailVerified, now=now)

    def request_password_reset(self, *, now: datetime) -> None:
        self._refuse_erased()
        self.record(self.PasswordResetRequested, now=now)

    def reset_password(self, *, credential_version: int, now: datetime) -> None:
        """Through a mailed link made under `credential_version`; `SignatureInvalid` when the link was used up.

        The link also proves the mailbox, so the address counts as verified from here on.
        """
        self._refuse_erased()
        if credential_version != self.credential_version:
            raise SignatureInvalid("This link was used before or is out of date; ask for a new one.")
        self._change_password(PasswordProof.MAILED_LINK, now)
        self.verify_email(now=now)

    def change_password(self, *, now: datetime) -> None:
        """By somebody who gave the old one."""
        self._refuse_erased()
        self._change_password(PasswordProof.OLD_PASSWORD, now)

    def rename(self, *, now: datetime) -> None:
        """The names themselves are personal data and stay out of the log."""
        self._refuse_erased()
        self.record(self.Renamed, now=now)

    def end_reused_session(self, *, session: UUID, now: datetime) -> None:
        """A refresh token came a second time: one of the two holders stole it, so neither keeps the session."""
        if not self.erased:
            self.record(self.RefreshTokenReused, now=now, session=session)

    def schedule_deletion(self, due_at: datetime, *, now: datetime) -> None:
        """The person wants to be erased; until then it can be stopped. Again: the first date stands."""
        self._refuse_erased()
        if self.deletion_due is None:
            self.record(self.DeletionScheduled, now=now, due_at=due_at)

    def stop_deletion(self, *, now: datetime) -> None:
        self._refuse_erased()
        if self.deletion_due is not None:
            self.record(self.DeletionStopped, now=now)

    def erase(self, *, now: datetime) -> None:
        if not self.erased:
            self.record(self.Erased, now=now)

    def require_verified(self) -> None:
        """`EmailNotVerified` until the address is proven, `NotFound` once the person is erased."""
        self._refuse_erased()
        if not self.email_verified:
            raise EmailNotVerified()

    def _change_password(self, proof: PasswordProof, now: datetime) -> None:
        self.record(self.PasswordChanged, now=now, credential_version=self.credential_version + 1, proof=proof)

    def _refuse_erased(self) -> None:
        if self.erased:
            raise NotFound.of("user", self.id)

    class Registered(Created):
        TOPIC = "user.registered"
        organization_id: UUID | None

        def apply(self, user: User) -> None:
            user.organization_id = self.organization_id
            user.email_verified = False
            user.credential_version = 1
            user.erased = False
            user.deletion_due = None

    class EmailVerified(Aggregate.Event):
        TOPIC = "user.email_verified"

        def apply(self, user: User) -> None:
            user.email_verified = True

    class PasswordResetRequested(Aggregate.Event):
        TOPIC = "user.password_reset_requested"

    class PasswordChanged(Aggregate.Event):
        TOPIC = "user.password_changed"
        credential_version: int
        proof: PasswordProof

        def apply(self, user: User) -> None:
            user.credential_version = self.credential_version

    class Renamed(Aggregate.Event):
        TOPIC = "user.renamed"

    class RefreshTokenReused(Aggregate.Event):
        TOPIC = "user.refresh_token_reused"
        session: UUID

    class DeletionScheduled(Aggregate.Event):
        TOPIC = "user.deletion_scheduled"
        due_at: datetime

        def apply(self, user: User) -> None:
            user.deletion_due = self.due_at

    class DeletionStopped(Aggregate.Event):
        TOPIC = "user.deletion_stopped"

        def apply(self, user: User) -> None:
            user.deletion_due = None

    class Erased(Aggregate.Event):
        TOPIC = "user.erased"

        def apply(self, user: User) -> None:
            user.erased = True
