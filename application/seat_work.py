"""Seats for synchronous callers: workers, the scheduler, handlers that run in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from uuid import UUID

from application.loop_thread import KeptOpen, LoopThread
from application.seats import Seats
from domain.license import Status
from domain.seat import CloseReason


class SeatWork:
    """Any thread may call: all share one event loop and the connections there.

    `open_seats` makes a `Seats` when it is first needed, and closes its connections at the end.
    """

    def __init__(self, loop: LoopThread, open_seats: Callable[[], AbstractAsyncContextManager[Seats]]) -> None:
        self._seats = KeptOpen(loop, open_seats)

    def close(self) -> None:
        self._seats.close()

    def tighten(self, license_id: UUID, *, status: Status | None = None, limit: int | None = None) -> None:
        """Before an event that takes seats away is stored: from now on nothing beyond `status` and `limit` is granted.

        A hold of some seconds. `publish` after the event replaces it; when that never comes because the process died
        in between, the hold runs out and the pool reads the licence from the log again.
        """
        self._seats.run(lambda seats: seats.tighten(license_id, status=status, limit=limit))

    def publish(self, *license_ids: UUID) -> None:
        """After events that changed licences: their facts as the log has them now."""
        self._seats.run(lambda seats: seats.loading.publish(*license_ids))

    def end_sessions(
        self,
        license_id: UUID,
        reason: CloseReason,
        *,
        opened_until: datetime | None = None,
        keep: int = 0,
        note: str = "",
    ) -> int:
        """See `SeatEndings.end_sessions`."""
        return self._seats.run(
            lambda seats: seats.endings.end_sessions(
                license_id, reason, opened_until=opened_until, keep=keep, note=note
            )
        )

    def evict(self, session_id: UUID, *, note: str = "") -> None:
        self._seats.run(lambda seats: seats.endings.evict(session_id, note=note))

    def expire_lapsed(self) -> int:
        """Closes every session whose lease is over; answers how many. Safe at any time, by any number of workers."""
        return self._seats.run(lambda seats: seats.endings.expire_lapsed())

    def revive(self, license_ids: Sequence[UUID]) -> int:
        """Tells the pool again of licences with open sessions that it has lost; answers how many those were."""
        return self._seats.run(lambda seats: seats.loading.revive(license_ids))
