"""A person who can log in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, EmailNotVerified, NotFound, SignatureInvalid
from domain.sign_in import LinkCause, PasswordProof

MOST_OPEN_LINKS = 5
"""Links that sign in and were neither used nor replaced: the oldest goes first."""


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
        language: str | None  # of mails, as the person chose
        deletion_due: datetime | None
        sign_in_links: tuple[UUID, ...]
        email_change: UUID | None
        has_second_factor: bool

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

    def choose_language(self, language: str, *, now: datetime) -> None:
        """In which language the person wants to be written to, e.g. `de`."""
        self._refuse_erased()
        if language != self.language:
            self.record(self.LanguageChosen, now=now, language=language)

    def send_sign_in_link(self, *, link: UUID, cause: LinkCause, now: datetime) -> None:
        """A link is on its way to the mailbox; whoever opens it is let in."""
        self._refuse_erased()
        self.record(self.SignInLinkRequested, now=now, link=link, cause=cause)

    def use_sign_in_link(self, *, link: UUID, now: datetime) -> None:
        """`SignatureInvalid` when it was used, or followed by many others. It also proves the mailbox."""
        self._refuse_erased()
        if link not in self.sign_in_links:
            raise SignatureInvalid("This link was used before or is out of date; ask for a new one.")
        self.record(self.SignInLinkUsed, now=now, link=link)
        self.verify_email(now=now)

    def note_new_device(self, *, session: UUID, now: datetime) -> None:
        """Somebody signed in from where this person never did before. Which device it is says the session's row."""
        self.record(self.NewDeviceSignedIn, now=now, session=session)

    def request_email_change(self, *, change: UUID, now: datetime) -> None:
        """Another address, which stays outside of the log until it is proven; one asked for before is dropped."""
        self._refuse_erased()
        self.record(self.EmailChangeRequested, now=now, change=change)

    def change_email(self, *, change: UUID, credential_version: int, now: datetime) -> None:
        """The new mailbox is proven by a link of this very change, made under `credential_version`; `SignatureInvalid`
        when it was used or replaced, or the password was changed since: then somebody else had asked for it."""
        self._refuse_erased()
        if change != self.email_change or credential_version != self.credential_version:
            raise SignatureInvalid("This link was used before or is out of date; ask for the change again.")
        self.record(self.EmailChanged, now=now, change=change)
        self.verify_email(now=now)

    def add_second_factor(self, *, now: datetime) -> None:
        self._refuse_erased()
        if self.has_second_factor:
            raise Conflict("There is a second factor already.")
        self.record(self.SecondFactorAdded, now=now)

    def remove_second_factor(self, *, now: datetime) -> None:
        self._refuse_erased()
        if self.has_second_factor:
            self.record(self.SecondFactorRemoved, now=now)

    def renew_recovery_codes(self, *, now: datetime) -> None:
        self._require_second_factor()
        self.record(self.RecoveryCodesRenewed, now=now)

    def use_recovery_code(self, *, left: int, now: datetime) -> None:
        """One of the codes for the day when the phone is gone; so many are left."""
        self._require_second_factor()
        self.record(self.RecoveryCodeUsed, now=now, left=left)

    def link_identity(self, *, provider: str, now: datetime) -> None:
        """From now on the person can sign in by it. Which account there it is stays outside of the log."""
        self._refuse_erased()
        self.record(self.IdentityLinked, now=now, provider=provider)

    def unlink_identity(self, *, provider: str, now: datetime) -> None:
        self._refuse_erased()
        self.record(self.IdentityUnlinked, now=now, provider=provider)

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

    def _require_second_factor(self) -> None:
        self._refuse_erased()
        if not self.has_second_factor:
            raise Conflict("There is no second factor.")

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
            user.language = None
            user.deletion_due = None
            user.sign_in_links = ()
            user.email_change = None
            user.has_second_factor = False

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

    class LanguageChosen(Aggregate.Event):
        TOPIC = "user.language_chosen"
        language: str

        def apply(self, user: User) -> None:
            user.language = self.language

    class SignInLinkRequested(Aggregate.Event):
        TOPIC = "user.sign_in_link_requested"
        link: UUID
        cause: LinkCause

        def apply(self, user: User) -> None:
            user.sign_in_links = (*user.sign_in_links, self.link)[-MOST_OPEN_LINKS:]

    class SignInLinkUsed(Aggregate.Event):
        TOPIC = "user.sign_in_link_used"
        link: UUID

        def apply(self, user: User) -> None:
            user.sign_in_links = tuple(each for each in user.sign_in_links if each != self.link)

    class NewDeviceSignedIn(Aggregate.Event):
        TOPIC = "user.new_device_signed_in"
        session: UUID

    class EmailChangeRequested(Aggregate.Event):
        TOPIC = "user.email_change_requested"
        change: UUID

        def apply(self, user: User) -> None:
            user.email_change = self.change

    class EmailChanged(Aggregate.Event):
        TOPIC = "user.email_changed"
        change: UUID

        def apply(self, user: User) -> None:
            user.email_change = None

    class SecondFactorAdded(Aggregate.Event):
        TOPIC = "user.second_factor_added"

        def apply(self, user: User) -> None:
            user.has_second_factor = True

    class SecondFactorRemoved(Aggregate.Event):
        TOPIC = "user.second_factor_removed"

        def apply(self, user: User) -> None:
            user.has_second_factor = False

    class RecoveryCodesRenewed(Aggregate.Event):
        TOPIC = "user.recovery_codes_renewed"

    class RecoveryCodeUsed(Aggregate.Event):
        TOPIC = "user.recovery_code_used"
        left: int

    class IdentityLinked(Aggregate.Event):
        TOPIC = "user.identity_linked"
        provider: str

    class IdentityUnlinked(Aggregate.Event):
        TOPIC = "user.identity_unlinked"
        provider: str

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
