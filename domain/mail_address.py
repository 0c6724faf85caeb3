"""What may be sent to an address for mail. The log knows it by a digest that nobody can turn back without the server's
secret; whose it is stands in tables that can be erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.mail_kinds import REMINDERS, MailKind


class Cause(StrEnum):
    """Why nothing is sent to an address."""

    REFUSED = "refused"  # the mail server answered 5xx to it
    BOUNCED = "bounced"  # the mail came back later
    COMPLAINED = "complained"  # its reader called a mail spam
    BY_HAND = "by_hand"


class Withheld(StrEnum):
    """Why a mail is not sent to an address."""

    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True)
class Suppression:
    """`code` is of SMTP, e.g. `550 5.1.1`; `mail_id` names the mail that met it, as far as that is known."""

    cause: Cause
    code: str | None
    mail_id: UUID | None


class MailAddress(Aggregate):
    """Nothing goes to an address that mails come back from, until somebody says that it works again: to write on would
    cost the vendor's name at mail servers, and with it the mails of all others."""

    TOPIC = "mail_address"

    if TYPE_CHECKING:
        suppression: Suppression | None
        declines_reminders: bool

    @classmethod
    def note(cls, id: UUID, *, now: datetime) -> MailAddress:
        return cls.begin(cls.Noted, id=id, now=now)

    def suppress(self, suppression: Suppression, *, now: datetime) -> None:
        """Nothing is sent to it from now on; the first reason stands."""
        if self.suppression is None:
            self.record(self.Suppressed, now=now, suppression=suppression)

    def restore(self, *, reason: str, now: datetime) -> None:
        """It works again, somebody says."""
        if self.suppression is not None:
            self.record(self.Restored, now=now, reason=reason)

    def decline_reminders(self, *, now: datetime) -> None:
        """Its reader wants no mails of the kinds that one may do without."""
        if not self.declines_reminders:
            self.record(self.RemindersDeclined, now=now)

    def want_reminders(self, *, now: datetime) -> None:
        if self.declines_reminders:
            self.record(self.RemindersWanted, now=now)

    def withholds(self, kind: MailKind) -> Withheld | None:
        """Why a mail of this kind must not be sent to it; None: it may."""
        if self.suppression is not None:
            return Withheld.SUPPRESSED
        return Withheld.UNSUBSCRIBED if self.declines_reminders and kind in REMINDERS else None

    class Noted(Created):
        TOPIC = "mail_address.noted"

        def apply(self, address: MailAddress) -> None:
            address.suppression = None
            address.declines_reminders = False

    class Suppressed(Aggregate.Event):
        TOPIC = "mail_address.suppressed"
        suppression: Suppression

        def apply(self, address: MailAddress) -> None:
            address.suppression = self.suppression

    class Restored(Aggregate.Event):
        TOPIC = "mail_address.restored"
        reason: str

        def apply(self, address: MailAddress) -> None:
            address.suppression = None

    class RemindersDeclined(Aggregate.Event):
        TOPIC = "mail_address.reminders_declined"

        def apply(self, address: MailAddress) -> None:
            address.declines_reminders = True

    class RemindersWanted(Aggregate.Event):
        TOPIC = "mail_address.reminders_wanted"

        def apply(self, address: MailAddress) -> None:
            address.declines_reminders = False
