"""Seats: who gets one, who keeps it, who leaves. A pool proposes, the log grants."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.seat_endings import SeatEndings
from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from application.seat_refusals import ended, refusal
from application.store import Store
from domain.caller import Caller
from domain.errors import LeaseInvalid, LicenseKeyInvalid, SessionClosed, Unavailable
from domain.lease import LeaseClaims, fingerprint_digest
from domain.license import Status
from domain.license_key import parse
from domain.rate import Allowance, Rate
from domain.seat import CloseReason, Seat
from domain.seat_pool import Bid, Outcome, Proposal, Renewal, SeatState, SeatTerms, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.license_index import LicenseIndex
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers
    from adapters.signing import SigningKeys

ACQUIRES = Rate(10, timedelta(minutes=1))
HEARTBEATS = Rate(20, timedelta(minutes=1))
_ATTEMPTS = 12
_LONGEST_SILENCE = timedelta(days=31)
"""A lease that ended is still good to ask with for so long: the seat may be free, or still its session's."""


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
        callers: SessionCallers,
        license_index: LicenseIndex,
        signing: SigningKeys,
        clock: Clock,
        acquires: Rate = ACQUIRES,
        heartbeats: Rate = HEARTBEATS,
    ) -> None:
        self._pool = pool
        self._log = log
        self._seat_log = seat_log
        self._callers = callers
        self._license_index = license_index
        self._signing = signing
        self._clock = clock
        self._acquires = acquires
        self._heartbeats = heartbeats
        self.loading = SeatLoading(pool, store, seat_log, clock)
        self.endings = SeatEndings(pool, log, seat_log, callers, self.loading, clock)

    # --- sit down ---

    async def acquire(self, license_key: str, fingerprint: str, caller: Caller) -> Acquired:
        """A seat for this machine: a new session, or the one it has.

        Raises `LicenseKeyInvalid`, `LicenseSuspended`, `LicenseExpired`, `LicenseRevoked`, `SeatsExhausted`,
        `RateLimited`, and `Unavailable`, after which nothing is granted.
        """
        key = parse(license_key)
        license_id = self._license_index.remembered(key.digest)
        if license_id is None:
            license_id = await asyncio.to_thread(self._license_index.find, key.digest)
        if license_id is None:
            raise LicenseKeyInvalid()
        bid = Bid(license_id, key.digest, fingerprint_digest(fingerprint), self._clock.new_id())
        return await self._seat(bid, caller)

    async def _seat(self, bid: Bid, caller: Caller) -> Acquired:
        allowance, rate, has_asked_log = None, self._acquires, False
        for _ in range(_ATTEMPTS):
            proposal = await self._pool.propose(bid, None if allowance else rate)
            allowance = allowance or proposal.allowance
            match proposal.outcome:
                case Outcome.GRANTED | Outcome.SEATED:
                    if proposal.recorded or await self._store(bid, proposal, caller):
                        return self._acquired(bid, proposal, allowance)
                case Outcome.STALE:
                    await self.loading.load(bid.license_id)
                case Outcome.UNSURE:
                    await self.endings.settle(bid.license_id, proposal.seat)
                case Outcome.KEY_CHANGED if not has_asked_log:  # the new key may be newer than the pool's facts
                    await self.loading.publish(bid.license_id)
                    has_asked_log = True
                case _:
                    raise refusal(proposal, allowance)
        raise Unavailable(retry_after=1)

    async def _store(self, bid: Bid, proposal: Proposal, caller: Caller) -> bool:
        """Makes the proposal true. False: somebody else was faster and the pool has been told."""
        assert proposal.session_id and proposal.terms
        sitting = Sitting(bid.license_id, proposal.seat, proposal.session_id)
        now = self._clock.now()
        row = self._callers.enter(sitting, proposal.terms.organization_id, caller, now)
        actor = f"license:{bid.license_id}"
        try:
            await self._log.append(_opening(bid, proposal, now), rows=[row], actor=actor, cause=attribution().cause)
        except IntegrityError:
            if not await self._is_stored(sitting, proposal.version):
                return False
        except Exception:
            with suppress(Unavailable):
                await self._pool.withdraw(sitting)
            raise
        with suppress(Unavailable):  # granted all the same: the first heartbeat makes up for the mark
            if not await self._pool.record(sitting):
                await self.loading.load(bid.license_id, at_least=sitting.seat, afresh=True)
        return True

    async def _is_stored(self, sitting: Sitting, version: int) -> bool:
        """Whether the log has this very session open; if not, the pool learns what the log has."""
        (state,) = await asyncio.to_thread(self._seat_log.last_events, [(sitting.license_id, sitting.seat)])
        if state.session_id == sitting.session_id:
            return True
        if state.version < version:  # the pool is ahead of the log: the database was set back, nothing in it holds
            await self._pool.forget(sitting.license_id)
        await self.loading.load(sitting.license_id, at_least=sitting.seat, afresh=True)
        return False

    def _acquired(self, bid: Bid, proposal: Proposal, allowance: Allowance | None) -> Acquired:
        assert proposal.session_id and proposal.terms
        sitting = Sitting(bid.license_id, proposal.seat, proposal.session_id)
        return Acquired(
            new=proposal.outcome is Outcome.GRANTED,
            license_id=bid.license_id,
            session_id=proposal.session_id,
            seat=proposal.seat,
            lease=self._lease(sitting, bid.holder, proposal.version, proposal.now, proposal.lease_ends, proposal.terms),
            expires_at=proposal.lease_ends,
            heartbeat_interval=proposal.terms.heartbeat,
            limit=proposal.limit,
            used=proposal.used,
            allowance=allowance,
        )

    # --- stay ---

    async def heartbeat(self, session_id: UUID, lease: str) -> Renewed:
        """Another lease for the session. Raises `LeaseInvalid`, `SessionClosed`, `RateLimited`, `Unavailable`.

        A late heartbeat is welcome as long as nobody else was given the seat.
        """
        claims = self._read(session_id, lease)
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
        lease = self._lease(sitting, claims.fp, claims.ver, renewal.now, renewal.lease_ends, renewal.terms)
        return Renewed(lease, renewal.lease_ends, renewal.terms.heartbeat, allowance)

    # --- leave ---

    async def release(self, session_id: UUID, lease: str) -> None:
        """Ends the session; again: no effect. Raises `LeaseInvalid`, `Unavailable`."""
        claims = self._read(session_id, lease)
        sitting = Sitting(claims.lic, claims.seat, claims.sid)
        await self.endings.end(sitting, CloseReason.RELEASED, version=claims.ver)

    async def tighten(self, license_id: UUID, *, status: Status | None = None, limit: int | None = None) -> None:
        """Before the event that takes seats away; see `SeatWork.tighten`."""
        await self._pool.tighten(license_id, status, limit)

    # --- leases ---

    def _read(self, session_id: UUID, lease: str) -> LeaseClaims:
        claims = self._signing.read_lease(lease, self._clock.now(), late=_LONGEST_SILENCE)
        if claims.sid != session_id:
            raise LeaseInvalid()
        return claims

    def _lease(
        self, sitting: Sitting, holder: str, version: int, now: datetime, ends: datetime, terms: SeatTerms
    ) -> str:
        return self._signing.sign_lease(
            LeaseClaims(
                sid=sitting.session_id,
                lic=sitting.license_id,
                seat=sitting.seat,
                fp=holder,
                ver=version,
                iat=int(now.timestamp()),
                exp=int(ends.timestamp()),
                grace=int(terms.offline_grace.total_seconds()),
                product=terms.product,
                features=terms.features,
            )
        )


def _opening(bid: Bid, proposal: Proposal, now: datetime) -> list[Seat.SessionOpened | Seat.SessionClosed]:
    """The events of a proposal, built for its version without loading the seat."""
    assert proposal.terms
    owner = proposal.terms.organization_id
    opened = Seat.SessionOpened.at(
        proposal.version,
        license_id=bid.license_id,
        seat=proposal.seat,
        now=now,
        organization_id=owner,
        session_id=proposal.session_id,
        fingerprint_digest=bid.holder,
        lease_seconds=int(proposal.terms.lease.total_seconds()),
    )
    if proposal.former is None:
        return [opened]
    lapsed = SeatState(bid.license_id, proposal.seat, proposal.version - 2, proposal.former, organization_id=owner)
    return [lapsed.closed(CloseReason.EXPIRED, now), opened]
