"""What somebody is told by mail, before it has words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.mail_kinds import MailKind
from domain.mail_resend import Told


class MailStatus(StrEnum):
    """What became of a mail, or becomes of it now."""

    CLAIMED = "claimed"
    SENT = "sent"
    DELAYED = "delayed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True)
class File:
    """A file that comes with a mail; not shown in logs and tracebacks: a licence file is worth money."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/json"


@dataclass(frozen=True)
class Reader:
    """To whom. `subject` is the id of the user or organization, the only trace of a person in the mail log."""

    subject: UUID
    organization_id: UUID | None
    email: str = field(repr=False)
    name: str = field(default="", repr=False)
    language: str = "en"


@dataclass(frozen=True)
class Notice:
    """A mail before it has words: `message_id` is derived from the fact that it tells, so a fact is told once.

    `thread` ties mails about one thing together, e.g. about an invoice that is not paid.
    """

    message_id: UUID
    kind: MailKind
    told: Told
    to: Reader
    context: Mapping[str, Any] = field(repr=False)
    files: tuple[File, ...] = ()
    thread: UUID | None = None
    unsubscribe_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Draft:
    """What there is to say about a fact, and to whom. `product`: whose vendor may leave such mails out. `fact` names it
    where several events of a stream may report it, so that it is told once all the same."""

    kind: MailKind
    to: Reader
    context: Mapping[str, Any] = field(repr=False)
    files: tuple[File, ...] = ()
    thread: UUID | None = None
    product: str | None = None
    fact: str | None = None
