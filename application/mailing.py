"""Sends a notice, unless its reader's address must not be written to; learns from the server's refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from domain.mail_address import Cause
from domain.mail_kinds import REMINDERS
from domain.notice import Notice

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.mailer import Mailer, Sending
    from application.mail_addresses import MailAddresses


class Mailing:
    """Each notice is sent once, whoever asks how often; `MailDelayed` when it should be asked again."""

    def __init__(self, mailer: Mailer, addresses: MailAddresses, clock: Clock) -> None:
        self._mailer = mailer
        self._addresses = addresses
        self._clock = clock

    def post(self, notice: Notice) -> Sending:
        """What became of it."""
        address, now = self._addresses.find(notice.to.email), self._clock.now()
        if address is not None and (why := address.withholds(notice.kind)):
            return self._mailer.withhold(notice, why, now=now)
        if notice.kind in REMINDERS:
            notice = replace(notice, unsubscribe_url=self._addresses.unsubscribe_url(notice.to.email))
        sending = self._mailer.send(notice, now=now)
        if sending.refused is not None:
            self._addresses.suppress(notice.to.email, Cause.REFUSED, code=sending.refused, mail_id=notice.message_id)
        return sending
