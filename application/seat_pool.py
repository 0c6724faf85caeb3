"""What the seat path needs of a seat pool. Redis is one, Postgres (when Redis is away) another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.license import Status
from domain.rate import Rate
from domain.seat import CloseReason
from domain.seat_pool import Aside, Bid, LicenseFacts, Proposal, Renewal, SeatState, Sitting, View


class SeatPool(Protocol):
    """A fast opinion of who sits where. Everything raises `Unavailable` when the pool cannot be asked.

    A pool may forget anything at any time; it then says STALE or GONE and is told again from the log.
    """

    async def period(self, *, afresh: bool = False) -> int:
        """The how-manieth time it is that seats are kept in one pool, from 0. Ask it before the pool: an event that is
        stored on its word carries it, and is refused (`PeriodOver`) when seats are kept elsewhere by then. After that,
        ask `afresh`.
        """

    async def propose(self, bid: Bid, rate: Rate | None) -> Proposal:
        """A seat for the bidder, or why there is none; counts as a call of `rate` unless STALE."""

    async def record(self, sitting: Sitting) -> bool:
        """The proposed session is in the log; False when the pool does not hold it any more."""

    async def place(self, sitting: Sitting, holder: str, version: int, borrowed_until: datetime | None) -> None:
        """The log moved this seat to this session, at this version: it sits there from now on, recorded."""

    async def withdraw(self, sitting: Sitting) -> None:
        """The proposal could not be stored: the seat is as it was before."""

    async def renew(self, sitting: Sitting, holder: str, rate: Rate | None) -> Renewal:
        """Another lease for the session, if the seat is still its own; counts as a call of `rate` unless STALE."""

    async def set_aside(self, sittings: Sequence[Sitting], reason: CloseReason) -> list[Aside]:
        """Their heartbeats fail from now on. Answers those that were there; the first reason of a session stays."""

    async def set_aside_lapsed(self, license_id: UUID, seat: int) -> list[Aside]:
        """The session on this seat, if its lease is over."""

    async def lapsed(self, most: int) -> list[Aside]:
        """Sessions whose lease is over, set aside: at most `most`."""

    async def lapsed_of(self, license_id: UUID) -> Sequence[int]:
        """Seats of a licence whose lease is over, the longest first: at most 1,000. They stay as they are."""

    async def free(self, closed: Sequence[tuple[Sitting, int]]) -> None:
        """The log closed these sessions at these versions, or never had them and stands at these."""

    async def look(self, license_id: UUID) -> View | None:
        """The licence as it stands now; None when it is stale."""

    async def learn(self, facts: LicenseFacts) -> None:
        """Facts newer than those it has; does not make a stale licence usable."""

    async def epoch(self, license_id: UUID) -> str:
        """The time since the pool last lost this licence; asked for before the log is read for `load`."""

    async def load(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        """All seats as the log has them: the licence is not stale any more. Of a seat the pool keeps what is newer.

        False, and nothing is usable, when the pool lost the licence after `epoch` began: then what was read may be old.
        """

    async def forget(self, license_id: UUID) -> None:
        """Makes the licence stale."""

    async def is_loaded(self, license_ids: Sequence[UUID]) -> list[bool]: ...

    async def tighten(self, license_id: UUID, status: Status | None = None, limit: int | None = None) -> None:
        """Holds the licence at this for some seconds, until newer facts come; stale when none came."""
