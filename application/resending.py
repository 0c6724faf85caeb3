"""Having a mail sent once more: a fact with a reason, and a mail of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from application.notices import Notices
from application.store import Store
from domain.errors import Conflict, InvalidRequest, NotFound
from domain.ids import message_id
from domain.mail_resend import MailResend, Told

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.mail_log import LoggedMail, MailLog


class Resending:
    """What is sent is what is to be said today: with another key, link or amount than then, if they changed."""

    def __init__(self, store: Store, log: MailLog, notices: Notices, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._notices = notices
        self._clock = clock

    def find(self, mail_id: UUID) -> LoggedMail:
        """`NotFound` when there is no such mail."""
        found = self._log.find(mail_id)
        if found is None:
            raise NotFound.of("mail", mail_id)
        return found

    def resend(self, mail_id: UUID, *, reason: str) -> UUID:
        """The id of the new mail, which a worker sends. `NotFound`; `InvalidRequest` without a reason; `Conflict` when
        there is nothing to say any more, or nobody to say it to."""
        mail = self.find(mail_id)
        if not reason.strip():
            raise InvalidRequest.field("reason", "must say why")
        if mail.told_stream is None or mail.told_version is None or mail.told_kind is None:
            raise Conflict("This mail is from a time when it was not kept what it told; it cannot be sent again.")
        told, resend_id = Told(mail.told_stream, mail.told_version, mail.told_kind), self._clock.new_id()
        if self._notices.again(told, resend_id) is None:
            raise Conflict(
                "There is nothing to say any more: what the mail was about is over, or nobody is there to read."
            )
        self._store.add(
            MailResend.ask(
                id=resend_id,
                mail_id=mail_id,
                organization_id=mail.organization_id,
                told=told,
                reason=reason,
                now=self._clock.now(),
            )
        )
        return message_id(resend_id, 1, told.kind)
