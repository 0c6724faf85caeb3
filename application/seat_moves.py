"""A machine hands its seat on: to another machine (swap), or to itself for days without a network (borrow)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from application.seat_admission import SeatAdmission
from application.seat_handover import Successor
from application.seats import Acquired, Seats
from domain.caller import Caller
from domain.durations import text
from domain.errors import (
    BorrowExhausted,
    BorrowNotOffered,
    Conflict,
    InvalidRequest,
    LeaseInvalid,
    SeatBorrowed,
    SessionClosed,
    Unavailable,
    UsherError,
)
from domain.lease import LeaseClaims, fingerprint_digest
from domain.seat import CloseReason, Seat
from domain.seat_access import Bidder, Claim
from domain.seat_pool import LicenseFacts, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.return_statement import ReturnStatements
    from adapters.seat_claims import SeatClaims
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers

_ANY_NUMBER = 1_000_000


class SeatMoves:
    """For one event loop."""

    def __init__(
        self,
        seats: Seats,
        seat_log: SeatLog,
        callers: SessionCallers,
        claims: SeatClaims,
        admission: SeatAdmission,
        clock: Clock,
        statements: ReturnStatements,
    ) -> None:
        self._seats = seats
        self._seat_log = seat_log
        self._callers = callers
        self._claims = claims
        self._admission = admission
        self._clock = clock
        self._statements = statements

    async def swap(self, session_id: UUID, lease: str, fingerprint: str, caller: Caller) -> Acquired:
        """The seat goes to another machine; again: the session which that machine has since.

        Raises `LeaseInvalid`, `SessionClosed`, `SeatBorrowed`, `Conflict` when the plan does not allow it or that
        machine has a seat, what `SeatAccess.require_admitted` raises, `SeatsExhausted` at a limit of the other
        machine's groups, and `Unavailable`.
        """
        claims, machine = self._seats.read(session_id, lease), fingerprint_digest(fingerprint)
        with self._denials_told(claims, machine):
            swap = partial(self._swap, claims, lease, machine, caller)
            return await self._once(claims, CloseReason.SWAPPED, machine, swap)

    async def _swap(self, claims: LeaseClaims, lease: str, machine: str, caller: Caller) -> Acquired:
        before, license = await self._seated(claims, lease, CloseReason.SWAPPED)
        access = license.access
        if not access.policy.swap:
            raise Conflict("The plan of this licence does not let a seat move; release it and acquire another.")
        bidder = self._admission.bidder(claims.lic, machine, caller.user or "")
        access.require_admitted(bidder)
        await self._require_without_seat(claims, machine, access.holder(bidder))
        limits = list(access.claims(bidder, license.limit))
        successor = Successor(before, CloseReason.SWAPPED, machine, access.holder(bidder), limits, {})
        return await self._seats.seated(await self._seats.handover.hand_over(successor, license, caller), machine)

    async def borrow(
        self, session_id: UUID, lease: str, until: datetime | timedelta, return_key: str | None, caller: Caller
    ) -> Acquired:
        """The machine keeps its seat until then (or so long) without heartbeats; again: the session it has borrowed.

        Raises `LeaseInvalid`, `SessionClosed`, `SeatBorrowed`, `BorrowNotOffered`, `BorrowExhausted`,
        `InvalidRequest` when it is longer than the plan or the licence allows, and `Unavailable`.
        """
        claims = self._seats.read(session_id, lease)
        with self._denials_told(claims, claims.fp):
            borrow = partial(self._borrow, claims, lease, until, return_key, caller)
            return await self._once(claims, CloseReason.BORROWED, claims.fp, borrow)

    async def _borrow(
        self, claims: LeaseClaims, lease: str, until: datetime | timedelta, return_key: str | None, caller: Caller
    ) -> Acquired:
        before, license = await self._seated(claims, lease, CloseReason.BORROWED)
        if return_key is not None:
            self._statements.require_key(return_key)
        borrowed_until, lendable = self._end(license, until), _lendable(license)
        if lendable < 1:
            raise BorrowExhausted(limit=0, used=0, axis="borrowed")
        holder = before.holder or before.fingerprint_digest
        limits = [Claim(name, _ANY_NUMBER) for name in (f"holder:{holder}", *before.counts_for)]
        facts = {"borrowed_until": borrowed_until, "return_key": return_key or "", "overage": before.overage}
        limits.append(Claim("borrowed", lendable))
        successor = Successor(before, CloseReason.BORROWED, claims.fp, holder, limits, facts)
        return await self._seats.seated(await self._seats.handover.hand_over(successor, license, caller), claims.fp)

    async def _once(
        self, claims: LeaseClaims, reason: CloseReason, machine: str, act: Callable[[], Awaitable[Acquired]]
    ) -> Acquired:
        """Whoever asks for the very same again, or at the same time, is answered with the session that came of it."""
        if done := await self._successor_of(claims, reason, machine):
            return await self._seats.seated(done, machine, new=False)
        try:
            return await act()
        except (SessionClosed, Conflict, Unavailable):
            if done := await self._successor_of(claims, reason, machine):
                return await self._seats.seated(done, machine, new=False)
            raise

    async def give_back(self, session_id: UUID, statement: str) -> None:
        """Ends a borrowed session by a statement that its machine signed; again: no effect. `LeaseInvalid`."""
        opened = await asyncio.to_thread(self._opening_of, session_id)
        if opened is None or not opened.return_key:
            raise LeaseInvalid()
        signed = self._statements.read(statement, opened.return_key)
        if signed.get("sid") != str(session_id) or signed.get("act") != "return":
            raise LeaseInvalid()
        sitting = Sitting(opened.license_id, opened.seat, session_id)
        await self._seats.endings.end(sitting, CloseReason.RELEASED, version=opened.originator_version)

    @contextmanager
    def _denials_told(self, claims: LeaseClaims, machine: str) -> Iterator[None]:
        try:
            yield
        except UsherError as refused:
            self._seats.denied(claims.lic, Bidder(machine), machine, refused)
            raise

    async def _seated(
        self, claims: LeaseClaims, lease: str, reason: CloseReason
    ) -> tuple[Seat.SessionOpened, LicenseFacts]:
        """How the session began and how its licence stands, if it sits there now and may move. One that is set aside
        for this very reason may, too: whoever did that may have died of it, and the log takes only one end."""
        if claims.bor:
            raise SeatBorrowed(claims.expires_at)
        try:
            await self._seats.heartbeat(claims.sid, lease)
        except SessionClosed as closed:
            if closed.reason != reason or await self._event_at(claims, claims.ver + 1):
                raise
        before = await self._event_at(claims, claims.ver)
        if not isinstance(before, Seat.SessionOpened) or before.session_id != claims.sid:
            raise LeaseInvalid()
        return before, await asyncio.to_thread(self._seats.loading.facts_of, claims.lic)

    async def _successor_of(self, claims: LeaseClaims, reason: CloseReason, machine: str) -> Seat.SessionOpened | None:
        """The session that took this one's seat over, when the very same was asked before."""
        end = await self._event_at(claims, claims.ver + 1)
        if not isinstance(end, Seat.SessionClosed) or end.session_id != claims.sid or end.reason is not reason:
            return None
        after = await self._event_at(claims, claims.ver + 2)
        is_same = isinstance(after, Seat.SessionOpened) and after.fingerprint_digest == machine
        ended = await self._event_at(claims, claims.ver + 3) if is_same else None
        return after if isinstance(after, Seat.SessionOpened) and is_same and ended is None else None

    async def _event_at(self, claims: LeaseClaims, version: int) -> Seat.SessionOpened | Seat.SessionClosed | None:
        return await asyncio.to_thread(self._seat_log.event_at, claims.lic, claims.seat, version)

    async def _require_without_seat(self, claims: LeaseClaims, machine: str, holder: str) -> None:
        sitting = await asyncio.to_thread(self._claims.sitting_of, claims.lic, holder)
        if machine == claims.fp or (sitting is not None and sitting.session_id != claims.sid):
            raise Conflict("That machine has a seat of this licence already.")

    def _end(self, license: LicenseFacts, until: datetime | timedelta) -> datetime:
        """When the borrowing ends, to the second."""
        now, rules = self._clock.now(), license.access.policy.borrow
        if rules is None:
            raise BorrowNotOffered()
        name, length = ("duration", until) if isinstance(until, timedelta) else ("until", until - now)
        if length <= timedelta(0):
            raise InvalidRequest.field(name, "must lie in the future")
        if length > rules.longest:
            raise InvalidRequest.field(name, f"must be at most {text(rules.longest)} from now")
        ends = now + length
        license_ends = min((end for end in (license.expires_at, license.grace_ends_at) if end), default=None)
        if license_ends is not None and ends > license_ends:
            raise InvalidRequest.field(name, "lies beyond the end of the licence")
        return ends.replace(microsecond=0)

    def _opening_of(self, session_id: UUID) -> Seat.SessionOpened | None:
        """The event that began a session, wherever the seat stands now."""
        sitting = self._callers.sitting(session_id)
        return self._seat_log.opening_of(sitting) if sitting else None


def _lendable(license: LicenseFacts) -> int:
    """Seats that may be away at once: those granted, but for the ones that the plan keeps."""
    rules = license.access.policy.borrow
    return max(0, (license.granted or 0) - (rules.keep if rules else 0))
