"""Both pools answer the same to whatever they are told and asked, in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres_line import PostgresLine
from adapters.postgres_seats import PostgresSeats
from adapters.redis_line import RedisLine
from adapters.redis_seats import RedisSeats
from application.seat_pool import SeatPool
from domain.lease import fingerprint_digest
from domain.license import Status
from domain.seat import CloseReason
from domain.seat_pool import Bid, Outcome, Proposal, SeatState, Sitting
from tests.contracts.told import KEY, LEASE, Told

TICK = timedelta(milliseconds=20)
"""Between two steps: which of two seats lapsed first must not hang on the pace of a server."""
MACHINES, SEATS = st.integers(1, 4), st.integers(1, 4)
REASONS = st.sampled_from([CloseReason.RELEASED, CloseReason.EVICTED, CloseReason.SWAPPED])
STEPS = st.one_of(
    st.tuples(st.just("bid"), MACHINES, st.integers(0, 1)),
    st.tuples(st.just("bid"), MACHINES, st.just(0)),
    st.tuples(st.sampled_from(["record", "beat", "withdraw", "settle"]), SEATS),
    st.tuples(st.just("aside"), SEATS, REASONS),
    st.tuples(st.just("free"), SEATS, st.integers(0, 5)),
    st.tuples(st.just("place"), SEATS, st.integers(1, 5), st.booleans()),
    st.tuples(st.just("load"), SEATS, st.integers(0, 5), st.booleans(), st.booleans()),
    st.tuples(st.just("bid_again"), SEATS),
    st.tuples(st.just("learn"), st.integers(1, 3), st.sampled_from([Status.ACTIVE, Status.SUSPENDED])),
    st.tuples(st.just("tighten"), st.integers(0, 3)),
    st.tuples(st.just("pass"), st.sampled_from([LEASE / 2, LEASE + TICK, timedelta(seconds=31)])),
    st.tuples(st.sampled_from(["reap", "look", "asleep", "forget"])),
)


def shown(answer: Any) -> Any:
    """What must be the same: not the moment or the name of an epoch, and of a refusal not what nobody reads."""
    if isinstance(answer, list):
        return [each._replace(epoch="") for each in answer]
    if not isinstance(answer, Proposal):
        return answer._replace(now=None, lease_ends=None) if hasattr(answer, "lease_ends") else answer
    seat: Any = None
    if answer.outcome in (Outcome.GRANTED, Outcome.SEATED):
        seat = (answer.seat, answer.version, answer.session_id, answer.recorded, answer.former, answer.borrowed)
    elif answer.outcome is Outcome.UNSURE:
        seat = (answer.seat, answer.version, answer.session_id)
    return (
        answer.outcome,
        seat,
        None if answer.outcome is Outcome.STALE else (answer.limit, answer.used, answer.overage),
    )


class Pair:
    """Two pools that are told and asked the same; `sat` is the last session seen on a seat, `owner` whose it is by the
    log. There a machine sits on one seat only, and nobody is placed on a seat that was never taken.
    """

    def __init__(self, told: Told, other: SeatPool) -> None:
        self.told = told
        self.pools = (told.pool, other)
        self.license_id = told.license_id
        self.sat: dict[int, UUID] = {}
        self.owner: dict[int, int] = {}
        self.machines = 100
        self.version = 1

    async def do(self, step: tuple[Any, ...]) -> None:
        self.told.pass_time(TICK)
        act: Callable[..., Awaitable[None]] = getattr(self, f"do_{step[0]}")
        await act(*step[1:])

    async def ask(self, question: Callable[[SeatPool], Awaitable[Any]]) -> Any:
        one, other = [shown(await question(pool)) for pool in self.pools]
        assert one == other
        return one

    def sitting(self, seat: int) -> Sitting:
        return Sitting(self.license_id, seat, self.sat.get(seat, UUID(int=seat)))

    async def do_bid(self, machine: int, leave: int) -> None:
        holder, session_id = fingerprint_digest(f"machine-{machine}"), uuid4()
        bid = Bid(self.license_id, KEY, holder, session_id, leave=leave)
        _, seat, _ = await self.ask(lambda pool: pool.propose(bid, None))
        if seat is not None:
            self.sat[seat[0]] = seat[2]

    async def do_bid_again(self, seat: int) -> None:
        await self.do_bid(self.owner.get(seat, seat), 0)

    async def do_record(self, seat: int) -> None:
        await self.ask(lambda pool: pool.record(self.sitting(seat)))

    async def do_beat(self, seat: int) -> None:
        await self.ask(lambda pool: pool.renew(self.sitting(seat), "holder", None))

    async def do_withdraw(self, seat: int) -> None:
        await self.ask(lambda pool: pool.withdraw(self.sitting(seat)))

    async def do_settle(self, seat: int) -> None:
        await self.ask(lambda pool: pool.set_aside_lapsed(self.license_id, seat))

    async def do_aside(self, seat: int, reason: CloseReason) -> None:
        await self.ask(lambda pool: pool.set_aside([self.sitting(seat)], reason))

    async def do_free(self, seat: int, version: int) -> None:
        await self.ask(lambda pool: pool.free([(self.sitting(seat), version)]))

    async def do_place(self, seat: int, version: int, is_borrowed: bool) -> None:
        if seat not in self.sat:
            return
        until = self._later() if is_borrowed else None
        self.sat[seat] = uuid4()
        holder = fingerprint_digest(f"machine-{self._newcomer(seat)}")
        await self.ask(lambda pool: pool.place(self.sitting(seat), holder, version, until))

    async def do_load(self, seat: int, version: int, is_open: bool, is_borrowed: bool) -> None:
        state = SeatState(self.license_id, seat, version)
        if is_open:
            until = self._later() if is_borrowed else None
            state = self.told.open_in_log(seat, version, self._newcomer(seat))._replace(borrowed_until=until)
            self.sat[seat] = state.session_id or UUID(int=0)
        facts = self.told.facts(limit=2, granted=1, version=self.version)
        states = [SeatState(self.license_id, lower, 0) for lower in range(1, seat)] + [state]
        for pool in self.pools:
            assert await pool.load(facts, states, await pool.epoch(self.license_id))

    async def do_learn(self, limit: int, status: Status) -> None:
        self.version += 1
        facts = self.told.facts(limit=limit, granted=1, version=self.version, status=status)
        await self.ask(lambda pool: pool.learn(facts))

    async def do_tighten(self, limit: int) -> None:
        await self.ask(lambda pool: pool.tighten(self.license_id, limit=limit))

    async def do_pass(self, time: timedelta) -> None:
        self.told.pass_time(time)

    async def do_reap(self) -> None:
        found = [sorted(shown(await pool.lapsed(10_000))) for pool in self.pools]
        ours = [[each for each in some if each.sitting.license_id == self.license_id] for some in found]
        assert ours[0] == ours[1]

    async def do_look(self) -> None:
        await self.ask(lambda pool: pool.look(self.license_id))

    async def do_asleep(self) -> None:
        await self.ask(lambda pool: pool.lapsed_of(self.license_id))

    async def do_forget(self) -> None:
        await self.ask(lambda pool: pool.forget(self.license_id))
        self.sat.clear()

    def _newcomer(self, seat: int) -> int:
        self.machines += 1
        self.owner[seat] = self.machines
        return self.machines

    def _later(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self.told.ahead + timedelta(hours=1)


def test_whatever_is_told_and_asked_both_pools_answer_the_same(empty_redis_url, database_url):
    clock = [timedelta(0)]

    async def story(steps: list[tuple[Any, ...]]) -> None:
        redis, postgres = RedisLine(empty_redis_url), PostgresLine(database_url)
        try:
            await postgres.fetch("select move_seat_pool(0, 'postgres')", ())
            told = Told(RedisSeats(redis, lambda: clock[0]), clock)
            pair = Pair(told, PostgresSeats(postgres, lambda: clock[0], generation=1))
            await pair.do(("load", 1, 0, False, False))
            for step in steps:
                await pair.do(step)
        finally:
            await redis.close()
            await postgres.close()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(STEPS, max_size=30))
    def run(steps: list[tuple[Any, ...]]) -> None:
        asyncio.run(story(steps))

    run()
