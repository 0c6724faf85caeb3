"""Notes in the log who was refused a seat and why, behind the answer: it waits for nothing and fails for nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import structlog
from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.store import Store
from domain.errors import (
    LicenseExpired,
    LicenseRevoked,
    LicenseSuspended,
    SeatNotAllowed,
    SeatsExhausted,
    UsherError,
)
from domain.license import License
from domain.seat_access import Bidder
from domain.seat_denial import Denial, SeatDenial

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.seat_log import SeatLog

log = structlog.get_logger()

MOST_WAITING = 2_000
"""Notes that wait to be stored; what comes beyond is dropped."""
_REMEMBERED = 50_000
_BATCH = 100
_BREATH = 0.05
"""Seconds in which notes gather: a crowd that is refused costs the seats that are granted few commits."""
_REASONS: dict[type[UsherError], Denial] = {
    SeatNotAllowed: Denial.NOT_ALLOWED,
    LicenseSuspended: Denial.SUSPENDED,
    LicenseExpired: Denial.EXPIRED,
    LicenseRevoked: Denial.REVOKED,
}


class _Note(NamedTuple):
    license_id: UUID
    bidder: Bidder
    holder: str
    reason: Denial
    limit: int | None
    used: int | None
    now: datetime
    cause: str

    @property
    def key(self) -> tuple[UUID, str, Denial]:
        return self.license_id, self.holder, self.reason


class SeatDenials:
    """For one event loop. `on_denial` is told of every denial, `on_drop` how many notes were given up."""

    def __init__(
        self, commit: GroupCommit, store: Store, seat_log: SeatLog, clock: Clock, *, most_waiting: int = MOST_WAITING
    ) -> None:
        self._commit = commit
        self._store = store
        self._seat_log = seat_log
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting: deque[_Note] = deque()
        self._minute = 0
        self._noted: OrderedDict[tuple[UUID, str, Denial], None] = OrderedDict()
        self._owners: dict[UUID, UUID] = {}
        self._writer: asyncio.Task[None] | None = None
        self._is_hurrying = False
        self._dropped = 0
        self._why = ""
        self.on_denial: Callable[[Denial], None] = lambda _: None
        self.on_drop: Callable[[int], None] = lambda _: None

    def note(self, license_id: UUID, bidder: Bidder, holder: str, refused: UsherError) -> None:
        """Returns at once. What is no denial (too many calls, an unknown key, a part that is away) is passed over."""
        reason = reason_of(refused)
        if reason is None:
            return
        self.on_denial(reason)
        limit, used, now = refused.details.get("limit"), refused.details.get("used"), self._clock.now()
        note = _Note(license_id, bidder, holder, reason, limit, used, now, attribution().cause)
        self._turn_to(now)
        if note.key in self._noted:
            return
        if len(self._waiting) >= self._most_waiting:
            self._drop([note])
            return
        self._remember(note)
        self._waiting.append(note)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="seat-denials")

    async def close(self, patience: float = 2.0) -> None:
        """What was noted is stored, if that can be done in so many seconds."""
        if self._writer is None or self._writer.done():
            return
        self._is_hurrying = True
        await asyncio.wait([self._writer], timeout=patience)
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        self._drop(list(self._waiting))
        self._waiting.clear()
        self._say_what_was_dropped()
        self._is_hurrying = False

    def _turn_to(self, now: datetime) -> None:
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute = minute
            self._noted.clear()
            self._owners.clear()

    def _remember(self, note: _Note) -> None:
        """The log would refuse a second one too, but only after a transaction."""
        self._noted[note.key] = None
        if len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)

    def _drop(self, notes: Sequence[_Note], error: BaseException | None = None) -> None:
        """They may be noted at the holder's next try."""
        for note in notes:
            self._noted.pop(note.key, None)
        self._dropped += len(notes)
        self._why = type(error).__name__ if error else "flood"

    def _say_what_was_dropped(self) -> None:
        if self._dropped:
            log.warning("seat.denials_dropped", count=self._dropped, reason=self._why)
            self.on_drop(self._dropped)
            self._dropped = 0

    async def _write_all(self) -> None:
        while self._waiting:
            if not self._is_hurrying:
                await asyncio.sleep(_BREATH)
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._write(batch)
            except Exception as error:  # whatever it is, the next ones are tried
                self._drop(batch, error)
            self._say_what_was_dropped()

    async def _write(self, batch: Sequence[_Note]) -> None:
        found = await asyncio.to_thread(self._new_among, batch)
        stored = await asyncio.gather(*(self._append(*each) for each in found), return_exceptions=True)
        for (note, _), failure in zip(found, stored, strict=True):
            if isinstance(failure, IntegrityError):
                continue  # another process was faster
            if failure is not None:
                self._drop([note], failure)

    async def _append(self, note: _Note, denial: SeatDenial) -> None:
        events: Any = denial.collect_events()
        await self._commit.append(events, actor=f"license:{note.license_id}", cause=note.cause)

    def _new_among(self, batch: Sequence[_Note]) -> list[tuple[_Note, SeatDenial]]:
        """Those that no other process has noted: one that meets the log's key there would keep the seats waiting whose
        openings are stored in the same batch."""
        denials = [(note, self._denial(note)) for note in batch]
        known = self._seat_log.begun([denial.id for _, denial in denials])
        return [(note, denial) for note, denial in denials if denial.id not in known]

    def _denial(self, note: _Note) -> SeatDenial:
        license_id, bidder, holder, reason, limit, used, now, _ = note
        owner = self._owner_of(license_id)
        return SeatDenial.note(license_id, owner, bidder, holder, reason, limit=limit, used=used, now=now)

    def _owner_of(self, license_id: UUID) -> UUID:
        if license_id not in self._owners:
            self._owners[license_id] = self._store.fetch(License, license_id).organization_id
        return self._owners[license_id]


def reason_of(refused: UsherError) -> Denial | None:
    """None: no denial."""
    if isinstance(refused, SeatsExhausted):
        return Denial(refused.details.get("axis", Denial.EXHAUSTED))
    return _REASONS.get(type(refused))
