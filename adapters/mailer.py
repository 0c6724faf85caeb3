"""Outgoing mail: each mail is sent at most once, and what became of it is written down.

A row is claimed before the network call and settled after it; no connection is held in between. A process that dies
in between leaves its claim behind: nobody can know whether that mail went out, so it is reported and never repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from uuid import UUID

import structlog

from adapters.database import Database, Row
from adapters.emails.envelope import Attachment, Mailbox, compose, plain_address
from adapters.emails.kinds import CONTEXTS, UNPROVEN, MailKind
from adapters.emails.render import Rendered, render
from adapters.mail_catcher import CaughtMail, MailCatcher
from adapters.smtp import Refused, SmtpServer, TryLater, Unknown
from domain.errors import Unavailable

log = structlog.get_logger()

LOST_AFTER = 60
"""Seconds after which a claim that nobody settled counts as lost."""


class Outcome(StrEnum):
    """What became of a mail. Only SENT means that this call sent it."""

    SENT = "sent"
    ALREADY_SENT = "already_sent"
    IN_PROGRESS = "in_progress"
    """Another worker claimed it less than a minute ago."""
    UNCERTAIN = "uncertain"
    """It may have gone out: its sender died, or the connection was lost while the server took it. Not sent again."""
    FAILED = "failed"
    """The server refuses this mail for this address for good (5xx), now or at an earlier attempt."""


class MailDelayed(Unavailable):
    """The mail was not taken this time (4xx, server away); nothing went out, send it again later."""

    code = "mail_delayed"
    sentence = "The mail server did not take the mail this time; it will be tried again."


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one recipient.

    `message_id` is derived from the fact it tells (`domain.ids.message_id`); `recipient_subject` is the id of the user
    or organization it goes to, the only trace of the person in the mail log; `context` has the keys of
    `CONTEXTS[kind]`. `ValueError` when the kind wants another number of attachments.
    """

    message_id: UUID
    kind: MailKind
    to: str = field(repr=False)
    recipient_name: str = field(repr=False)
    recipient_subject: UUID
    organization_id: UUID | None
    context: Mapping[str, object] = field(repr=False)
    attachments: Sequence[Attachment] = ()
    locale: str = "en"

    def __post_init__(self) -> None:
        wanted = CONTEXTS[self.kind].attachments
        if len(self.attachments) != wanted:
            raise ValueError(f"The mail {self.kind} has {wanted} attachment(s), not {len(self.attachments)}.")


@dataclass(frozen=True, slots=True)
class LostMail:
    """A mail whose sender died: it may have gone out or not."""

    message_id: UUID
    kind: str
    organization_id: UUID | None


class Mailer:
    """Sends through `smtp_url`. Without one it catches mails in the sandbox, and delays them in production, where a
    caught mail would be a licence that never arrived.

    `mail_from` is `Name <address>`; the name signs the mails. `ValueError` for a wrong address of either.
    """

    def __init__(
        self, database: Database, *, mail_from: str, smtp_url: str | None = None, sandbox: bool = False
    ) -> None:
        self._database = database
        self._sender = Mailbox.parse(mail_from)
        self._server = SmtpServer.parse(smtp_url) if smtp_url else None
        self._catcher = MailCatcher(database)
        self._catches = sandbox and not smtp_url

    def send(self, mail: Mail, *, now: datetime) -> Outcome:
        """Sends it unless that was done, tried for good, or is being done. `now` is the engine's time.

        Raises `MailDelayed` (send again later), `ValueError` for a wrong context (nothing is claimed), `Unavailable`
        when Postgres is away.
        """
        rendered = self.preview(mail)
        attempt = self._claim(mail)
        if attempt is None:
            return self._what_became_of(mail)
        try:
            self._deliver(mail, rendered, now)
        except TryLater as reason:
            self._settle(mail, attempt, "delayed", error_code=reason.code)
            raise MailDelayed(retry_after=LOST_AFTER) from None
        except (Refused, Unknown) as reason:
            outcome = Outcome.FAILED if isinstance(reason, Refused) else Outcome.UNCERTAIN
            self._settle(mail, attempt, outcome, error_code=reason.code)
            return outcome
        self._settle(mail, attempt, Outcome.SENT, sent_at=now)
        return Outcome.SENT

    def preview(self, mail: Mail) -> Rendered:
        """The mail as it would be sent; `ValueError` for a wrong context."""
        common = {"recipient_name": mail.recipient_name, "sender": self._sender.name}
        return render(mail.kind, {**mail.context, **common}, mail.locale)

    def report_lost(self) -> list[LostMail]:
        """Marks the mails whose sender died as uncertain and answers them, each once. To be called now and then."""
        rows = self._database.fetch_all(
            "update mails set status = 'uncertain', error_code = 'sender_died'"
            " where status = 'claimed' and claimed_at < clock_timestamp() - make_interval(secs => %s)"
            " returning message_id, kind, organization_id",
            (LOST_AFTER,),
        )
        for row in rows:
            log.warning("mail.uncertain", message_id=str(row["message_id"]), kind=row["kind"], error_code="sender_died")
        return [LostMail(row["message_id"], row["kind"], row["organization_id"]) for row in rows]

    def caught(self, limit: int = 50, to: str | None = None, after: UUID | None = None) -> list[CaughtMail]:
        """Sandbox: the caught mails, newest first, those before the mail `after`; `to` narrows to one address."""
        return self._catcher.caught(limit, to, after)

    def caught_mail(self, message_id: UUID) -> CaughtMail:
        """Sandbox: one caught mail; `NotFound`."""
        return self._catcher.one(message_id)

    def purge_caught(self, to: str | None = None) -> int:
        """Sandbox: forgets all caught mails, or those to one address (erasure of a person); answers how many."""
        return self._catcher.purge(to)

    def erasing(self, user_id: UUID, organization_ids: Sequence[UUID]) -> list[Row]:
        """The statements that erase the traces of a person and of its deserted organizations, for the transaction of
        `User.Erased`, before the person's own row goes. The log of mails has none: it knows subject ids only."""
        return [self._catcher.erasing([user_id, *organization_ids]), self._catcher.erasing_address_of(user_id)]

    def _deliver(self, mail: Mail, rendered: Rendered, now: datetime) -> None:
        message, to = self._composed(mail, rendered, now)
        if self._server:
            self._server.deliver(message, sender=self._sender.address, to=to)
        elif self._catches:
            self._catcher.deliver(message, message_id=mail.message_id, to=to)
        else:
            raise TryLater("no_smtp_url")

    def _composed(self, mail: Mail, rendered: Rendered, now: datetime) -> tuple[EmailMessage, str]:
        try:
            address = plain_address(mail.to)
        except ValueError:
            raise Refused("address") from None
        to = Mailbox("" if mail.kind in UNPROVEN else mail.recipient_name, address)
        message = compose(
            rendered, message_id=mail.message_id, sender=self._sender, to=to, now=now, attachments=mail.attachments
        )
        return message, address

    def _claim(self, mail: Mail) -> int | None:
        """The number of this attempt, or None when the mail is not free to be sent."""
        row = self._database.fetch_one(
            "insert into mails (message_id, kind, organization_id, recipient_subject, status, attempts, claimed_at)"
            " values (%s, %s, %s, %s, 'claimed', 1, clock_timestamp())"
            " on conflict (message_id) do update"
            " set status = 'claimed', attempts = mails.attempts + 1, claimed_at = clock_timestamp(), error_code = null"
            " where mails.status = 'delayed'"
            " returning attempts",
            (mail.message_id, mail.kind.value, mail.organization_id, mail.recipient_subject),
        )
        return row["attempts"] if row else None

    def _what_became_of(self, mail: Mail) -> Outcome:
        row = self._database.fetch_one(
            "select status, claimed_at < clock_timestamp() - make_interval(secs => %s) as lost"
            " from mails where message_id = %s",
            (LOST_AFTER, mail.message_id),
        )
        if row is None or row["status"] == "delayed":
            raise MailDelayed(retry_after=LOST_AFTER)  # it was let go of, or erased, since the claim was refused
        if row["status"] == "claimed":
            if not row["lost"]:
                return Outcome.IN_PROGRESS
            self.report_lost()
            return Outcome.UNCERTAIN
        return Outcome.ALREADY_SENT if row["status"] == "sent" else Outcome(row["status"])

    def _settle(
        self,
        mail: Mail,
        attempt: int,
        status: str,
        *,
        error_code: str | None = None,
        sent_at: datetime | None = None,
    ) -> None:
        """Only the attempt that claimed may settle; one that was slow and is already reported uncertain still may."""
        self._database.execute(
            "update mails set status = %s, error_code = %s, sent_at = %s"
            " where message_id = %s and attempts = %s and status in ('claimed', 'uncertain')",
            (status, error_code, sent_at, mail.message_id, attempt),
        )
        log.info(f"mail.{status}", message_id=str(mail.message_id), kind=mail.kind.value, error_code=error_code)
