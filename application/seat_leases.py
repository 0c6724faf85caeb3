"""Leases of seats: read, and signed anew at every heartbeat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from domain.errors import LeaseInvalid
from domain.lease import LeaseClaims
from domain.seat_pool import SeatTerms, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.signing import SigningKeys

_LONGEST_SILENCE = timedelta(days=31)
"""A lease that ended is still good to ask with for so long: the seat may be free, or still its session's."""


class SeatLeases:
    """Without I/O: may be called from the event loop."""

    def __init__(self, signing: SigningKeys, clock: Clock) -> None:
        self._signing = signing
        self._clock = clock

    def read(self, session_id: UUID, lease: str) -> LeaseClaims:
        """What the lease of this session says; `LeaseInvalid` when it is another's, or not ours."""
        claims = self._signing.read_lease(lease, self._clock.now(), late=_LONGEST_SILENCE)
        if claims.sid != session_id:
            raise LeaseInvalid()
        return claims

    def sign(
        self,
        sitting: Sitting,
        machine: str,
        version: int,
        terms: SeatTerms,
        *,
        now: datetime,
        ends: datetime,
        borrowed: bool = False,
    ) -> str:
        """A lease of the session that was opened at `version`. A borrowed seat has no grace: its end was agreed."""
        return self._signing.sign_lease(
            LeaseClaims(
                sid=sitting.session_id,
                lic=sitting.license_id,
                seat=sitting.seat,
                fp=machine,
                ver=version,
                iat=int(now.timestamp()),
                exp=int(ends.timestamp()),
                grace=0 if borrowed else int(terms.offline_grace.total_seconds()),
                product=terms.product,
                features=terms.features,
                bor=borrowed,
            )
        )
