"""What may be sent to which address: bounces, refusals, and readers who want no reminders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from application.store import Store
from domain.errors import AlreadyRecorded, SignatureInvalid
from domain.mail_address import Cause, MailAddress, Suppression

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.tokens import Tokens

_LINK_FOR = timedelta(days=3 * 366)
"""Somebody may read a mail, and have enough of them, years later."""


class Digests(Protocol):
    """`adapters/address_digests.py`."""

    def id_of(self, email: str) -> UUID: ...


class MailAddresses:
    def __init__(self, store: Store, digests: Digests, tokens: Tokens, clock: Clock, *, public_url: str) -> None:
        self._store = store
        self._digests = digests
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def find(self, email: str) -> MailAddress | None:
        """None while nothing is known about it: then it may be written to."""
        return self._store.find(MailAddress, self._digests.id_of(email))

    def suppress(
        self, email: str, cause: Cause, *, code: str | None = None, mail_id: UUID | None = None
    ) -> MailAddress:
        """Nothing is sent to it from now on, until it is restored. Twice is once."""
        suppression = Suppression(cause, code, mail_id)
        return self._change(self._digests.id_of(email), lambda each: each.suppress(suppression, now=self._clock.now()))

    def restore(self, email: str, *, reason: str) -> MailAddress | None:
        """It works again. Nothing happens to one that is not suppressed; None when nothing is known about it."""
        if self.find(email) is None:
            return None
        return self._change(self._digests.id_of(email), lambda each: each.restore(reason=reason, now=self._clock.now()))

    def unsubscribe_url(self, email: str) -> str:
        """Where its reader, or the reader's mail program, ends reminders."""
        claims = {"sub": str(self._digests.id_of(email))}
        token = self._tokens.sign("unsubscribe", claims, now=self._clock.now(), lifetime=_LINK_FOR)
        return f"{self._public_url}/mails/unsubscribe?token={token}"

    def decline_reminders(self, token: str) -> MailAddress:
        """The address of an unsubscribe link wants no reminders; `SignatureInvalid`."""
        return self._change(self._address_of(token), lambda each: each.decline_reminders(now=self._clock.now()))

    def want_reminders(self, token: str) -> MailAddress:
        """It wants them again; `SignatureInvalid`."""
        return self._change(self._address_of(token), lambda each: each.want_reminders(now=self._clock.now()))

    def of_link(self, token: str) -> MailAddress | None:
        """The address of an unsubscribe link; None while nothing is known about it. `SignatureInvalid`."""
        return self._store.find(MailAddress, self._address_of(token))

    def _address_of(self, token: str) -> UUID:
        claims = self._tokens.read("unsubscribe", token, now=self._clock.now())
        if claims is None:
            raise SignatureInvalid("This link is incomplete or out of date.")
        return UUID(claims["sub"])

    def _change(self, id: UUID, decide: Callable[[MailAddress], None]) -> MailAddress:
        if self._store.find(MailAddress, id) is None:
            noted = MailAddress.note(id, now=self._clock.now())
            decide(noted)
            try:
                self._store.add(noted)
                return noted
            except AlreadyRecorded:
                pass  # somebody noted it meanwhile
        return self._store.change(MailAddress, id, decide)
