"""Outgoing mail: each mail is sent at most once, and what became of it is written down.

A row is claimed before the network call and settled after it; no connection is held in between. A process that dies
in between leaves its claim behind: nobody can know whether that mail went out, so it is reported and never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import structlog

from adapters.database import Database, Row
from adapters.emails.envelope import Mailbox, compose, plain_address
from adapters.emails.kinds import CONTEXTS, UNPROVEN
from adapters.emails.letterhead import Stationery, stationery_of
from adapters.emails.render import Frame, Rendered, render
from adapters.mail_catcher import CaughtMail, MailCatcher
from adapters.smtp import Refused, SmtpServer, TryLater, Unknown
from domain.errors import Unavailable
from domain.mail_address import Withheld
from domain.notice import Notice
from domain.vendor import Identity

log = structlog.get_logger()

LOST_AFTER = 60
"""Seconds after which a claim that nobody settled counts as lost."""
MOST_REFUSALS = 120
"""With an hour between them (adapters/outbox.py) that is five days, as long as mail servers keep trying (RFC 5321
§4.5.4.1); after it a mail that the server would never quite take has failed."""
_LONGEST_THREAD = 20


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
    SUPPRESSED = "suppressed"
    """Nothing is sent to this address."""
    UNSUBSCRIBED = "unsubscribed"
    """Its reader wants no mails of this kind."""


class Sending(NamedTuple):
    """`refused`: the code with which the server refused the address now, whatever the mail."""

    outcome: Outcome
    refused: str | None = None


class MailDelayed(Unavailable):
    """The mail was not taken this time (4xx, server away); nothing went out, send it again later."""

    code = "mail_delayed"
    sentence = "The mail server did not take the mail this time; it will be tried again."


class LostMail(NamedTuple):
    """A mail whose sender died: it may have gone out or not."""

    message_id: UUID
    kind: str
    organization_id: UUID | None


class Mailer:
    """Sends through `smtp_url`. Without one it catches mails in the sandbox, and delays them in production, where a
    caught mail would be a licence that never arrived.

    `mail_from` is `Name <address>`. `vendor` says who sells, for the letterhead; while nobody does, the name of
    `mail_from` stands there. `ValueError` for a wrong address of either.
    """

    def __init__(
        self,
        database: Database,
        *,
        mail_from: str,
        smtp_url: str | None = None,
        sandbox: bool = False,
        vendor: Callable[[], Identity | None] = lambda: None,
    ) -> None:
        self._database = database
        self._sender = Mailbox.parse(mail_from)
        self._server = SmtpServer.parse(smtp_url) if smtp_url else None
        self._catcher = MailCatcher(database)
        self._catches = sandbox and not smtp_url
        self._vendor = vendor

    def send(self, notice: Notice, *, now: datetime) -> Sending:
        """Sends it unless that was done, tried for good, or is being done. `now` is the engine's time.

        Raises `MailDelayed` (send again later), `ValueError` for a wrong context or number of files (nothing is
        claimed), `Unavailable` when Postgres is away.
        """
        stationery = stationery_of(self._vendor(), self._sender.name)
        rendered = self._rendered(notice, stationery)
        attempt = self._claim(notice, now)
        if attempt is None:
            return Sending(self._what_became_of(notice))
        try:
            self._deliver(notice, rendered, stationery, now)
        except TryLater as reason:
            return self._put_off(notice, attempt, reason)
        except Refused as reason:
            self._settle(notice, attempt, Outcome.FAILED, error_code=reason.code)
            return Sending(Outcome.FAILED, reason.code if reason.is_of_address else None)
        except Unknown as reason:
            self._settle(notice, attempt, Outcome.UNCERTAIN, error_code=reason.code)
            return Sending(Outcome.UNCERTAIN)
        self._settle(notice, attempt, Outcome.SENT, sent_at=now)
        return Sending(Outcome.SENT)

    def withhold(self, notice: Notice, why: Withheld, *, now: datetime) -> Sending:
        """Writes down that it is not sent, and why; what was sent already stays sent."""
        written = self._database.execute(
            f"insert into mails ({_COLUMNS}, status, attempts) values ({_MARKS}, %(status)s, 0)"
            " on conflict (message_id) do update set status = excluded.status where mails.status = 'delayed'",
            {**_row_of(notice, now), "status": why.value},
        )
        if written:
            log.info(f"mail.{why}", message_id=str(notice.message_id), kind=notice.kind.value)
        return Sending(Outcome(why.value) if written else self._what_became_of(notice))

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

    @staticmethod
    def _rendered(notice: Notice, stationery: Stationery) -> Rendered:
        wanted = CONTEXTS[notice.kind].attachments
        if len(notice.files) != wanted:
            raise ValueError(f"The mail {notice.kind} has {wanted} attachment(s), not {len(notice.files)}.")
        common = {"recipient_name": notice.to.name, "sender": stationery.letterhead.name}
        frame = Frame(stationery.letterhead, notice.to.language, notice.unsubscribe_url)
        return render(notice.kind, {**notice.context, **common}, frame)

    def _deliver(self, notice: Notice, rendered: Rendered, stationery: Stationery, now: datetime) -> None:
        message, to = self._composed(notice, rendered, stationery, now)
        if self._server:
            self._server.deliver(message, sender=self._sender.address, to=to)
        elif self._catches:
            self._catcher.deliver(message, message_id=notice.message_id, to=to)
        else:
            raise TryLater("no_smtp_url")

    def _composed(
        self, notice: Notice, rendered: Rendered, stationery: Stationery, now: datetime
    ) -> tuple[EmailMessage, str]:
        try:
            address = plain_address(notice.to.email)
        except ValueError:
            raise Refused("address") from None
        message = compose(
            rendered,
            message_id=notice.message_id,
            sender=self._sender,
            to=Mailbox("" if notice.kind in UNPROVEN else notice.to.name, address),
            now=now,
            files=notice.files,
            logo=stationery.logo,
            reply_to=stationery.letterhead.email,
            earlier=self._sent_before(notice),
            unsubscribe_url=notice.unsubscribe_url,
        )
        return message, address

    def _sent_before(self, notice: Notice) -> tuple[UUID, ...]:
        """The mails of the same thread, the first one first."""
        if notice.thread is None:
            return ()
        rows = self._database.fetch_all(
            "select message_id from mails where thread = %s and status = 'sent' order by sent_at, claimed_at limit %s",
            (notice.thread, _LONGEST_THREAD),
        )
        return tuple(row["message_id"] for row in rows)

    def _claim(self, notice: Notice, now: datetime) -> int | None:
        """The number of this attempt, or None when the mail is not free to be sent."""
        row = self._database.fetch_one(
            f"insert into mails ({_COLUMNS}, status, attempts) values ({_MARKS}, 'claimed', 1)"
            " on conflict (message_id) do update set status = 'claimed', attempts = mails.attempts + 1,"
            " claimed_at = clock_timestamp(), error_code = null, kind = excluded.kind, thread = excluded.thread,"
            " language = excluded.language"
            " where mails.status = 'delayed'"
            " returning attempts",
            _row_of(notice, now),
        )
        return row["attempts"] if row else None

    def _what_became_of(self, notice: Notice) -> Outcome:
        row = self._database.fetch_one(
            "select status, claimed_at < clock_timestamp() - make_interval(secs => %s) as lost"
            " from mails where message_id = %s",
            (LOST_AFTER, notice.message_id),
        )
        if row is None or row["status"] == "delayed":
            raise MailDelayed(retry_after=LOST_AFTER)  # it was let go of, or erased, since the claim was refused
        if row["status"] == "claimed":
            if not row["lost"]:
                return Outcome.IN_PROGRESS
            self.report_lost()
            return Outcome.UNCERTAIN
        return Outcome.ALREADY_SENT if row["status"] == "sent" else Outcome(row["status"])

    def _put_off(self, notice: Notice, attempt: int, reason: TryLater) -> Sending:
        """The server's own 4xx counts; that nobody could be asked does not: an operator mends that."""
        if attempt >= MOST_REFUSALS and reason.code[:1] == "4":
            self._settle(notice, attempt, Outcome.FAILED, error_code=reason.code)
            return Sending(Outcome.FAILED)
        self._settle(notice, attempt, "delayed", error_code=reason.code)
        raise MailDelayed(retry_after=LOST_AFTER)

    def _settle(
        self,
        notice: Notice,
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
            (status, error_code, sent_at, notice.message_id, attempt),
        )
        log.info(f"mail.{status}", message_id=str(notice.message_id), kind=notice.kind.value, error_code=error_code)


_COLUMNS = (
    "message_id, kind, organization_id, recipient_subject, told_stream, told_version, told_kind, thread, language,"
    " noted_at, claimed_at"
)
_MARKS = (
    "%(message_id)s, %(kind)s, %(organization_id)s, %(recipient_subject)s, %(told_stream)s, %(told_version)s,"
    " %(told_kind)s, %(thread)s, %(language)s, %(noted_at)s, clock_timestamp()"
)


def _row_of(notice: Notice, now: datetime) -> dict[str, object]:
    return {
        "message_id": notice.message_id,
        "kind": notice.kind.value,
        "organization_id": notice.to.organization_id,
        "recipient_subject": notice.to.subject,
        "told_stream": notice.told.stream_id,
        "told_version": notice.told.version,
        "told_kind": notice.told.kind,
        "thread": notice.thread,
        "language": notice.to.language,
        "noted_at": now,
    }
