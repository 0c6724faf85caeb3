"""Hands one message to an SMTP server and says what became of it.

`smtplib` and not `aiosmtplib`: workers are synchronous, and the steps have to be taken one by one here, because what
a lost connection means depends on the step: before DATA nothing was sent, after DATA nobody knows.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Security = Literal["none", "starttls", "tls"]
_EXAMPLE = "An SMTP address looks like smtp://user:password@host:587?starttls=true or smtps://user:password@host."
_ENHANCED = re.compile(rb"^\s*([245]\.\d{1,3}\.\d{1,3})\b")


class NotTaken(Exception):
    """The server did not take the message. `code` is an SMTP code or a word of ours, without personal data."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TryLater(NotTaken):
    """It may take it later: the server is away, busy, or our own access to it is not in order."""


class Refused(NotTaken):
    """It will never take this message for this address. `is_of_address`: nor any other message."""

    def __init__(self, code: str, *, is_of_address: bool = False) -> None:
        super().__init__(code)
        self.is_of_address = is_of_address


class Unknown(NotTaken):
    """The connection was lost while the message was handed over: it may be on its way or not."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails go. `timeout` is in seconds and bounds each step, not the whole."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 10.0
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, *, timeout: float = 10.0, tls: ssl.SSLContext | None = None) -> SmtpServer:
        """Reads `smtp://user:password@host:587?starttls=true` or `smtps://user:password@host`; special characters in
        user and password are percent-encoded. A password is sent over STARTTLS unless the address says
        `starttls=false`. Raises `ValueError`, without the password, for anything else."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            username, password = unquote(parts.username or ""), unquote(parts.password or "")
            f"{username}{password}{host}".encode("ascii")
        except ValueError:
            raise ValueError(_EXAMPLE) from None
        starttls = options.pop("starttls", "true" if username else "false")
        if parts.scheme not in ("smtp", "smtps") or not host or options or starttls not in ("true", "false"):
            raise ValueError(_EXAMPLE)
        security: Security = "tls" if parts.scheme == "smtps" else "starttls" if starttls == "true" else "none"
        port = port or {"tls": 465, "starttls": 587, "none": 25}[security]
        return cls(host, port, security, username or None, password, timeout, tls)

    def deliver(self, message: EmailMessage, *, sender: str, to: str) -> None:
        """Returns when the server has taken the message; raises `TryLater`, `Refused` or `Unknown` otherwise.

        A 5xx before the recipient is named concerns us and not the mail (access, sender): an operator mends that,
        so the mail waits. A 5xx to the recipient or to the message is final.
        """
        with self._session() as smtp:
            _envelope(smtp, sender=sender, to=to)
            _hand_over(smtp, message)

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        try:
            smtp = self._connected()
        except smtplib.SMTPResponseException as error:
            raise TryLater(_code(error.smtp_code, _bytes(error.smtp_error))) from None
        except (OSError, smtplib.SMTPException) as error:
            raise TryLater(type(error).__name__) from None
        try:
            yield smtp
        finally:
            _hang_up(smtp)

    def _connected(self) -> smtplib.SMTP:
        tls = self.tls or ssl.create_default_context()
        if self.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=tls)
        else:
            smtp = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            smtp.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                smtp.starttls(context=tls)
                smtp.ehlo()
            if self.username:
                smtp.login(self.username, self.password or "")
        except BaseException:
            smtp.close()
            raise
        return smtp


def _envelope(smtp: smtplib.SMTP, *, sender: str, to: str) -> None:
    options = [] if to.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    if options and not smtp.has_extn("smtputf8"):
        raise Refused("no_smtputf8")
    try:
        code, answer = smtp.mail(sender, options)
        if code != 250:
            raise TryLater(_code(code, answer))
        code, answer = smtp.rcpt(to)
    except (OSError, smtplib.SMTPException) as error:
        raise TryLater(type(error).__name__) from None
    if code >= 500:
        raise Refused(_code(code, answer), is_of_address=_is_of_address(code, answer))
    if code not in (250, 251):
        raise TryLater(_code(code, answer))


def _hand_over(smtp: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        code, answer = smtp.data(message.as_bytes())
    except smtplib.SMTPDataError as error:
        code, answer = error.smtp_code, _bytes(error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise Unknown(type(error).__name__) from None
    if 200 <= code < 300:
        return
    if code >= 500:
        said = _code(code, answer)
        raise Refused(said, is_of_address=_is_of_address(code, answer) and " " in said)
    raise (TryLater if code >= 400 else Unknown)(_code(code, answer))


def _is_of_address(code: int, answer: bytes) -> bool:
    """By the enhanced code (RFC 3463): the address is wrong (5.1) or its mailbox is closed (5.2), though not when it is
    only full or the mail too large. Without one by the code: other refusals are about us, our server, or this mail."""
    enhanced = _ENHANCED.match(answer)
    if enhanced is None:
        return code in (550, 551, 553)
    _, subject, detail = enhanced[1].split(b".")
    return subject == b"1" or (subject == b"2" and detail not in (b"2", b"3"))


def _hang_up(smtp: smtplib.SMTP) -> None:
    """Politely, but without waiting: the message is taken, and until that is written down a crash makes it unknown."""
    with suppress(OSError, smtplib.SMTPException):
        if smtp.sock:
            smtp.sock.settimeout(1)
            smtp.quit()
    smtp.close()


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _code(code: int, answer: bytes) -> str:
    """`550 5.1.1`: the two codes and never the sentence, which repeats the address."""
    enhanced = _ENHANCED.match(answer)
    return f"{code} {enhanced[1].decode()}" if enhanced else str(code)
