"""Who may bid for a seat, as whom, and what is to be left to others: asked before the pool is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.errors import InvalidRequest, SeatNotAllowed, SeatsExhausted, UsherError
from domain.queue_ticket import QueueTicket
from domain.rate import Allowance
from domain.seat_access import OPEN_TO_ALL, Bidder, Claim, ClaimRefused, SeatAccess
from domain.seat_line import SeatLine, Turn
from domain.seat_policy import SeatGroup
from domain.seat_pool import Bid, Proposal

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.queue_tickets import QueueTickets
    from adapters.seat_claims import SeatClaims
    from adapters.user_digests import UserDigests

LapsedOf = Callable[[UUID], Awaitable[Sequence[int]]]
"""`SeatPool.lapsed_of`."""
_REMEMBERED = 20_000
_LISTED = 500_000
"""Members in the lists of all remembered licences together: some 100 MB."""
_NOBODYS_RULES = "?"


class Request(NamedTuple):
    """Somebody asks for a seat: `machine` is the digest of a fingerprint, `user` a name or ''."""

    license_id: UUID
    key_digest: str
    machine: str
    user: str
    session_id: UUID


class Entrant(NamedTuple):
    """A request that was judged by the licence's access. For `waiting` of the seats to be left others are in turn,
    `ticket` is the bidder's own place in the queue.

    `refusal` is why the bidder has no right to a seat as far as is remembered: the pool may know of newer rules. On the
    seat `asleep` (0: none) is a lapsed session that must end before, since the bidder's own limits count it.
    """

    bid: Bid
    bidder: Bidder
    access: SeatAccess
    waiting: int = 0
    ticket: UUID | None = None
    refusal: UsherError | None = None
    asleep: int = 0

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
        self._listed = 0

    def learn(self, entrant: Entrant, access: SeatAccess) -> int:
        """This is the licence's access. If the entrant was judged by this very one: raises the refusal, or answers the
        seat of the session that must end (0: none)."""
        if access == entrant.access:
            if entrant.refusal is not None:
                raise entrant.refusal
            return entrant.asleep
        self._remember(entrant.bid.license_id, access)
        return 0

    def _remember(self, license_id: UUID, access: SeatAccess) -> None:
        """What is forgotten the pool tells again."""
        former = self._known.pop(license_id, OPEN_TO_ALL)
        self._known[license_id] = access
        self._listed += access.size - former.size
        while len(self._known) > _REMEMBERED or (self._listed > _LISTED and len(self._known) > 1):
            self._listed -= self._known.popitem(last=False)[1].size

    def bidder(self, license_id: UUID, machine: str, user: str) -> Bidder:
        return Bidder(machine, self._users.digest(license_id, user) if user else "")

    async def enter(self, request: Request, lapsed_of: LapsedOf) -> Entrant:
        """Never refuses by what is remembered only: whoever has no right bids under rules that are nobody's, so that
        the pool counts the call and answers with those that there are."""
        license_id, key_digest, machine, _, session_id = request
        access = self._known.get(license_id, OPEN_TO_ALL)
        if access is OPEN_TO_ALL:
            return Entrant(Bid(license_id, key_digest, machine, session_id), Bidder(machine), access)
        bidder = self.bidder(license_id, machine, request.user)
        nobodys = Bid(license_id, key_digest, machine, session_id, _NOBODYS_RULES)
        try:
            asleep, reserved, waiting, ticket = await self._admit(license_id, access, bidder, lapsed_of)
        except (InvalidRequest, SeatNotAllowed, SeatsExhausted) as refusal:
            return Entrant(nobodys, bidder, access, refusal=refusal)
        if asleep:
            return Entrant(nobodys, bidder, access, asleep=asleep)
        bid = Bid(license_id, key_digest, access.holder(bidder), session_id, access.digest, reserved + waiting, machine)
        return Entrant(bid, bidder, access, waiting, ticket)

    async def _admit(
        self, license_id: UUID, access: SeatAccess, bidder: Bidder, lapsed_of: LapsedOf
    ) -> tuple[int, int, int, UUID | None]:
        """The seat of a lapsed session that must end before; how many seats are to be left to groups that the bidder is
        not in, and to those who wait before him; and the bidder's own ticket.

        Raises what `SeatAccess.require_admitted` does, and `SeatsExhausted` at a limit of the bidder's own: the log
        would refuse the seat, but a lapsed session of somebody else might have been ended for it.
        """
        access.require_admitted(bidder)
        taken, asleep = await self._taken(license_id, access, bidder, lapsed_of)
        full = [each for each in access.claims(bidder, None) if _is_full(each, taken, asleep)]
        if full and not await asyncio.to_thread(self._claims.sitting_of, license_id, access.holder(bidder)):
            if reached := next((each for each in full if taken.get(each.name, 0) >= each.most), None):
                raise _at_limit(reached, taken[reached.name], access)
            return asleep[full[0].name][0], 0, 0, None
        line, turn = SeatLine(access.policy, taken), Turn()
        if access.policy.queue is not None:
            holder, now = access.holder(bidder), self._clock.now()
            turn = await asyncio.to_thread(self._tickets.ahead_of, license_id, holder, now)
        for groups, count in turn.ahead.items():
            line.let_in(groups, count)
        reserved = access.reserved_for_others(bidder, taken)
        return 0, reserved, line.leave([each.name for each in access.groups_of(bidder)]) - reserved, turn.ticket

    def exhausted(self, entrant: Entrant, proposal: Proposal, allowance: Allowance | None) -> SeatsExhausted:
        """Why the pool had no seat: none is there, or those that are there are others'."""
        axis = "queue" if entrant.waiting else "reserved" if entrant.bid.leave else "license"
        has_queue = entrant.access.policy.queue is not None
        error = SeatsExhausted(limit=proposal.limit or 0, used=proposal.used, axis=axis, queue=has_queue)
        error.allowance = allowance
        return error

    def collecting(self, ticket: UUID, session_id: UUID, now: datetime) -> tuple[QueueTicket.Collected, Row]:
        """What ends a ticket in the transaction that opens its holder's session."""
        return QueueTicket.Collected.of(ticket, session_id, now), self._tickets.ending(ticket)

    def refused(self, entrant: Entrant, refusal: ClaimRefused, seats: int | None) -> SeatsExhausted:
        """A limit of the bidder's own was reached."""
        claim = next(each for each in entrant.access.claims(entrant.bidder, seats) if each.name == refusal.name)
        return _at_limit(claim, claim.most, entrant.access)

    async def _taken(
        self, license_id: UUID, access: SeatAccess, bidder: Bidder, lapsed_of: LapsedOf
    ) -> tuple[dict[str, int], dict[str, list[int]]]:
        """For each limit that may matter to this bidder, how many sessions of others count, and for each of his own the
        seats of those that have lapsed besides."""
        own = [each for each in access.claims(bidder, None) if each.axis != "holder"]
        others = [f"group:{each.name}" for each in access.policy.groups if _is_asked_about(each, access, bidder)]
        if not own and not others:
            return {}, {}
        lapsed, holder = await lapsed_of(license_id), access.holder(bidder)

        def count() -> tuple[dict[str, int], dict[str, list[int]]]:
            near = self._claims.near(license_id, own)
            names = sorted({*near, *others})
            taken = self._claims.taken(license_id, names, besides=holder, lapsed=lapsed) if names else {}
            asleep = self._claims.asleep(license_id, near, lapsed, besides=holder) if near and lapsed else {}
            return taken, asleep

        return await asyncio.to_thread(count)


def _is_asked_about(group: SeatGroup, access: SeatAccess, bidder: Bidder) -> bool:
    """Whether it matters how many the group has, other than to its own limit."""
    if access.policy.queue is not None:
        return group.reserved > 0 or group.limit is not None
    return group.reserved > 0 and group not in access.groups_of(bidder)


def _is_full(claim: Claim, taken: Mapping[str, int], asleep: Mapping[str, Sequence[int]]) -> bool:
    return taken.get(claim.name, 0) + len(asleep.get(claim.name, ())) >= claim.most


def _at_limit(claim: Claim, used: int, access: SeatAccess) -> SeatsExhausted:
    """Whoever waits for a seat of his group has a turn in the queue; his own seats only he gives back."""
    may_wait = access.policy.queue is not None and claim.axis == "group"
    return SeatsExhausted(limit=claim.most, used=used, axis=claim.axis, queue=may_wait)
