"""Looks at the queues in which clients of this process wait: for all of them together, about once a second."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from domain.errors import Unavailable
from domain.license import Status
from domain.seat_line import Change, Judged, SeatLine, Waiting, judged
from domain.seat_policy import SeatPolicy
from domain.seat_pool import View

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.queue_tickets import QueueTickets
    from adapters.seat_claims import SeatClaims

EVERY = 1.0
"""Seconds between two looks at everybody, give or take a fifth."""
_BREATH = 0.05
"""Seconds between any two looks, however many ask at once."""
_ATTEMPTS = 3


class Standing(NamedTuple):
    """A place in the queue, from 1. A ready ticket has a seat until `ends_at`; another is to be asked about by then."""

    place: int
    is_ready: bool
    ends_at: datetime


@dataclass(eq=False, slots=True)
class _Watcher:
    """A client that waits for its turn, at the longest until then (by the clock of the event loop)."""

    ticket_id: UUID
    policy: SeatPolicy
    until: float
    answer: asyncio.Future[Standing | None]
    is_over: bool = False


class QueueRounds:
    """One statement a round for all the licences that somebody waits at, and one question to the seat pool for each of
    them, however many wait; no connection is held in between. For one event loop.

    The line is read before the seats are counted: the other way round, somebody who collects in between would be gone
    from the line while his seat still seems free.
    """

    def __init__(
        self,
        pool: SeatPool,
        loading: SeatLoading,
        tickets: QueueTickets,
        claims: SeatClaims,
        clock: Clock,
        *,
        every: float = EVERY,
    ) -> None:
        self._pool = pool
        self._loading = loading
        self._tickets = tickets
        self._claims = claims
        self._clock = clock
        self._every = every
        self._watchers: dict[UUID, list[_Watcher]] = {}
        self._nudged: set[UUID] = set()
        self._wake = asyncio.Event()
        self._at_work: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def standing(self, license_id: UUID, ticket_id: UUID, policy: SeatPolicy, wait: float) -> Standing | None:
        """How the ticket stands once it is ready, or after `wait` seconds (up to a second more); None when it is no
        ticket any more. Its place is kept meanwhile. `policy` is the licence's, with a queue.

        Raises `LicenseSuspended`, `LicenseExpired`, `LicenseRevoked`, and `Unavailable` when nobody can be asked.
        """
        loop = asyncio.get_running_loop()
        watcher = _Watcher(ticket_id, policy, loop.time() + wait, loop.create_future())
        self._watchers.setdefault(license_id, []).append(watcher)
        self._go_to_work()
        if wait <= 0 or self._is_stopping:
            self.nudge(license_id)
        try:
            return await watcher.answer
        finally:
            self._forget(license_id, watcher)

    def nudge(self, license_id: UUID) -> None:
        """Something changed there: whoever waits at this licence is looked at now."""
        if license_id in self._watchers:
            self._nudged.add(license_id)
            self._wake.set()

    def stop(self) -> None:
        """Whoever waits is answered now, and may go on waiting at another process."""
        self._is_stopping = True
        for license_id in self._watchers:
            self.nudge(license_id)

    def _go_to_work(self) -> None:
        if self._at_work is None or self._at_work.done():
            self._wake = asyncio.Event()
            self._at_work = asyncio.create_task(self._work(), name="queue-rounds")

    def _forget(self, license_id: UUID, watcher: _Watcher) -> None:
        watchers = self._watchers[license_id]
        watchers.remove(watcher)
        if not watchers:
            del self._watchers[license_id]

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        all_at = loop.time()
        while self._watchers:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(all_at):
                    await self._wake.wait()
            self._wake.clear()
            license_ids, self._nudged = self._nudged & self._watchers.keys(), set()
            if loop.time() >= all_at:
                license_ids = set(self._watchers)
                all_at = loop.time() + self._every * random.uniform(0.8, 1.2)
            if license_ids:
                await self._round(license_ids)
            await asyncio.sleep(_BREATH)

    async def _round(self, license_ids: Collection[UUID]) -> None:
        try:
            lines = await asyncio.to_thread(self._tickets.lines, license_ids, self._clock.now())
        except Exception as error:
            for license_id in license_ids:
                _fail(self._open(license_id), error)
        else:
            await asyncio.gather(*(self._look(license_id, lines.get(license_id, [])) for license_id in license_ids))

    async def _look(self, license_id: UUID, line: Sequence[Waiting]) -> None:
        """Answers whoever waits at a licence and has an answer now."""
        watchers = self._open(license_id)
        if not watchers:
            return
        policy = watchers[-1].policy
        try:
            found = {each.waiting.ticket_id: each for each in await self._judge(license_id, line, policy)}
            changes = {each.before.ticket_id: each for each in self._changes(watchers, found, policy)}
            changed = await asyncio.to_thread(self._tickets.change, changes.values()) if changes else set()
        except Exception as error:
            _fail(watchers, error)
            return
        unsure = changes.keys() - changed  # somebody else changed the ticket: the next round sees how it is now
        for watcher in watchers:
            if watcher.ticket_id not in unsure and not watcher.answer.done():
                _answer(watcher, found.get(watcher.ticket_id), changes.get(watcher.ticket_id))

    async def _judge(self, license_id: UUID, line: Sequence[Waiting], policy: SeatPolicy) -> list[Judged]:
        """The groups are counted only when there is a seat, and before the seats are: see above."""
        counted = [f"group:{each.name}" for each in policy.groups if each.reserved or each.limit is not None]
        view, taken = await self._view(license_id), dict[str, int]()
        if counted and view.available > 0:
            taken, view = await self.taken(license_id, counted), await self._view(license_id)
        if view.refusal is not None:
            Status(view.refusal.value).require_working()
        return list(judged(line, SeatLine(policy, taken), view.available))

    async def taken(self, license_id: UUID, names: Sequence[str]) -> dict[str, int]:
        """How many sessions count for each of these limits; not those that have lapsed: they go when they must."""
        if not names:
            return {}
        lapsed = await self._pool.lapsed_of(license_id)
        return await asyncio.to_thread(self._claims.taken, license_id, names, lapsed=lapsed)

    async def _view(self, license_id: UUID) -> View:
        for _ in range(_ATTEMPTS):
            view = await self._pool.look(license_id)
            if view is not None:
                return view
            await self._loading.load(license_id)
        raise Unavailable(retry_after=1)

    def _changes(
        self, watchers: Sequence[_Watcher], found: Mapping[UUID, Judged], policy: SeatPolicy
    ) -> Iterator[Change]:
        """A ticket becomes ready, or is not any more (the seat was renewed after all), or is kept for another while."""
        rules, now = policy.queue, self._clock.now()
        assert rules is not None
        answered = {each.ticket_id for each in watchers if each.is_over}
        for ticket_id in {each.ticket_id for each in watchers} & found.keys():
            waiting, _, may_sit = found[ticket_id]
            is_running_out = waiting.ends_at < now + rules.patience / 2
            if may_sit and not waiting.is_ready:
                yield Change(waiting, True, now + rules.collect)
            elif not may_sit and (waiting.is_ready or ticket_id in answered or is_running_out):
                yield Change(waiting, False, now + rules.patience)

    def _open(self, license_id: UUID) -> list[_Watcher]:
        """Whoever waits there and has no answer yet."""
        now = asyncio.get_running_loop().time()
        watchers = [each for each in self._watchers.get(license_id, ()) if not each.answer.done()]
        for each in watchers:
            each.is_over = self._is_stopping or each.until <= now
        return watchers


def _answer(watcher: _Watcher, found: Judged | None, change: Change | None) -> None:
    if found is None:
        watcher.answer.set_result(None)
        return
    _, is_ready, ends_at = change or Change(found.waiting, found.waiting.is_ready, found.waiting.ends_at)
    if is_ready or watcher.is_over:
        watcher.answer.set_result(Standing(found.place, is_ready, ends_at))


def _fail(watchers: Sequence[_Watcher], error: Exception) -> None:
    """What passes is waited out, as long as there is time."""
    for watcher in watchers:
        if not watcher.answer.done() and (watcher.is_over or not isinstance(error, Unavailable)):
            watcher.answer.set_exception(error)
