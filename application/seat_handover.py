"""A session ends and another takes its seat in the same transaction, so that nobody comes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from domain.caller import Caller
from domain.errors import BorrowExhausted, Conflict, SeatsExhausted, SessionClosed, Unavailable, UsherError
from domain.seat import CloseReason, Seat
from domain.seat_access import Claim, ClaimRefused
from domain.seat_pool import LicenseFacts, PeriodOver, SeatState, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.seat_claims import SeatClaims
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers

_ATTEMPTS = 4


class Successor(NamedTuple):
    """Who is to have the seat after whom: `facts` are those of `Seat.SessionOpened` beyond the seat's own, `claims` the
    limits that the new session counts for."""

    before: Seat.SessionOpened
    reason: CloseReason
    machine: str
    holder: str
    claims: Sequence[Claim]
    facts: dict[str, Any]


class SeatHandover:
    """The session is set aside first, so that two never have a lease for one seat; whoever dies in between leaves it to
    be closed, and the seat is free then."""

    def __init__(
        self,
        pool: SeatPool,
        log: GroupCommit,
        seat_log: SeatLog,
        callers: SessionCallers,
        claims: SeatClaims,
        loading: SeatLoading,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._log = log
        self._seat_log = seat_log
        self._callers = callers
        self._claims = claims
        self._loading = loading
        self._clock = clock

    async def hand_over(self, successor: Successor, license: LicenseFacts, caller: Caller) -> Seat.SessionOpened:
        """The opening of the new session. Raises `SessionClosed` when the old one ended meanwhile; `Conflict` when the
        new holder has a seat meanwhile and `SeatsExhausted` at a limit (the old session stays then); `Unavailable`."""
        period = await self._pool.period()
        for _ in range(_ATTEMPTS):
            try:
                return await self._hand_over(successor, license, caller, period)
            except PeriodOver:
                period = await self._pool.period(afresh=True)
        raise Unavailable(retry_after=1)

    async def _hand_over(
        self, successor: Successor, license: LicenseFacts, caller: Caller, period: int
    ) -> Seat.SessionOpened:
        before = successor.before
        await self._require_within_limit(before)
        await self._set_aside(before, successor.reason)
        opened = self._opening(successor, license)
        try:
            await self._append(successor, opened, caller, period)
        except IntegrityError:
            raise await self._what_happened(before) from None
        except ClaimRefused as refused:
            if await self._end_of(before):  # it lost its place to the very session that has the claim
                raise await self._what_happened(before) from None
            holder = before.holder or before.fingerprint_digest
            await self._pool.place(_sitting(before), holder, before.originator_version, None)
            raise _refusal(successor, refused) from refused
        await self._pool.place(_sitting(opened), successor.holder, opened.originator_version, opened.borrowed_until)
        return opened

    async def _require_within_limit(self, before: Seat.SessionOpened) -> None:
        """After a resize down somebody is about to be asked to leave: until then nobody new begins."""
        view = await self._pool.look(before.license_id)
        if view is not None and view.limit is not None and view.used > view.limit:
            raise SeatsExhausted(limit=view.limit, used=view.used)

    async def _set_aside(self, before: Seat.SessionOpened, reason: CloseReason) -> None:
        sitting = _sitting(before)
        found = await self._pool.set_aside([sitting], reason)
        if not found:  # the pool has lost it, a moment after a heartbeat
            await self._loading.load(sitting.license_id, at_least=sitting.seat, afresh=True)
            found = await self._pool.set_aside([sitting], reason)
        if not found:
            raise await self._what_happened(before)
        if found[0].reason is not reason:
            raise SessionClosed(found[0].reason)

    def _opening(self, successor: Successor, license: LicenseFacts) -> Seat.SessionOpened:
        before = successor.before
        return Seat.SessionOpened.at(
            before.originator_version + 2,
            license_id=before.license_id,
            seat=before.seat,
            now=self._clock.now(),
            organization_id=license.terms.organization_id,
            session_id=self._clock.new_id(),
            fingerprint_digest=successor.machine,
            lease_seconds=int(license.terms.lease.total_seconds()),
            holder="" if successor.holder == successor.machine else successor.holder,
            counts_for=tuple(each.name for each in successor.claims if each.axis in ("user", "group")),
            **successor.facts,
        )

    async def _append(self, successor: Successor, opened: Seat.SessionOpened, caller: Caller, period: int) -> None:
        before, sitting, now = successor.before, _sitting(opened), opened.timestamp
        rows = [
            self._callers.enter(sitting, opened.organization_id, caller, now),
            *self._claims.rows(
                successor.claims,
                sitting,
                opened.originator_version,
                successor.holder,
                now,
                replaces=before.session_id,
                until=opened.borrowed_until,
            ),
        ]
        events = [SeatState.after(before).closed(successor.reason, now), opened]
        actor, cause = f"license:{before.license_id}", attribution().cause
        await self._log.append(events, rows=rows, actor=actor, cause=cause, period=period)

    async def _what_happened(self, before: Seat.SessionOpened) -> Exception:
        """Why the session has ended meanwhile; the pool learns what the log has."""
        await self._loading.load(before.license_id, at_least=before.seat, afresh=True)
        end = await self._end_of(before)
        return SessionClosed(end.reason) if end else Unavailable(retry_after=1)

    async def _end_of(self, before: Seat.SessionOpened) -> Seat.SessionClosed | None:
        after = before.originator_version + 1
        end = await asyncio.to_thread(self._seat_log.event_at, before.license_id, before.seat, after)
        return end if isinstance(end, Seat.SessionClosed) else None


def _sitting(opened: Seat.SessionOpened) -> Sitting:
    return Sitting(opened.license_id, opened.seat, opened.session_id)


def _refusal(successor: Successor, refused: ClaimRefused) -> UsherError:
    claim = next(each for each in successor.claims if each.name == refused.name)
    if claim.axis == "holder":
        return Conflict("That machine has a seat of this licence already.")
    kind = BorrowExhausted if claim.axis == "borrowed" else SeatsExhausted
    return kind(limit=claim.most, used=claim.most, axis=claim.axis)
