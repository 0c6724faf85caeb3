"""What the log says of a licence and its seats, told to a seat pool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from application.license_document import license_document
from application.seat_pool import SeatPool
from application.store import Store
from domain.errors import NotFound, Unavailable
from domain.license import License
from domain.seat_pool import LicenseFacts, SeatState

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.seat_epochs import SeatEpochs
    from adapters.seat_log import SeatLog

_READ_AT_ONCE = 32
_READERS = 4
"""So that a licence with very many seats keeps few others waiting."""
_ATTEMPTS = 8


class _Reading:
    """One licence to be read from the log, with seats up to the number `at_least`, for everybody who waits for it."""

    def __init__(self) -> None:
        self.at_least = 0
        self.afresh = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, error: Exception | None = None) -> None:
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # whoever asked may have gone: asyncio would complain that nobody was told


class SeatLoading:
    """Any number may ask for the same licence at the same moment (Redis was flushed): it is read once. Those that are
    asked for while some are read are read next, together: on a Monday at nine everybody's licence is a new one."""

    def __init__(self, pool: SeatPool, store: Store, seat_log: SeatLog, epochs: SeatEpochs, clock: Clock) -> None:
        self._pool = pool
        self._store = store
        self._seat_log = seat_log
        self._epochs = epochs
        self._clock = clock
        self._next: dict[UUID, _Reading] = {}
        self._under_way: dict[UUID, _Reading] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def load(self, license_id: UUID, at_least: int = 0, *, afresh: bool = False) -> None:
        """The licence and all its seats (at least to the number `at_least`); `NotFound` for an unknown licence.

        With `afresh` the log is read from now on: a reading under way may have missed what the caller just met there.
        """
        reading = None if afresh else self._under_way.get(license_id)
        if reading is None:
            reading = self._next.setdefault(license_id, _Reading())
            reading.at_least = max(reading.at_least, at_least)
            reading.afresh = reading.afresh or afresh
            if len(self._readers) < _READERS:
                reader = asyncio.create_task(self._read_all(), name="seat-loading")
                self._readers.add(reader)
                reader.add_done_callback(self._readers.discard)
        await asyncio.shield(reading.done)

    async def publish(self, *license_ids: UUID) -> None:
        """The licences' facts as they are now, after events changed them. Older ones never replace newer ones."""
        for facts in await asyncio.to_thread(lambda: [self.facts_of(each) for each in license_ids]):
            await self._pool.learn(facts)

    async def revive(self, license_ids: Sequence[UUID]) -> int:
        """Loads what the pool has lost: a session whose client died too lapses only in a pool that knows it."""
        known = await self._pool.is_loaded(license_ids)
        lost = [each for each, is_loaded in zip(license_ids, known, strict=True) if not is_loaded]
        await asyncio.gather(*(self.load(each) for each in lost))
        return len(lost)

    async def doubt(self, epochs: Iterable[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
        """Those epochs of licences that are over, as the log says. A pool that still believes in one is told anew."""
        asked = set(epochs)
        counting = await asyncio.to_thread(self._epochs.counting, [license_id for license_id, _ in asked])
        over = {each for each in asked if counting.get(each[0]) != each[1]}
        for license_id, epoch in over:
            if await self._pool.epoch(license_id) == epoch:
                await self._pool.forget(license_id)
        return over

    def facts_of(self, license_id: UUID) -> LicenseFacts:
        """From the log; `NotFound` when there is no such licence."""
        return self._facts(self._store.fetch(License, license_id))

    def _facts(self, license: License) -> LicenseFacts:
        now, is_bound = self._clock.now(), license.terms.entitlements.machines is not None
        bound = sorted(license.machines.bound) if is_bound else None
        return LicenseFacts.of(license, now, {"license": license_document(license, now=now), "machines": bound})

    async def _read_all(self) -> None:
        while self._next:
            some = {each: self._next.pop(each) for each in list(islice(self._next, _READ_AT_ONCE))}
            self._under_way |= some
            try:
                unknown = await self._read_some(await self._still_lost(some))
            except Exception as error:
                for reading in some.values():
                    reading.end(error)
            else:
                for each, reading in some.items():
                    reading.end(NotFound.of("license", each) if each in unknown else None)
            finally:
                self._under_way = {each: of for each, of in self._under_way.items() if some.get(each) is not of}

    async def _still_lost(self, some: Mapping[UUID, _Reading]) -> dict[UUID, int]:
        """Those that no other process has told the pool of meanwhile, and how many seats to read at least."""
        views = await asyncio.gather(*map(self._pool.look, some))
        looked = zip(some.items(), views, strict=True)
        return {each: of.at_least for (each, of), view in looked if of.afresh or view is None}

    async def _read_some(self, asked: Mapping[UUID, int]) -> set[UUID]:
        """Tells the pool of these licences, of each of so many seats at least; answers those that nobody ever sold."""
        left, unknown = dict(asked), set[UUID]()
        for _ in range(_ATTEMPTS):
            if not left:
                return unknown
            seen = await asyncio.to_thread(self._epochs.counting, left)
            epochs = dict(zip(left, await asyncio.gather(*map(self._pool.epoch, left)), strict=True))
            begun, facts, seats = await asyncio.to_thread(self._read, left, epochs, seen)
            taken = await asyncio.gather(*(self._pool.load(facts[each], seats[each], epochs[each]) for each in facts))
            unknown |= begun - facts.keys()
            done = unknown.union(each for each, is_taken in zip(facts, taken, strict=True) if is_taken)
            left = {each: most for each, most in left.items() if each not in done}
        raise Unavailable(retry_after=1)  # the pool loses them as fast as they are read

    def _read(
        self, asked: Mapping[UUID, int], epochs: Mapping[UUID, str], seen: Mapping[UUID, str]
    ) -> tuple[set[UUID], dict[UUID, LicenseFacts], dict[UUID, list[SeatState]]]:
        begun = self._epochs.begin(epochs, seen)
        facts = {each.id: self._facts(each) for each in self._store.find_all(License, begun)}
        return begun, facts, self._seat_log.seats_of({each: asked[each] for each in facts})
