"""Puts a notice into words and sends it."""

from __future__ import annotations

from adapters.clock import Clock
from adapters.emails.envelope import Attachment
from adapters.emails.kinds import MailKind
from adapters.mailer import Mail, Mailer
from domain.notice import Notice


class NoticePost:
    """Each notice is sent once, whoever asks how often; `MailDelayed` when it should be asked again."""

    def __init__(self, mailer: Mailer, clock: Clock) -> None:
        self._mailer = mailer
        self._clock = clock

    def __call__(self, notice: Notice) -> None:
        files = []
        if notice.license_file is not None:
            files.append(Attachment(str(notice.context["file_name"]), notice.license_file, "application/json"))
        mail = Mail(
            message_id=notice.message_id,
            kind=MailKind(notice.kind),
            to=notice.to,
            recipient_name=notice.recipient_name,
            recipient_subject=notice.recipient_subject,
            organization_id=notice.organization_id,
            context=notice.context,
            attachments=files,
        )
        self._mailer.send(mail, now=self._clock.now())
