"""Makes what a pool proposed true: the session's events, its caller and its claims in one transaction."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.seat_admission import Entrant, SeatAdmission
from application.seat_endings import SeatEndings
from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from domain.aggregate import Event
from domain.caller import Caller
from domain.errors import Unavailable
from domain.seat import CloseReason, Seat
from domain.seat_access import ClaimRefused
from domain.seat_pool import Aside, EpochOver, Outcome, PeriodOver, Proposal, SeatState, Sitting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.seat_claims import SeatClaims
    from adapters.seat_log import SeatLog
    from adapters.session_callers import SessionCallers


class SeatRecording:
    """The log decides: what it refuses was not granted, and the pool is told how things are."""

    def __init__(
        self,
        pool: SeatPool,
        log: GroupCommit,
        seat_log: SeatLog,
        callers: SessionCallers,
        claims: SeatClaims,
        admission: SeatAdmission,
        loading: SeatLoading,
        endings: SeatEndings,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._log = log
        self._seat_log = seat_log
        self._callers = callers
        self._claims = claims
        self._admission = admission
        self._loading = loading
        self._endings = endings
        self._clock = clock

    async def record(self, entrant: Entrant, proposal: Proposal, caller: Caller, period: int) -> bool:
        """Whether the proposed session is in the log now; if not, the pool has been told what is.

        Raises `SeatsExhausted` when a limit of the bidder's own is reached, and `Unavailable`.
        """
        assert proposal.session_id
        sitting = Sitting(entrant.bid.license_id, proposal.seat, proposal.session_id)
        try:
            await self._append_or_without_ticket(entrant, proposal, sitting, caller, period)
        except PeriodOver:
            await self._pool.period(afresh=True)
            return False
        except EpochOver:
            await self._loading.doubt([(sitting.license_id, proposal.epoch)])
            return False
        except IntegrityError:
            if not await self._is_stored(sitting, proposal.version):
                return False
        except ClaimRefused as refused:
            await self._pool.withdraw(sitting)
            await self._settle_claim(entrant, proposal, refused)
            return False
        except Exception:
            with suppress(Unavailable):
                await self._pool.withdraw(sitting)
            raise
        with suppress(Unavailable):  # granted all the same: the first heartbeat makes up for the mark
            if not await self._pool.record(sitting):
                await self._loading.load(sitting.license_id, at_least=sitting.seat, afresh=True)
        return True

    async def _append_or_without_ticket(
        self, entrant: Entrant, proposal: Proposal, sitting: Sitting, caller: Caller, period: int
    ) -> None:
        """A ticket that was ended meanwhile costs its holder no seat that the pool has given him."""
        try:
            await self._append(entrant, proposal, sitting, caller, period)
        except IntegrityError:
            if entrant.ticket is None:
                raise
            await self._append(entrant._replace(ticket=None), proposal, sitting, caller, period)

    async def _append(
        self, entrant: Entrant, proposal: Proposal, sitting: Sitting, caller: Caller, period: int
    ) -> None:
        assert proposal.terms
        now, holder = self._clock.now(), entrant.bid.holder
        claims = entrant.access.claims(entrant.bidder, proposal.limit)
        rows = [
            self._callers.enter(sitting, proposal.terms.organization_id, caller, now),
            *self._claims.rows(claims, sitting, proposal.version, holder, now, replaces=proposal.former),
        ]
        events: list[Event] = [*_opening(entrant, proposal, sitting, now)]
        if entrant.ticket is not None:
            collected, row = self._admission.collecting(entrant.ticket, sitting.session_id, now)
            events.append(collected)
            rows.append(row)
        actor, cause = f"license:{sitting.license_id}", attribution().cause
        epochs = [(sitting.license_id, proposal.epoch)] if proposal.former is not None else []
        await self._log.append(events, rows=rows, actor=actor, cause=cause, period=period, epochs=epochs)

    async def _is_stored(self, sitting: Sitting, version: int) -> bool:
        """Whether the log has this very session open; if not, the pool learns what the log has."""
        (state,) = await asyncio.to_thread(self._seat_log.last_events, [(sitting.license_id, sitting.seat)])
        if state.session_id == sitting.session_id:
            return True
        if state.version < version:  # the pool is ahead of the log: the database was set back, nothing in it holds
            await self._pool.forget(sitting.license_id)
        await self._loading.load(sitting.license_id, at_least=sitting.seat, afresh=True)
        return False

    async def _settle_claim(self, entrant: Entrant, proposal: Proposal, refused: ClaimRefused) -> None:
        """A holder has one seat: where the log has it, the pool had lost it, or the session there is about to end."""
        license_id, holder = entrant.bid.license_id, entrant.bid.holder
        if refused.name != f"holder:{holder}":
            raise self._admission.refused(entrant, refused, proposal.limit) from refused
        sitting = await asyncio.to_thread(self._claims.sitting_of, license_id, holder)
        if sitting is None:
            return
        await self._loading.load(license_id, at_least=sitting.seat, afresh=True)
        epoch = await self._pool.epoch(license_id)
        renewal = await self._pool.renew(sitting, holder, None)
        if renewal.outcome in (Outcome.CLOSING, Outcome.GONE):
            await self._endings.finish(Aside(sitting, 0, renewal.reason or CloseReason.EXPIRED, epoch=epoch))


def _opening(
    entrant: Entrant, proposal: Proposal, sitting: Sitting, now: datetime
) -> list[Seat.SessionOpened | Seat.SessionClosed]:
    """The events of a proposal, built for its version without loading the seat."""
    assert proposal.terms
    license_id, seat, session_id = sitting
    owner, machine, holder = proposal.terms.organization_id, entrant.bidder.machine, entrant.bid.holder
    opened = Seat.SessionOpened.at(
        proposal.version,
        license_id=license_id,
        seat=seat,
        now=now,
        organization_id=owner,
        session_id=session_id,
        fingerprint_digest=machine,
        lease_seconds=int(proposal.terms.lease.total_seconds()),
        holder="" if holder == machine else holder,
        counts_for=entrant.counts_for,
        overage=proposal.overage,
    )
    if proposal.former is None:
        return [opened]
    lapsed = SeatState(license_id, seat, proposal.version - 2, proposal.former, organization_id=owner)
    return [lapsed.closed(CloseReason.EXPIRED, now), opened]
