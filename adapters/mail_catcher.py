"""Sandbox: mails are caught in a table instead of being sent, for a person or a test to read."""

from __future__ import annotations

import email
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast
from uuid import UUID

from adapters.database import Database, Row
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail as its reader gets it. `id` is our message id, `date` its Date header, `raw` the whole message."""

    id: UUID
    to: str
    subject: str
    date: datetime
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[str, ...]
    raw: bytes = field(repr=False)

    @classmethod
    def read(cls, id: UUID, to: str, raw: bytes) -> CaughtMail:
        message = email.message_from_bytes(raw, policy=default)
        return cls(
            id=id,
            to=to,
            subject=str(message["Subject"]),
            date=message["Date"].datetime,
            text=_part(message, "plain"),
            html=_part(message, "html"),
            attachments=tuple(part.get_filename() or "" for part in message.iter_attachments()),
            raw=raw,
        )

    @property
    def direction(self) -> str:
        """`rtl` for a mail that is read from the right."""
        return "rtl" if ' dir="rtl"' in self.html.partition(">\n<head>")[0] else "ltr"

    @property
    def page(self) -> str:
        """The HTML with its pictures in it: elsewhere than in a mail program nothing finds them by their content id."""
        html = self.html
        for part in email.message_from_bytes(self.raw, policy=default).walk():
            if (id := part["Content-ID"]) and part.get_content_maintype() == "image":
                picture = b64encode(cast(bytes, part.get_payload(decode=True))).decode()
                html = html.replace(f"cid:{id.strip('<> ')}", f"data:{part.get_content_type()};base64,{picture}")
        return html

    def attachment(self, filename: str) -> bytes:
        """The content of an attached file; `NotFound` when there is none of this name."""
        message = email.message_from_bytes(self.raw, policy=default)
        for part in message.iter_attachments():
            if part.get_filename() == filename:
                return cast(bytes, part.get_payload(decode=True))
        raise NotFound.of("attachment", filename)


class MailCatcher:
    """Writes `caught_mails`; used only where no mail may leave the machine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deliver(self, message: EmailMessage, *, message_id: UUID, to: str) -> None:
        self._database.execute(
            "insert into caught_mails (message_id, recipient, raw) values (%s, %s, %s)",
            (message_id, to, message.as_bytes()),
        )

    def caught(self, limit: int = 50, to: str | None = None, after: UUID | None = None) -> list[CaughtMail]:
        """The newest first, those before the mail `after`; `to` narrows to one address, in any case."""
        return self._read(
            "where (%(to)s::text is null or lower(recipient) = lower(%(to)s)) and (%(after)s::uuid is null"
            " or position < (select position from caught_mails where message_id = %(after)s))",
            {"limit": limit, "to": to, "after": after},
        )

    def one(self, message_id: UUID) -> CaughtMail:
        """`NotFound` when no such mail was caught."""
        found = self._read("where message_id = %(id)s", {"limit": 1, "id": message_id})
        if not found:
            raise NotFound.of("mail", message_id)
        return found[0]

    def purge(self, to: str | None = None) -> int:
        """Forgets all caught mails, or those to one address; answers how many."""
        return self._database.execute(
            "delete from caught_mails where %(to)s::text is null or lower(recipient) = lower(%(to)s)", {"to": to}
        )

    def erasing(self, subjects: Sequence[UUID]) -> Row:
        """The statement that forgets what was caught for these users and organizations."""
        return (
            "delete from caught_mails using mails where mails.message_id = caught_mails.message_id"
            " and mails.recipient_subject = any(%s)",
            (list(subjects),),
        )

    def erasing_address_of(self, user_id: UUID) -> Row:
        """The statement that forgets what was caught for a person's address as long as it is known, invitations too."""
        return (
            "delete from caught_mails where lower(recipient) in (select lower(email) from people where user_id = %s)",
            (user_id,),
        )

    def _read(self, where: str, params: dict[str, Any]) -> list[CaughtMail]:
        sql = f"select message_id, recipient, raw from caught_mails {where} order by position desc limit %(limit)s"
        rows = self._database.fetch_all(sql, params)
        return [CaughtMail.read(row["message_id"], row["recipient"], bytes(row["raw"])) for row in rows]


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return cast(str, part.get_content()).replace("\r\n", "\n") if part else ""
