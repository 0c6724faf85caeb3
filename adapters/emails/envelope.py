"""A rendered mail becomes a message that mail servers and mail programs understand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr
from uuid import UUID

from adapters.emails.render import Rendered, one_line

_SPECIALS = str.maketrans(dict.fromkeys('()<>[]:;@\\,."=?', " "))
_NAME_LENGTH = 100
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail. `content` is not shown in logs and tracebacks: a licence file is worth money."""

    filename: str
    content: bytes = field(repr=False)
    media_type: str = "application/json"


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
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """Text and HTML as alternatives, then the attachments. `now` (aware, the engine's) becomes the Date."""
    message = EmailMessage(policy=SMTP if to.address.isascii() else SMTPUTF8)
    message["From"] = _header_address(sender)
    message["To"] = _header_address(to)
    message["Subject"] = rendered.subject
    message["Date"] = now.astimezone(UTC)
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    for attachment in attachments:
        maintype, _, subtype = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.content, maintype=maintype, subtype=subtype, filename=one_line(attachment.filename)
        )
    return message


def _header_address(mailbox: Mailbox) -> Address:
    """Without the characters that need quotes: Python 3.11 before .12 drops the quotes of a folded name (CPython
    issue 80222), and a name like `"x <boss@example.com>,"` would become an address of its own."""
    name = one_line(mailbox.name.translate(_SPECIALS))[:_NAME_LENGTH].strip()
    local, _, domain = mailbox.address.rpartition("@")
    return Address(name, local, domain)
