"""Tighten first, loosen last: what a licence loses reaches the seat pool before its event is stored. The quota pool
hears of it after: what was counted stands, only the limits are other ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from domain.errors import Unavailable
from domain.license import License

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.quota_work import QuotaWork
    from application.seat_work import SeatWork

log = structlog.get_logger()

_TIGHTENING = (
    License.Suspended,
    License.PaymentSuspended,
    License.Revoked,
    License.Expired,
    License.Resized,
    License.PurchaseChanged,
)


class LicenseGuard:
    """A pool that is away cannot be tightened and cannot grant either; what it missed it reads from the log."""

    def __init__(self, seats: SeatWork, quotas: QuotaWork, clock: Clock) -> None:
        self._seats = seats
        self._quotas = quotas
        self._clock = clock

    def tighten(self, licenses: Sequence[License]) -> None:
        """Before the save: nothing beyond the new status and seat limit is granted any more."""
        for license in licenses:
            if license.version > 1 and any(isinstance(event, _TIGHTENING) for event in license.pending_events):
                self._try(license, partial(self._hold, license))

    def refresh(self, licenses: Sequence[License]) -> None:
        """After the save: the pools learn the licence as the log has it."""
        for license in licenses:
            self._try(license, partial(self._seats.publish, license.id))
        if licenses:
            self._quotas.forget(*{license.organization_id for license in licenses})

    def _hold(self, license: License) -> None:
        status = license.status(self._clock.now())
        limit = license.terms.seats_allowed
        self._seats.tighten(license.id, status=None if status.works else status, limit=limit)

    @staticmethod
    def _try(license: License, act: Callable[[], None]) -> None:
        try:
            act()
        except Unavailable:
            log.warning("license.pool_not_told", license_id=str(license.id))
