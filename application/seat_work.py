"""Seats for synchronous callers: workers, the scheduler, handlers that run in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from application.seats import Seats
from domain.license import Status
from domain.seat import CloseReason

T = TypeVar("T")


class SeatWork:
    """Each call has an event loop and connections of its own, so any thread may call; a millisecond or two more each.

    `open_seats` makes a `Seats` and closes its connections afterwards.
    """

    def __init__(self, open_seats: Callable[[], AbstractAsyncContextManager[Seats]]) -> None:
        self._open_seats = open_seats

    def tighten(self, license_id: UUID, *, status: Status | None = None, limit: int | None = None) -> None:
        """Before an event that takes seats away is stored: from now on nothing beyond `status` and `limit` is granted.

        A hold of some seconds. `publish` after the event replaces it; when that never comes because the process died
        in between, the hold runs out and the pool reads the licence from the log again.
        """
        self._run(lambda seats: seats.tighten(license_id, status=status, limit=limit))

    def publish(self, *license_ids: UUID) -> None:
        """After events that changed licences: their facts as the log has them now."""
        self._run(lambda seats: seats.loading.publish(*license_ids))

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
        return self._run(
            lambda seats: seats.endings.end_sessions(
                license_id, reason, opened_until=opened_until, keep=keep, note=note
            )
        )

    def evict(self, session_id: UUID, *, note: str = "") -> None:
        self._run(lambda seats: seats.endings.evict(session_id, note=note))

    def expire_lapsed(self) -> int:
        """Closes every session whose lease is over; answers how many. Safe at any time, by any number of workers."""
        return self._run(lambda seats: seats.endings.expire_lapsed())

    def revive(self, license_ids: Sequence[UUID]) -> int:
        """Tells the pool again of licences with open sessions that it has lost; answers how many those were."""
        return self._run(lambda seats: seats.loading.revive(license_ids))

    def _run(self, act: Callable[[Seats], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            async with self._open_seats() as seats:
                return await act(seats)

        return asyncio.run(run())
