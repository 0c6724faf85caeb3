"""Seats: who gets one, who keeps it, who leaves. A pool proposes, the log grants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.seat_admission import Entrant, Request, SeatAdmission
from application.seat_endings import SeatEndings
from application.seat_handover import SeatHandover
from application.seat_leases import SeatLeases
from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from application.seat_recording import SeatRecording
from application.seat_refusals import ended, refusal
from application.store import Store
from domain.caller import Caller
from domain.errors import LicenseKeyInvalid, SessionClosed, Unavailable, UsherError
from domain.lease import LeaseClaims, fingerprint_digest
from domain.license import Status
from domain.license_key import LicenseKey, parse
from domain.rate import Allowance, Rate
from domain.seat import CloseReason, Seat
from domain.seat_access import Bidder
from domain.seat_pool import Outcome, Proposal, Renewal, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.license_index import LicenseIndex
    from adapters.seat_claims import SeatClaims
    from adapters.seat_epochs import SeatEpochs
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers
    from adapters.signing import SigningKeys

Denied = Callable[[UUID, Bidder, str, UsherError], None]
"""Told of every refusal of a seat: licence, who asked, whose the seat would have been, why."""
ACQUIRES = Rate(10, timedelta(minutes=1))
HEARTBEATS = Rate(20, timedelta(minutes=1))
_ATTEMPTS = 12


class Acquired(NamedTuple):
    """A seat taken. `new` is False when this machine had it already; `limit` None is no limit."""

    new: bool
    license_id: UUID
    session_id: UUID
    seat: int
    lease: str
    expires_at: datetime
    heartbeat_interval: timedelta
    limit: int | None
    used: int
    overage: bool
    allowance: Allowance | None


class Renewed(NamedTuple):
    lease: str
    expires_at: datetime
    heartbeat_interval: timedelta
    allowance: Allowance | None


class Seats:
    """For one event loop; workers use `application/seat_work.py`. `acquires` and `heartbeats` are rates per machine."""

    def __init__(
        self,
        *,
        pool: SeatPool,
        log: GroupCommit,
        store: Store,
        seat_log: SeatLog,
        epochs: SeatEpochs,
        callers: SessionCallers,
        claims: SeatClaims,
        admission: SeatAdmission,
        license_index: LicenseIndex,
        signing: SigningKeys,
        clock: Clock,
        acquires: Rate = ACQUIRES,
        heartbeats: Rate = HEARTBEATS,
        denied: Denied = lambda *_: None,
    ) -> None:
        self._pool = pool
        self._seat_log = seat_log
        self._admission = admission
        self._license_index = license_index
        self._leases = SeatLeases(signing, clock)
        self._clock = clock
        self._acquires = acquires
        self._heartbeats = heartbeats
        self.denied = denied
        self.loading = SeatLoading(pool, store, seat_log, epochs, clock)
        self.endings = SeatEndings(pool, log, seat_log, callers, self.loading, clock)
        self.handover = SeatHandover(pool, log, seat_log, callers, claims, self.loading, clock)
        self._recording = SeatRecording(
            pool, log, seat_log, callers, claims, admission, self.loading, self.endings, clock
        )

    # --- sit down ---

    async def acquire(self, license_key: str, fingerprint: str, caller: Caller) -> Acquired:
        """A seat for this machine, or for its user where people hold seats: a new session, or the one there is.

        Raises `LicenseKeyInvalid`, `LicenseSuspended`, `LicenseExpired`, `LicenseRevoked`, `SeatNotAllowed`,
        `InvalidRequest` when the user must be named, `SeatsExhausted`, `RateLimited`, and `Unavailable`, after which
        nothing is granted.
        """
        key = parse(license_key)
        license_id = await self.license_of(key)
        machine = fingerprint_digest(fingerprint)
        request = Request(license_id, key.digest, machine, caller.user or "", self._clock.new_id())
        return await self._seat(request, caller)

    async def license_of(self, key: LicenseKey) -> UUID:
        """The licence that has, or had, this key; `LicenseKeyInvalid`."""
        license_id = await self._license_index.look_up(key.digest)
        if license_id is None:
            raise LicenseKeyInvalid()
        return license_id

    async def _seat(self, request: Request, caller: Caller) -> Acquired:
        allowance, rate, has_asked_log, entrant = None, self._acquires, False, None
        try:
            for _ in range(_ATTEMPTS):
                entrant = await self._admission.enter(request, self._pool.lapsed_of)
                period = await self._pool.period()
                proposal = await self._pool.propose(entrant.bid, None if allowance else rate)
                allowance = allowance or proposal.allowance
                match proposal.outcome:
                    case Outcome.GRANTED | Outcome.SEATED:
                        if proposal.recorded or await self._recording.record(entrant, proposal, caller, period):
                            return self._acquired(entrant, proposal, allowance)
                        # stored by another process, a session of this id may have ended: it must not begin again
                        request = request._replace(session_id=self._clock.new_id())
                    case Outcome.STALE:
                        await self.loading.load(request.license_id)
                    case Outcome.UNSURE:
                        await self.endings.settle(request.license_id, proposal.seat)
                    case Outcome.KEY_CHANGED if not has_asked_log:  # the new key may be newer than the pool's facts
                        await self.loading.publish(request.license_id)
                        has_asked_log = True
                    case Outcome.POLICY_CHANGED:
                        assert proposal.access is not None
                        if asleep := self._admission.learn(entrant, proposal.access):
                            await self.endings.settle(request.license_id, asleep)
                    case Outcome.EXHAUSTED:
                        raise self._admission.exhausted(entrant, proposal, allowance)
                    case _:
                        raise refusal(proposal, allowance)
        except UsherError as refused:
            refused.allowance = refused.allowance or allowance
            if entrant is not None:
                bidder, holder = entrant.bidder, entrant.access.holder(entrant.bidder)
                self.denied(request.license_id, bidder, holder or bidder.machine, refused)
            raise
        raise Unavailable(retry_after=1)

    def _acquired(self, entrant: Entrant, proposal: Proposal, allowance: Allowance | None) -> Acquired:
        assert proposal.session_id and proposal.terms
        sitting = Sitting(entrant.bid.license_id, proposal.seat, proposal.session_id)
        now, ends, terms = proposal.now, proposal.lease_ends, proposal.terms
        lease = self._leases.sign(
            sitting, entrant.bidder.machine, proposal.version, terms, now=now, ends=ends, borrowed=proposal.borrowed
        )
        return Acquired(
            new=proposal.outcome is Outcome.GRANTED,
            license_id=sitting.license_id,
            session_id=sitting.session_id,
            seat=sitting.seat,
            lease=lease,
            expires_at=ends,
            heartbeat_interval=terms.heartbeat,
            limit=proposal.limit,
            used=proposal.used,
            overage=proposal.overage,
            allowance=allowance,
        )

    # --- stay ---

    async def heartbeat(self, session_id: UUID, lease: str) -> Renewed:
        """Another lease for the session. Raises `LeaseInvalid`, `SessionClosed`, `RateLimited`, `Unavailable`.

        A late heartbeat is welcome as long as nobody else was given the seat.
        """
        claims = self._leases.read(session_id, lease)
        sitting = Sitting(claims.lic, claims.seat, claims.sid)
        allowance = None
        for _ in range(_ATTEMPTS):
            renewal = await self._pool.renew(sitting, claims.fp, None if allowance else self._heartbeats)
            allowance = allowance or renewal.allowance
            match renewal.outcome:
                case Outcome.RENEWED:
                    return self._renewed(sitting, claims, renewal, allowance)
                case Outcome.STALE:
                    await self.loading.load(sitting.license_id, at_least=sitting.seat)
                case Outcome.GONE:
                    await self._reseat(sitting, claims.ver)
                case _:
                    raise ended(renewal, allowance)
        raise Unavailable(retry_after=1)  # never 410: the log did not say that the session ended

    async def _reseat(self, sitting: Sitting, version: int) -> None:
        """The pool does not know the session: says why it ended, or tells the pool of it."""
        end = await asyncio.to_thread(self._seat_log.event_at, sitting.license_id, sitting.seat, version + 1)
        if isinstance(end, Seat.SessionClosed):
            raise SessionClosed(end.reason)
        await self.loading.load(sitting.license_id, at_least=sitting.seat, afresh=True)

    def _renewed(self, sitting: Sitting, claims: LeaseClaims, renewal: Renewal, allowance: Allowance | None) -> Renewed:
        assert renewal.terms and renewal.now and renewal.lease_ends
        now, ends = renewal.now, renewal.lease_ends
        lease = self._leases.sign(
            sitting, claims.fp, claims.ver, renewal.terms, now=now, ends=ends, borrowed=claims.bor
        )
        return Renewed(lease, renewal.lease_ends, renewal.terms.heartbeat, allowance)

    def read(self, session_id: UUID, lease: str) -> LeaseClaims:
        """What a lease says; `LeaseInvalid` when it is not this session's."""
        return self._leases.read(session_id, lease)

    async def seated(self, opened: Seat.SessionOpened, machine: str, *, new: bool = True) -> Acquired:
        """The answer about a session that sits by another way than `acquire`; `Unavailable` while it cannot be read."""
        facts = await asyncio.to_thread(self.loading.facts_of, opened.license_id)
        view = await self._pool.look(opened.license_id)
        now, terms = self._clock.now(), facts.terms
        ends = opened.borrowed_until or now + terms.lease
        sitting = Sitting(opened.license_id, opened.seat, opened.session_id)
        borrowed = opened.borrowed_until is not None
        version = opened.originator_version
        return Acquired(
            new=new,
            license_id=opened.license_id,
            session_id=opened.session_id,
            seat=opened.seat,
            lease=self._leases.sign(sitting, machine, version, terms, now=now, ends=ends, borrowed=borrowed),
            expires_at=ends,
            heartbeat_interval=terms.heartbeat,
            limit=facts.limit,
            used=view.used if view else 0,
            overage=opened.overage,
            allowance=None,
        )

    # --- leave ---

    async def release(self, session_id: UUID, lease: str) -> None:
        """Ends the session; again: no effect. Raises `LeaseInvalid`, `Unavailable`."""
        claims = self._leases.read(session_id, lease)
        sitting = Sitting(claims.lic, claims.seat, claims.sid)
        await self.endings.end(sitting, CloseReason.RELEASED, version=claims.ver)

    async def tighten(self, license_id: UUID, *, status: Status | None = None, limit: int | None = None) -> None:
        """Before the event that takes seats away; see `SeatWork.tighten`."""
        await self._pool.tighten(license_id, status, limit)
