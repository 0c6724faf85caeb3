"""Somebody had a mail sent once more: a fact of its own, so that it is told once, too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created


@dataclass(frozen=True)
class Told:
    """What a mail tells: an event of a stream, and which of the mails about it (the `kind` of application/reactions.py,
    which need not be the one that it became)."""

    stream_id: UUID
    version: int
    kind: str


class MailResend(Aggregate):
    """One stream each time."""

    TOPIC = "mail_resend"

    if TYPE_CHECKING:
        mail_id: UUID
        told: Told

    @classmethod
    def ask(
        cls, *, id: UUID, mail_id: UUID, organization_id: UUID | None, told: Told, reason: str, now: datetime
    ) -> MailResend:
        return cls.begin(
            cls.Asked, id=id, now=now, mail_id=mail_id, organization_id=organization_id, told=told, reason=reason
        )

    class Asked(Created):
        TOPIC = "mail_resend.asked"
        mail_id: UUID
        organization_id: UUID | None
        told: Told
        reason: str

        def apply(self, resend: MailResend) -> None:
            resend.mail_id = self.mail_id
            resend.told = self.told
