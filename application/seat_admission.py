"""Who may bid for a seat, as whom, and what is to be left to others: asked before the pool is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.errors import SeatsExhausted
from domain.rate import Allowance
from domain.seat_access import OPEN_TO_ALL, Bidder, ClaimRefused, SeatAccess
from domain.seat_pool import Bid, Proposal

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.queue_tickets import QueueTickets
    from adapters.seat_claims import SeatClaims
    from adapters.user_digests import UserDigests

_REMEMBERED = 20_000


class Request(NamedTuple):
    """Somebody asks for a seat: `machine` is the digest of a fingerprint, `user` a name or ''."""

    license_id: UUID
    key_digest: str
    machine: str
    user: str
    session_id: UUID


class Entrant(NamedTuple):
    """A request that was judged by the licence's access."""

    bid: Bid
    bidder: Bidder
    access: SeatAccess

    @property
    def counts_for(self) -> tuple[str, ...]:
        """The limits beside the licence's and the holder's own that a seat would count for."""
        return tuple(each.name for each in self.access.claims(self.bidder, None) if each.axis != "holder")


class SeatAdmission:
    """Remembers each licence's access; the pool says when it is another. For one event loop."""

    def __init__(self, claims: SeatClaims, users: UserDigests, tickets: QueueTickets, clock: Clock) -> None:
        self._claims = claims
        self._users = users
        self._tickets = tickets
        self._clock = clock
        self._known: OrderedDict[UUID, SeatAccess] = OrderedDict()

    def learn(self, license_id: UUID, access: SeatAccess) -> None:
        self._known[license_id] = access
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def bidder(self, license_id: UUID, machine: str, user: str) -> Bidder:
        return Bidder(machine, self._users.digest(license_id, user) if user else "")

    async def enter(self, request: Request) -> Entrant:
        """Raises what `SeatAccess.require_admitted` does."""
        license_id, key_digest, machine, _, session_id = request
        access = self._known.get(license_id, OPEN_TO_ALL)
        if access is OPEN_TO_ALL:
            return Entrant(Bid(license_id, key_digest, machine, session_id), Bidder(machine), access)
        bidder = self.bidder(license_id, machine, request.user)
        access.require_admitted(bidder)
        leave = sum(await self._left_to_others(license_id, access, bidder))
        bid = Bid(license_id, key_digest, access.holder(bidder), session_id, access.digest, leave)
        return Entrant(bid, bidder, access)

    async def exhausted(self, entrant: Entrant, proposal: Proposal, allowance: Allowance | None) -> SeatsExhausted:
        """Why the pool had no seat: none is there, or those that are there are others'."""
        limit, access = proposal.limit or 0, entrant.access
        axis = "license"
        if entrant.bid.leave:
            reserved, waiting = await self._left_to_others(entrant.bid.license_id, access, entrant.bidder)
            axis = "queue" if waiting else "reserved" if reserved else "license"
        error = SeatsExhausted(limit=limit, used=proposal.used, axis=axis, queue=access.policy.queue is not None)
        error.allowance = allowance
        return error

    def refused(self, entrant: Entrant, refusal: ClaimRefused, seats: int | None) -> SeatsExhausted:
        """A limit of the bidder's own was reached."""
        claim = next(each for each in entrant.access.claims(entrant.bidder, seats) if each.name == refusal.name)
        return SeatsExhausted(limit=claim.most, used=claim.most, axis=claim.axis)

    async def _left_to_others(self, license_id: UUID, access: SeatAccess, bidder: Bidder) -> tuple[int, int]:
        """Seats that are reserved for groups the bidder is not in, and seats for those who wait before him."""
        reserved = waiting = 0
        if access.policy.reserved:
            names = [f"group:{group.name}" for group in access.policy.groups]
            taken = await asyncio.to_thread(self._claims.taken, license_id, names)
            reserved = access.reserved_for_others(bidder, taken)
        if access.policy.queue is not None:
            holder, now = access.holder(bidder), self._clock.now()
            waiting = await asyncio.to_thread(self._tickets.ahead_of, license_id, holder, now)
        return reserved, waiting
