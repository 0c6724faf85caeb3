"""How sessions end: set aside in the pool, closed in the log, freed in the pool; done again after any crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from domain.errors import ConcurrentChange, NotFound, SeatBorrowed
from domain.seat import CloseReason, Seat
from domain.seat_pool import Aside, EpochOver, PeriodOver, SeatState, Sitting, Verdict, closing, reason_of, verdict

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers

BATCH = 500
_ATTEMPTS = 8
T = TypeVar("T")


class SeatEndings:
    """Every ending goes the same three steps. Whoever dies between them leaves the session aside; when that is over
    the session is due like a lapsed one, and the log says what is left to do."""

    def __init__(
        self,
        pool: SeatPool,
        log: GroupCommit,
        seat_log: SeatLog,
        callers: SessionCallers,
        loading: SeatLoading,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._log = log
        self._seat_log = seat_log
        self._callers = callers
        self._loading = loading
        self._clock = clock
        self.on_free: Callable[[UUID], None] = lambda _: None
        """Told of each licence of which a seat was freed here."""

    async def expire_lapsed(self) -> int:
        """Closes every session whose lease is over; answers how many. Costs grow with them, not with who sits."""
        closed, is_more = 0, True
        while is_more:
            ended, is_more = await self._in_one_period(self._expire_batch)
            closed += ended
        return closed

    async def end_sessions(
        self,
        license_id: UUID,
        reason: CloseReason,
        *,
        opened_until: datetime | None = None,
        keep: int = 0,
        note: str = "",
    ) -> int:
        """Closes a licence's sessions: all, or (after a resize down) the newest until `keep` are left, borrowed last.

        With `opened_until`, later ones stay: a licence that works again may have new ones before the old are gone.
        Asks the log who sits, so it also finds those that the pool has lost. Answers how many were closed.
        """
        states = await asyncio.to_thread(self._seat_log.seats_of, {license_id: 0})
        sat = sorted((each for each in states[license_id] if each.session_id), key=_last_to_go, reverse=True)
        newest = sat[: max(0, len(sat) - keep)]
        surplus = [each for each in newest if opened_until is None or _opened_at(each) <= opened_until]
        closed = 0
        for start in range(0, len(surplus), BATCH):
            some = surplus[start : start + BATCH]
            closed += await self._in_one_period(partial(self._end, some, reason, note))
        return closed

    async def evict(self, session_id: UUID, *, note: str = "") -> None:
        """An administrator ends a session; one that has ended stays as it ended. `NotFound` for an unknown one,
        `SeatBorrowed` for one that its machine has taken along: nobody could tell it."""
        sitting = await asyncio.to_thread(self._callers.sitting, session_id)
        if sitting is None:
            raise NotFound.of("session", session_id)
        (state,) = await asyncio.to_thread(self._seat_log.last_events, [(sitting.license_id, sitting.seat)])
        if state.session_id == session_id and state.borrowed_until and state.borrowed_until > self._clock.now():
            raise SeatBorrowed(state.borrowed_until)
        await self.end(sitting, CloseReason.EVICTED, note=note)

    async def end(self, sitting: Sitting, reason: CloseReason, *, version: int | None = None, note: str = "") -> None:
        """Ends one session; one that has ended stays as it ended. `version`, when known, spares a look into the log."""
        await self._in_one_period(partial(self._end_one, sitting, reason, version, note))

    async def finish(self, aside: Aside) -> None:
        """Stores the end of a session that the pool is ending; one that it has renewed in another epoch stays."""
        await self._in_one_period(partial(self._close_batch, [aside], ""))

    async def settle(self, license_id: UUID, seat: int) -> None:
        """Finishes what somebody left undone on a lapsed seat."""
        await self._in_one_period(partial(self._settle, license_id, seat))

    async def _in_one_period(self, act: Callable[[int], Awaitable[T]]) -> T:
        """Once more when seats are kept elsewhere before the end is stored: there they may have been renewed."""
        period = await self._pool.period()
        for _ in range(_ATTEMPTS):
            try:
                return await act(period)
            except PeriodOver:
                period = await self._pool.period(afresh=True)
        raise ConcurrentChange(retry_after=1)

    async def _expire_batch(self, period: int) -> tuple[int, bool]:
        """How many were closed, and whether there may be more."""
        asides = await self._pool.lapsed(BATCH)
        return await self._close_batch(asides, "", period), len(asides) == BATCH

    async def _settle(self, license_id: UUID, seat: int, period: int) -> None:
        await self._close_batch(await self._pool.set_aside_lapsed(license_id, seat), "", period)

    async def _end_one(
        self, sitting: Sitting, reason: CloseReason, version: int | None, note: str, period: int
    ) -> None:
        found = await self._pool.set_aside([sitting], reason)
        if not (version and found and await self._close_blindly(found[0], version, note, period)):
            await self._close_batch(found or [Aside(sitting, 0, reason)], note, period)

    async def _end(self, states: Sequence[SeatState], reason: CloseReason, note: str, period: int) -> int:
        versions = {Sitting(s.license_id, s.seat, s.session_id): s.version for s in states if s.session_id}
        known = {aside.sitting: aside for aside in await self._pool.set_aside(list(versions), reason)}
        asides = [known.get(sitting) or Aside(sitting, version, reason) for sitting, version in versions.items()]
        return await self._close_batch(asides, note, period)

    async def _close_blindly(self, aside: Aside, version: int, note: str, period: int) -> bool:
        """Stores the end of a session of which a lease gave the version; False when the log knows better."""
        if aside.terms is None:
            return False
        sitting = aside.sitting
        state = SeatState(
            sitting.license_id, sitting.seat, version, sitting.session_id, organization_id=aside.terms.organization_id
        )
        try:
            await self._append(
                [closing(state, aside, self._clock.now(), note)], period, _believed([(aside, state, Verdict.CLOSE)])
            )
        except (IntegrityError, EpochOver):
            return False
        await self._free([(sitting, version + 1)])
        return True

    async def _close_batch(self, asides: Sequence[Aside], note: str, period: int) -> int:
        for _ in range(_ATTEMPTS):
            if not asides:
                return 0
            places = [(each.sitting.license_id, each.sitting.seat) for each in asides]
            states = await asyncio.to_thread(self._seat_log.last_events, places)
            judged = [(aside, state, verdict(aside, state)) for aside, state in zip(asides, states, strict=True)]
            now = self._clock.now()
            events = [closing(state, aside, now, note) for aside, state, what in judged if what is Verdict.CLOSE]
            believed = _believed(judged)
            try:
                await self._append(events, period, believed)
            except IntegrityError:
                continue  # somebody else closed one of them
            except EpochOver:
                over = await self._loading.doubt(believed)
                asides = [each for each in asides if (each.sitting.license_id, each.epoch) not in over]
                continue
            await self._tidy(judged)
            return len(events)
        raise ConcurrentChange(retry_after=1)

    async def _tidy(self, judged: Sequence[tuple[Aside, SeatState, Verdict]]) -> None:
        """Tells the pool what the log now says."""
        steps = {Verdict.CLOSE: 1, Verdict.FREE: 0}
        ended = [(each.sitting, state.version + steps[what]) for each, state, what in judged if what in steps]
        await self._free(ended)
        for license_id in {state.license_id for _, state, what in judged if what is Verdict.RESTORE}:
            await self._loading.load(license_id, afresh=True)

    async def _free(self, ended: Sequence[tuple[Sitting, int]]) -> None:
        await self._pool.free(ended)
        for license_id in {sitting.license_id for sitting, _ in ended}:
            self.on_free(license_id)

    async def _append(
        self, events: Sequence[Seat.SessionClosed], period: int, believed: Collection[tuple[UUID, str]]
    ) -> None:
        if events:
            by = attribution()
            await self._log.append(events, actor=by.actor, cause=by.cause, period=period, epochs=believed)


def _believed(judged: Iterable[tuple[Aside, SeatState, Verdict]]) -> set[tuple[UUID, str]]:
    """The licences, and in which epoch of them, whose sessions end only because a pool takes them for lapsed."""
    return {
        (aside.sitting.license_id, aside.epoch)
        for aside, state, what in judged
        if what is Verdict.CLOSE and reason_of(state, aside) is CloseReason.EXPIRED
    }


def _last_to_go(state: SeatState) -> tuple[bool, datetime]:
    return state.borrowed_until is None, _opened_at(state)


def _opened_at(state: SeatState) -> datetime:
    assert state.opened_at is not None
    return state.opened_at
