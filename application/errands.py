"""Doing what the outbox holds: mails, handing over purchases, ending sessions that a licence has lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from application.notices import Notices
from application.reactions import (
    BILL_OVERAGE,
    CLAIM_ACCOUNT,
    CLAIM_PURCHASES,
    END_SESSIONS,
    MAIL,
    MAIL_ACCOUNT,
    REMOVE_ENDPOINTS,
    RESEND,
)
from application.store import Store
from domain.billing_account import BillingAccount
from domain.errors import Unavailable
from domain.ids import license_id_for
from domain.license import License, Status
from domain.notice import Notice
from domain.seat import CloseReason

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.outbox import Errand, Outbox
    from application.overage_billing import OverageBilling
    from application.purchase_claims import PurchaseClaims
    from application.seat_work import SeatWork
    from application.webhook_endpoints import WebhookEndpoints

log = structlog.get_logger()

_ENDS = {
    Status.SUSPENDED: CloseReason.SUSPENDED,
    Status.REVOKED: CloseReason.REVOKED,
    Status.EXPIRED: CloseReason.EXPIRED,
}
_LATEST = 3
"""Invoices of a customer that may have become known before the address."""


class Errands:
    """Every errand is idempotent and looks at today's state, not at yesterday's: it may run late or twice."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        notices: Notices,
        post: Callable[[Notice], object],
        claims: PurchaseClaims,
        seats: SeatWork,
        endpoints: WebhookEndpoints,
        overages: OverageBilling,
        clock: Clock,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._notices = notices
        self._post = post
        self._claims = claims
        self._seats = seats
        self._endpoints = endpoints
        self._overages = overages
        self._clock = clock

    def run(self, errand_id: UUID) -> None:
        """Does an errand unless it is done or somebody is at it; one that fails is kept and tried again later."""
        errand = self._outbox.claim(errand_id)
        if errand is None:
            return
        try:
            self._do(errand)
        except Exception as error:
            self._outbox.failed(errand_id, type(error).__name__)
            if not isinstance(error, Unavailable):
                log.exception("errand.failed", task=errand.task, stream_id=str(errand.stream_id))
            return
        self._outbox.done(errand_id)

    def _do(self, errand: Errand) -> None:
        if errand.task == END_SESSIONS:
            self._end_sessions(errand)
        elif errand.task == CLAIM_PURCHASES:
            self._claims.claim(errand.stream_id)
        elif errand.task == CLAIM_ACCOUNT:
            self._claims.claim_of(errand.stream_id)
        elif errand.task == REMOVE_ENDPOINTS:
            self._endpoints.remove_erased()
        elif errand.task == BILL_OVERAGE:
            self._overages.report(errand.stream_id, errand.version)
        elif errand.task == MAIL_ACCOUNT:
            self._mail_account(errand.stream_id)
        elif errand.task == RESEND:
            self._send(self._notices.resent(self._event(errand)))
        else:
            self._send(self._notices.of(errand.task.removeprefix(MAIL), self._event(errand)))

    def _event(self, errand: Errand) -> Any:
        return next(iter(self._store.events.get(errand.stream_id, gt=errand.version - 1, lte=errand.version)))

    def _first_event(self, stream_id: UUID) -> Any:
        return next(iter(self._store.events.get(stream_id, lte=1)))

    def _send(self, notice: Notice | None) -> None:
        if notice is not None:
            self._post(notice)

    def _mail_account(self, account_id: UUID) -> None:
        """Whatever was not told since there was no address; what was told stays told once."""
        account = self._store.fetch(BillingAccount, account_id)
        for subscription_id in account.subscriptions:
            license = self._store.find(License, license_id_for(subscription_id))
            if license is not None:
                self._send(self._notices.of("license_issued", self._first_event(license.id)))
                self._send_late(license.id)
            self._send_late(subscription_id)
        for invoice_id in account.invoices[-_LATEST:]:
            self._send_late(invoice_id)

    def _send_late(self, stream_id: UUID) -> None:
        for notice in self._notices.of_late(stream_id):
            self._send(notice)

    def _end_sessions(self, errand: Errand) -> None:
        """A licence that came back to life since loses only the sessions from before its suspension."""
        event, license = self._event(errand), self._store.fetch(License, errand.stream_id)
        before = self._store.fetch(License, errand.stream_id, version=errand.version)
        reason = _ENDS.get(before.status(event.timestamp))
        if reason is not None:
            self._seats.end_sessions(license.id, reason, opened_until=event.timestamp)
        elif license.terms.seats_allowed is not None:
            self._seats.end_sessions(license.id, CloseReason.RESIZED, keep=license.terms.seats_allowed)
