"""A seat pool that was told of licences, and every implementation there is to try it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from adapters.postgres_line import PostgresLine
from adapters.postgres_seats import PostgresSeats
from adapters.redis_line import RedisLine
from adapters.redis_seats import RedisSeats
from application.seat_pool import SeatPool
from domain.lease import fingerprint_digest
from domain.license import Status
from domain.rate import Rate
from domain.seat_pool import Bid, LicenseFacts, Outcome, Proposal, SeatState, SeatTerms, Sitting

LEASE = timedelta(minutes=6)
MOMENT = timedelta(seconds=1)
KEY = "the digest of its key"
Story = Callable[["Told"], Awaitable[None]]


class Urls(NamedTuple):
    """Where an empty pool of each kind is."""

    redis: str
    postgres: str


class Told:
    """A pool that knows one licence, and a clock to move."""

    def __init__(self, pool: SeatPool, clock: list[timedelta]) -> None:
        self.pool = pool
        self._clock = clock
        self.license_id = uuid4()

    @property
    def ahead(self) -> timedelta:
        return self._clock[0]

    def pass_time(self, by: timedelta) -> None:
        self._clock[0] += by

    def facts(self, limit: int | None = 3, version: int = 1, **changed: Any) -> LicenseFacts:
        terms = SeatTerms(UUID(int=7), "coditect", {"api": True}, LEASE, LEASE / 2, timedelta(minutes=30))
        common: dict[str, Any] = {"status": Status.ACTIVE, "expires_at": None, "grace_ends_at": None, "key_digest": KEY}
        return LicenseFacts(license_id=self.license_id, version=version, limit=limit, terms=terms, **common | changed)

    async def know(self, *seats: SeatState, **facts: Any) -> None:
        assert await self.pool.load(self.facts(**facts), seats, await self.pool.epoch(self.license_id))

    async def bid(self, machine: int, rate: Rate | None = None, session_id: UUID | None = None) -> Proposal:
        holder = fingerprint_digest(f"machine-{machine}")
        return await self.pool.propose(Bid(self.license_id, KEY, holder, session_id or uuid4()), rate)

    async def seat(self, machine: int) -> Sitting:
        """A machine that sits, recorded."""
        proposal = await self.bid(machine)
        assert proposal.outcome is Outcome.GRANTED and proposal.session_id
        sitting = Sitting(self.license_id, proposal.seat, proposal.session_id)
        assert await self.pool.record(sitting)
        return sitting

    async def beat(self, sitting: Sitting) -> Any:
        return await self.pool.renew(sitting, "holder", None)

    def open_in_log(self, seat: int, version: int = 1, machine: int = 0) -> SeatState:
        holder = fingerprint_digest(f"machine-{machine or seat}")
        return SeatState(self.license_id, seat, version, uuid4(), holder, UUID(int=7), datetime(2027, 1, 1, tzinfo=UTC))


async def with_redis(urls: Urls, story: Story) -> None:
    clock = [timedelta(0)]
    line = RedisLine(urls.redis)
    try:
        await story(Told(RedisSeats(line, lambda: clock[0]), clock))
    finally:
        await line.close()


async def with_postgres(urls: Urls, story: Story) -> None:
    clock = [timedelta(0)]
    line = PostgresLine(urls.postgres)
    try:
        await line.fetch("select move_seat_pool(0, 'postgres')", ())
        await story(Told(PostgresSeats(line, lambda: clock[0], generation=1), clock))
    finally:
        await line.close()


POOLS = {"redis": with_redis, "postgres": with_postgres}
