"""Tells the seat pool which licences have changed, so that it never seats anybody on old terms for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from domain.license import License
from projections.log import Recorded

_CHANGES = (
    License.Issued,
    License.SeatRulesSet,
    License.GraceOpened,
    License.PaymentSuspended,
    License.PaymentRecovered,
    License.Suspended,
    License.Reinstated,
    License.Revoked,
    License.Resized,
    License.PurchaseChanged,
    License.Renewed,
    License.Extended,
    License.Expired,
    License.KeyRotated,
    License.Transferred,
    License.MachineActivated,
    License.MachineDeactivated,
)


class SeatLimits:
    """`put` gives the pool the facts of these licences as they are in the log now; it is called again with the same
    ones when it fails. The pool keeps the newer of two versions, so what was put before the event was stored stands.
    """

    name = "seat_limits"
    topics: frozenset[str] | None = frozenset(event_class.topic() for event_class in _CHANGES)

    def __init__(self, put: Callable[[set[UUID]], None]) -> None:
        self._put = put

    def tell(self, batch: Sequence[Recorded]) -> None:
        """The events themselves are not looked at: one that cannot be decoded must not keep limits from the pool."""
        self._put({recorded.stream_id for recorded in batch})
