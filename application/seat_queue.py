"""Waiting for a seat: a ticket is taken, asked about until a seat is ready, and collected by acquiring."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.queue_rounds import QueueRounds, Standing
from application.seat_admission import SeatAdmission
from application.seats import ACQUIRES, Seats
from application.ticket_endings import TicketEndings
from domain.caller import Caller
from domain.errors import (
    ConcurrentChange,
    Conflict,
    LicenseKeyInvalid,
    NotFound,
    QueueFull,
    QueueNotOffered,
    RateLimited,
    SeatsExhausted,
    TicketClosed,
    TicketInvalid,
    Unavailable,
)
from domain.lease import fingerprint_digest
from domain.license_key import parse
from domain.queue_ticket import QueueTicket
from domain.rate import Allowance, Rate
from domain.seat_access import Bidder
from domain.seat_line import Waiting
from domain.seat_policy import QueueRules
from domain.seat_pool import LicenseFacts

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.group_commit import GroupCommit
    from adapters.queue_tickets import QueueTickets
    from adapters.rate_limit import RateLimit
    from adapters.seat_claims import SeatClaims
    from adapters.ticket_seal import TicketSeals

POLLS = Rate(30, timedelta(minutes=1))
LONGEST_WAIT = 60
"""Seconds that a poll may last."""
_FACTS_FOR = 5.0
_REMEMBERED = 10_000
_ATTEMPTS = 8


class Place(NamedTuple):
    """A ticket and how it stands. `ticket` is what its holder shows when he asks, '' when he has just shown it."""

    ticket_id: UUID
    standing: Standing
    now: datetime
    new: bool = False
    ticket: str = ""
    allowance: Allowance | None = None


class SeatQueue:
    """For one event loop; `TicketEndings` is for workers. `takes` and `polls` are rates per holder and ticket."""

    def __init__(
        self,
        *,
        seats: Seats,
        rounds: QueueRounds,
        endings: TicketEndings,
        tickets: QueueTickets,
        claims: SeatClaims,
        admission: SeatAdmission,
        log: GroupCommit,
        seals: TicketSeals,
        rate_limit: RateLimit,
        clock: Clock,
        takes: Rate = ACQUIRES,
        polls: Rate = POLLS,
    ) -> None:
        self._seats = seats
        self._rounds = rounds
        self._endings = endings
        self._tickets = tickets
        self._claims = claims
        self._admission = admission
        self._log = log
        self._seals = seals
        self._rate_limit = rate_limit
        self._clock = clock
        self._takes = takes
        self._polls = polls
        self._facts: OrderedDict[UUID, tuple[float, LicenseFacts]] = OrderedDict()
        seats.endings.on_free = rounds.nudge

    def stop(self) -> None:
        """The process is to end: whoever waits is answered now."""
        self._rounds.stop()

    # --- take a place ---

    async def take(self, license_key: str, fingerprint: str, caller: Caller) -> Place:
        """A place in the queue; again: the one that this holder has.

        Raises `LicenseKeyInvalid`, `LicenseSuspended`, `LicenseExpired`, `LicenseRevoked`, `SeatNotAllowed`,
        `InvalidRequest` when the user must be named, `QueueNotOffered`, `Conflict` when the holder has a seat,
        `SeatsExhausted` when the user has all that one may, `QueueFull`, `RateLimited` and `Unavailable`.
        """
        key, machine = parse(license_key), fingerprint_digest(fingerprint)
        license_id = await self._seats.license_of(key)
        allowance = await self._count(f"queue:{license_id}:{machine}", self._takes)
        license = await self._license(license_id, afresh=True)
        if license.key_digest != key.digest:
            raise LicenseKeyInvalid()
        license.status.require_working()
        rules, bidder = _rules(license), self._admission.bidder(license_id, machine, caller.user or "")
        license.access.require_admitted(bidder)
        ticket, new = await self._ticket(license, rules, bidder)
        standing = await self._standing(license, ticket, wait=0)
        seal = self._seals.seal(ticket, license_id)
        return Place(ticket, standing, self._clock.now(), new, seal, allowance)

    async def _ticket(self, license: LicenseFacts, rules: QueueRules, bidder: Bidder) -> tuple[UUID, bool]:
        """The bidder's ticket, and whether it is new."""
        holder = license.access.holder(bidder)
        for _ in range(_ATTEMPTS):
            found = await asyncio.to_thread(self._tickets.of_holder, license.license_id, holder)
            if found and await asyncio.to_thread(self._endings.end_of, found.ticket_id) is None:
                return found.ticket_id, False
            await self._require_without_seat(license, bidder)
            if await asyncio.to_thread(self._tickets.length, license.license_id, self._clock.now()) >= rules.length:
                raise QueueFull(length=rules.length)
            try:
                return await self._store(license, rules, bidder), True
            except IntegrityError:
                continue  # another request of this holder, or others took the last places
        raise ConcurrentChange(retry_after=1)

    async def _require_without_seat(self, license: LicenseFacts, bidder: Bidder) -> None:
        """Nobody waits for a seat that he has, or that he could not take however long he waits."""
        license_id, access = license.license_id, license.access
        if await asyncio.to_thread(self._claims.sitting_of, license_id, access.holder(bidder)):
            raise Conflict("There is a seat of this licence for it already; acquire answers it.")
        own = [each for each in access.claims(bidder, None) if each.axis == "user"]
        taken = await self._rounds.taken(license_id, [each.name for each in own])
        for each in own:
            if taken.get(each.name, 0) >= each.most:
                raise SeatsExhausted(limit=each.most, used=each.most, axis=each.axis)

    async def _store(self, license: LicenseFacts, rules: QueueRules, bidder: Bidder) -> UUID:
        """A new ticket; the library's `IntegrityError` when the holder has one by now, or the last place is taken."""
        now, access, holder = self._clock.now(), license.access, license.access.holder(bidder)
        groups, priority = tuple(each.name for each in access.groups_of(bidder)), access.priority(bidder)
        ticket = QueueTicket.take(
            id=self._clock.new_id(),
            now=now,
            license_id=license.license_id,
            organization_id=license.terms.organization_id,
            fingerprint_digest=bidder.machine,
            holder="" if holder == bidder.machine else holder,
            priority=priority,
            groups=groups,
        )
        waiting = Waiting(ticket.id, license.license_id, groups, False, now + rules.patience)
        row = self._tickets.taking(waiting, holder, priority, now, most=rules.length)
        events: list[Any] = [*ticket.collect_events()]
        actor = f"license:{license.license_id}"
        await self._log.append(events, rows=[row], actor=actor, cause=attribution().cause)
        return ticket.id

    # --- wait ---

    async def poll(self, ticket_id: UUID, shown: str, wait: float) -> Place:
        """How the ticket stands: when it is ready, or after `wait` seconds (0 to 60). Keeps its place.

        Raises `TicketInvalid`, `TicketClosed`, the licence's refusals, `QueueNotOffered` when the plan has no queue any
        more, `RateLimited` and `Unavailable`.
        """
        license_id = self._read(ticket_id, shown)
        allowance = await self._count(f"ticket:{ticket_id}", self._polls)
        license = await self._license(license_id)
        license.status.require_working()
        standing = await self._standing(license, ticket_id, wait)
        return Place(ticket_id, standing, self._clock.now(), allowance=allowance)

    async def leave(self, ticket_id: UUID, shown: str) -> None:
        """Gives the place up; again: no effect. Raises `TicketInvalid`, `Unavailable`."""
        license_id = self._read(ticket_id, shown)
        try:
            await asyncio.to_thread(self._endings.leave, ticket_id)
        except NotFound:
            raise TicketInvalid() from None
        self._rounds.nudge(license_id)

    def _read(self, ticket_id: UUID, shown: str) -> UUID:
        """The licence of a ticket that is shown to be one's own."""
        sealed = self._seals.read(shown)
        if sealed is None or sealed.ticket_id != ticket_id:
            raise TicketInvalid()
        return sealed.license_id

    async def _standing(self, license: LicenseFacts, ticket_id: UUID, wait: float) -> Standing:
        _rules(license)
        for _ in range(_ATTEMPTS):
            standing = await self._rounds.standing(license.license_id, ticket_id, license.access.policy, wait)
            if standing is not None:
                return standing
            try:
                end = await asyncio.to_thread(self._endings.end_of, ticket_id)
            except NotFound:
                raise TicketInvalid() from None
            if end is not None:
                raise TicketClosed(end)
        raise Unavailable(retry_after=1)

    # --- what is asked before ---

    async def _license(self, license_id: UUID, *, afresh: bool = False) -> LicenseFacts:
        """From the log, not older than some seconds."""
        now = asyncio.get_running_loop().time()
        read_at, license = self._facts.get(license_id, (0.0, None))
        if license is None or afresh or read_at < now - _FACTS_FOR:
            license = await asyncio.to_thread(self._seats.loading.facts_of, license_id)
            self._facts[license_id] = (now, license)
            if len(self._facts) > _REMEMBERED:
                self._facts.popitem(last=False)
        return license

    async def _count(self, what: str, rate: Rate) -> Allowance:
        """Counts a call; `RateLimited` when it is one too many."""
        allowance = await asyncio.to_thread(self._rate_limit.allow, what, rate.limit, rate.per)
        if allowance.retry_after:
            refusal = RateLimited(retry_after=allowance.retry_after)
            refusal.allowance = allowance
            raise refusal
        return allowance


def _rules(license: LicenseFacts) -> QueueRules:
    if license.access.policy.queue is None:
        raise QueueNotOffered()
    return license.access.policy.queue
