"""What the log says of a licence and its seats, told to a seat pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from application.license_document import license_document
from application.seat_pool import SeatPool
from application.store import Store
from domain.errors import Unavailable
from domain.license import License
from domain.seat_pool import LicenseFacts, SeatState

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.seat_log import SeatLog

_LOADED_AT_ONCE = 8
_ATTEMPTS = 8


class SeatLoading:
    """Any number may ask for the same licence at the same moment (Redis was flushed): it is read once."""

    def __init__(self, pool: SeatPool, store: Store, seat_log: SeatLog, clock: Clock) -> None:
        self._pool = pool
        self._store = store
        self._seat_log = seat_log
        self._clock = clock
        self._under_way: dict[UUID, asyncio.Task[None]] = {}

    async def load(self, license_id: UUID, at_least: int = 0, *, afresh: bool = False) -> None:
        """The licence and all its seats (at least to the number `at_least`); `NotFound` for an unknown licence.

        With `afresh` the log is read from now on: a reading under way may have missed what the caller just met there.
        """
        if afresh and license_id in self._under_way:
            await asyncio.wait([self._under_way[license_id]])
        task = self._under_way.get(license_id)
        if task is None:
            task = asyncio.create_task(self._load(license_id, at_least), name="seat-loading")
            self._under_way[license_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(license_id, None))
        await asyncio.shield(task)

    async def publish(self, *license_ids: UUID) -> None:
        """The licences' facts as they are now, after events changed them. Older ones never replace newer ones."""
        for each in license_ids:
            await self._pool.learn(await asyncio.to_thread(self.facts_of, each))

    async def revive(self, license_ids: Sequence[UUID]) -> int:
        """Loads what the pool has lost: a session whose client died too lapses only in a pool that knows it."""
        known = await self._pool.is_loaded(license_ids)
        lost = [each for each, is_loaded in zip(license_ids, known, strict=True) if not is_loaded]
        for start in range(0, len(lost), _LOADED_AT_ONCE):
            await asyncio.gather(*(self.load(each) for each in lost[start : start + _LOADED_AT_ONCE]))
        return len(lost)

    def facts_of(self, license_id: UUID) -> LicenseFacts:
        """From the log; `NotFound` when there is no such licence."""
        license, now = self._store.fetch(License, license_id), self._clock.now()
        bound = None if license.terms.entitlements.machines is None else sorted(license.machines.bound)
        document = {"license": license_document(license, now=now), "machines": bound}
        return LicenseFacts.of(license, now, document)

    async def _load(self, license_id: UUID, at_least: int) -> None:
        for _ in range(_ATTEMPTS):
            epoch = await self._pool.epoch(license_id)
            facts, seats = await asyncio.to_thread(self._read, license_id, at_least)
            if await self._pool.load(facts, seats, epoch):
                return
        raise Unavailable(retry_after=1)

    def _read(self, license_id: UUID, at_least: int) -> tuple[LicenseFacts, list[SeatState]]:
        facts = self.facts_of(license_id)
        return facts, self._seat_log.seats_of(license_id, at_least)
