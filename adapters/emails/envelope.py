"""A rendered mail becomes a message that mail servers and mail programs understand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import parseaddr
from typing import cast
from uuid import UUID

from adapters.emails.letterhead import LOGO, Image
from adapters.emails.render import Rendered
from adapters.plain_text import one_line
from domain.notice import File

_SPECIALS = str.maketrans(dict.fromkeys('()<>[]:;@\\,."=?', " "))
_NAME_LENGTH = 100
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class _OnOneLine(UnstructuredHeader):
    """A long address would be folded into encoded words (RFC 2047), which no program reads as an address."""

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OnOneLine)
_PLAIN, _UTF8 = (policy.clone(header_factory=_HEADERS) for policy in (SMTP, SMTPUTF8))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name and an address. `ValueError` for an address that no header could carry."""

    name: str
    address: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """`CODITECT <licences@example.com>`, or a bare address: its domain is then the name."""
        name, address = parseaddr(text)
        domain = address.rpartition("@")[2]
        return cls(name or domain, plain_address(address))

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def plain_address(text: str) -> str:
    """The address with an ASCII domain (IDNA); `ValueError` when it is not one plain address, local@domain."""
    local, _, domain = text.strip().rpartition("@")
    ascii_domain = domain.encode("idna").decode().lower()
    if not _LOCAL.fullmatch(local) or one_line(local) != local or not _DOMAIN.fullmatch(ascii_domain):
        raise ValueError("This is not an e-mail address.")
    return f"{local}@{ascii_domain}"


def compose(
    rendered: Rendered,
    *,
    message_id: UUID,
    sender: Mailbox,
    to: Mailbox,
    now: datetime,
    files: Sequence[File] = (),
    logo: Image | None = None,
    reply_to: str | None = None,
    earlier: Sequence[UUID] = (),
    unsubscribe_url: str | None = None,
) -> EmailMessage:
    """Text and HTML as alternatives, then the files. `now` (aware, the engine's) becomes the Date; an unfit `reply_to`
    is left out; `earlier` are mails about the same thing, the first one first. A program may unsubscribe its reader by
    a POST to `unsubscribe_url` (RFC 8058). The mail server signs (DKIM)."""
    message = EmailMessage(policy=_PLAIN if to.address.isascii() else _UTF8)
    message["From"] = _header_address(sender)
    message["To"] = _header_address(to)
    if reply_to and (address := _address_or_none(reply_to)) and address != sender.address:
        message["Reply-To"] = _header_address(Mailbox("", address))
    message["Subject"] = rendered.subject
    message["Date"] = now.astimezone(UTC)
    message["Message-ID"] = _id(message_id, sender)
    if earlier:
        message["In-Reply-To"] = _id(earlier[-1], sender)
        message["References"] = " ".join(_id(each, sender) for each in earlier)
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url:
        message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    if logo is not None:
        page = cast(EmailMessage, message.get_body(("html",)))
        page.add_related(logo.content, "image", logo.subtype, cid=f"<{LOGO}>", disposition="inline")
    for file in files:
        maintype, _, subtype = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=one_line(file.name))
    return message


def _id(message_id: UUID, sender: Mailbox) -> str:
    return f"<{message_id}@{sender.domain}>"


def _address_or_none(text: str) -> str | None:
    try:
        return plain_address(text)
    except ValueError:
        return None


def _header_address(mailbox: Mailbox) -> Address:
    """Without the characters that need quotes: Python 3.11 before .12 drops the quotes of a folded name (CPython
    issue 80222), and a name like `"x <boss@example.com>,"` would become an address of its own."""
    name = one_line(mailbox.name.translate(_SPECIALS))[:_NAME_LENGTH].strip()
    local, _, domain = mailbox.address.rpartition("@")
    return Address(name, local, domain)
