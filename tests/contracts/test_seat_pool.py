"""What every seat pool must do, whatever it is made of. The pool is told of licences; no log is needed here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.redis_line import RedisLine
from adapters.redis_seats import ASIDE, HOLD, RedisSeats
from application.seat_pool import SeatPool
from domain.lease import fingerprint_digest
from domain.license import Status
from domain.rate import Rate
from domain.seat import CloseReason
from domain.seat_pool import Bid, LicenseFacts, Outcome, Proposal, SeatState, SeatTerms, Sitting

LEASE = timedelta(minutes=6)
MOMENT = timedelta(seconds=1)
KEY = "the digest of its key"
Story = Callable[["Told"], Awaitable[None]]


class Told:
    """A pool that knows one licence, and a clock to move."""

    def __init__(self, pool: SeatPool, clock: list[timedelta]) -> None:
        self.pool = pool
        self._clock = clock
        self.license_id = uuid4()

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


async def with_redis(url: str, story: Story) -> None:
    clock = [timedelta(0)]
    line = RedisLine(url)
    try:
        await story(Told(RedisSeats(line, lambda: clock[0]), clock))
    finally:
        await line.close()


POOLS = {"redis": with_redis}


@pytest.fixture(params=POOLS)
def tell(request: pytest.FixtureRequest, empty_redis_url: str) -> Callable[[Story], None]:
    """Runs a story on an empty pool of each kind."""
    return lambda story: asyncio.run(POOLS[request.param](empty_redis_url, story))


# --- sitting down ---


def test_a_licence_that_it_was_not_told_of_is_stale(tell):
    async def story(told: Told) -> None:
        assert (await told.bid(1)).outcome is Outcome.STALE
        assert (await told.beat(Sitting(told.license_id, 1, uuid4()))).outcome is Outcome.STALE

    tell(story)


def test_facts_alone_do_not_make_a_licence_usable(tell):
    async def story(told: Told) -> None:
        await told.pool.learn(told.facts())
        assert (await told.bid(1)).outcome is Outcome.STALE

    tell(story)


def test_seats_are_taken_lowest_first_and_counted(tell):
    async def story(told: Told) -> None:
        await told.know()
        taken = [await told.bid(machine) for machine in (1, 2, 3)]
        assert [(each.seat, each.version, each.used, each.limit) for each in taken] == [
            (1, 1, 1, 3),
            (2, 1, 2, 3),
            (3, 1, 3, 3),
        ]
        full = await told.bid(4)
        assert (full.outcome, full.used, full.limit) == (Outcome.EXHAUSTED, 3, 3)

    tell(story)


def test_a_licence_without_limit_always_has_a_seat(tell):
    async def story(told: Told) -> None:
        await told.know(limit=None)
        taken = [await told.bid(machine) for machine in range(20)]
        assert [each.seat for each in taken] == list(range(1, 21))
        assert taken[-1].limit is None

    tell(story)


def test_the_same_holder_has_one_session_also_when_all_seats_are_taken(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        first, again = await told.bid(1), await told.bid(1)
        assert (again.outcome, again.session_id, again.version) == (Outcome.SEATED, first.session_id, 1)
        assert not again.recorded
        assert first.session_id
        await told.pool.record(Sitting(told.license_id, 1, first.session_id))
        assert (await told.bid(1)).recorded

    tell(story)


def test_a_proposal_carries_what_a_lease_says(tell):
    async def story(told: Told) -> None:
        await told.know()
        proposal = await told.bid(1)
        assert proposal.terms == told.facts().terms
        assert proposal.lease_ends - proposal.now == LEASE

    tell(story)


def test_a_proposal_that_is_withdrawn_leaves_no_trace(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        proposal = await told.bid(1)
        assert proposal.session_id
        await told.pool.withdraw(Sitting(told.license_id, 1, proposal.session_id))
        other = await told.bid(2)
        assert (other.outcome, other.seat, other.version, other.used) == (Outcome.GRANTED, 1, 1, 1)

    tell(story)


def test_what_is_recorded_cannot_be_withdrawn(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        await told.pool.withdraw(sitting)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"status": Status.SUSPENDED}, Outcome.SUSPENDED),
        ({"status": Status.REVOKED}, Outcome.REVOKED),
        ({"status": Status.EXPIRED}, Outcome.EXPIRED),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, Outcome.EXPIRED),
        ({"status": Status.GRACE, "grace_ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, Outcome.SUSPENDED),
        ({"status": Status.GRACE, "grace_ends_at": datetime(2120, 1, 1, tzinfo=UTC)}, Outcome.GRANTED),
        ({"key_digest": "of another key"}, Outcome.KEY_CHANGED),
    ],
)
def test_a_licence_that_does_not_work_seats_nobody(tell, changed, outcome):
    async def story(told: Told) -> None:
        await told.know(**changed)
        assert (await told.bid(1)).outcome is outcome

    tell(story)


# --- staying ---


def test_a_heartbeat_moves_the_end_of_the_lease(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        told.pass_time(LEASE - MOMENT)
        renewal = await told.beat(sitting)
        assert (renewal.outcome, renewal.lease_ends - renewal.now) == (Outcome.RENEWED, LEASE)
        told.pass_time(LEASE - MOMENT)
        assert await told.pool.lapsed(10) == []

    tell(story)


def test_a_late_heartbeat_keeps_a_seat_that_nobody_was_given(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_late_heartbeat_does_not_get_back_a_seat_that_was_given_to_another(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        successor = await told.bid(2)
        assert successor.outcome is Outcome.GRANTED and successor.session_id
        ended = await told.beat(sitting)
        assert (ended.outcome, ended.reason) == (Outcome.CLOSING, CloseReason.EXPIRED)
        await told.pool.record(Sitting(told.license_id, 1, successor.session_id))
        assert (await told.beat(sitting)).outcome is Outcome.GONE

    tell(story)


def test_a_heartbeat_of_an_unknown_session_or_seat_is_gone(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        assert (await told.beat(sitting._replace(session_id=uuid4()))).outcome is Outcome.GONE
        assert (await told.beat(sitting._replace(seat=99))).outcome is Outcome.GONE

    tell(story)


def test_a_heartbeat_proves_that_the_session_was_recorded(tell):
    async def story(told: Told) -> None:
        await told.know()
        proposal = await told.bid(1)
        assert proposal.session_id
        await told.beat(Sitting(told.license_id, proposal.seat, proposal.session_id))
        assert (await told.bid(1)).recorded

    tell(story)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.REVOKED, Status.EXPIRED])
def test_heartbeats_of_a_licence_that_stopped_working_are_refused_at_once(tell, status):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.learn(told.facts(version=2, status=status))
        assert (await told.beat(sitting)).outcome == status.value

    tell(story)


# --- lapsing and ending ---


def test_a_lapsed_seat_goes_to_the_next_with_its_former_session_to_be_closed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(2)
        assert (proposal.outcome, proposal.seat, proposal.version) == (Outcome.GRANTED, 1, 3)
        assert (proposal.former, proposal.used) == (sitting.session_id, 1)
        repeated = await told.bid(2)
        assert (repeated.outcome, repeated.former, repeated.version) == (Outcome.SEATED, sitting.session_id, 3)

    tell(story)


def test_a_lapsed_proposal_is_not_built_upon(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        await told.bid(1)
        told.pass_time(LEASE + MOMENT)
        unsure = await told.bid(2)
        assert (unsure.outcome, unsure.seat) == (Outcome.UNSURE, 1)
        (aside,) = await told.pool.set_aside_lapsed(told.license_id, 1)
        await told.pool.free([(aside.sitting, 0)])
        assert (await told.bid(2)).version == 1

    tell(story)


def test_withdrawing_from_a_lapsed_seat_leaves_its_former_session_to_be_closed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        former = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        proposal = await told.bid(2)
        assert proposal.session_id
        await told.pool.withdraw(Sitting(told.license_id, 1, proposal.session_id))
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.version, aside.reason) == (former, 1, CloseReason.EXPIRED)

    tell(story)


def test_lapsed_sessions_are_set_aside_once(tell):
    async def story(told: Told) -> None:
        await told.know()
        gone, stays = await told.seat(1), await told.seat(2)
        told.pass_time(LEASE / 2)
        await told.beat(stays)
        told.pass_time(LEASE / 2 + MOMENT)
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.version, aside.reason) == (gone, 1, CloseReason.EXPIRED)
        assert await told.pool.lapsed(10) == []
        ended = await told.beat(gone)
        assert (ended.outcome, ended.reason) == (Outcome.CLOSING, CloseReason.EXPIRED)

    tell(story)


def test_what_a_dead_closer_set_aside_is_due_again_with_its_reason(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.set_aside([sitting], CloseReason.EVICTED)
        assert await told.pool.lapsed(10) == []
        told.pass_time(ASIDE + MOMENT)
        (aside,) = await told.pool.lapsed(10)
        assert (aside.sitting, aside.reason) == (sitting, CloseReason.EVICTED)

    tell(story)


def test_a_seat_set_aside_stays_taken_until_it_is_freed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        sitting = await told.seat(1)
        (aside,) = await told.pool.set_aside([sitting], CloseReason.RELEASED)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        await told.pool.free([(aside.sitting, 2)])
        await told.pool.free([(aside.sitting, 2)])
        following = await told.bid(2)
        assert (following.outcome, following.version, following.used) == (Outcome.GRANTED, 3, 1)

    tell(story)


def test_a_machine_whose_session_is_being_ended_does_not_get_it_again(tell):
    async def story(told: Told) -> None:
        await told.know(limit=2)
        sitting = await told.seat(1)
        await told.pool.set_aside([sitting], CloseReason.EVICTED)
        again = await told.bid(1)
        assert (again.outcome, again.seat) == (Outcome.GRANTED, 2)
        assert again.session_id != sitting.session_id

    tell(story)


def test_setting_aside_finds_only_the_session_that_was_meant(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        assert await told.pool.set_aside([sitting._replace(session_id=uuid4())], CloseReason.EVICTED) == []
        assert await told.pool.set_aside_lapsed(told.license_id, 1) == []
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


def test_freeing_does_not_touch_the_next_session(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        first = await told.seat(1)
        told.pass_time(LEASE + MOMENT)
        await told.bid(2)
        await told.pool.free([(first, 2)])
        assert (await told.bid(3)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_no_more_lapsed_sessions_than_asked_for(tell):
    async def story(told: Told) -> None:
        await told.know(limit=30)
        for machine in range(30):
            await told.seat(machine)
        told.pass_time(LEASE + MOMENT)
        found = [len(await told.pool.lapsed(20)) for _ in range(3)]
        assert found == [20, 10, 0]

    tell(story)


# --- what the log says ---


def test_loading_seats_the_sessions_of_the_log_for_a_full_lease(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(2, version=5)
        assert state.session_id
        await told.know(SeatState(told.license_id, 1, 4), state)
        renewal = await told.beat(Sitting(told.license_id, 2, state.session_id))
        assert (renewal.outcome, renewal.lease_ends - renewal.now) == (Outcome.RENEWED, LEASE)
        again = await told.bid(2)
        assert (again.outcome, again.session_id, again.recorded) == (Outcome.SEATED, state.session_id, True)
        assert [(each.seat, each.version) for each in (await told.bid(8), await told.bid(9))] == [(1, 5), (3, 1)]

    tell(story)


def test_loading_again_does_not_disturb_a_proposal_under_way(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        proposal = await told.bid(1)
        await told.know(SeatState(told.license_id, 1, 0), limit=1)
        assert (await told.bid(1)).session_id == proposal.session_id
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_the_log_wins_where_it_knows_more(tell):
    async def story(told: Told) -> None:
        await told.know(limit=1)
        await told.bid(1)
        state = told.open_in_log(1, version=1, machine=2)
        await told.know(state, limit=1)
        assert (await told.bid(2)).session_id == state.session_id
        assert (await told.bid(1)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_slow_reader_of_the_log_does_not_bring_a_closed_session_back(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1)
        assert state.session_id
        sitting = Sitting(told.license_id, 1, state.session_id)
        await told.pool.free([(sitting, 2)])
        await told.know(state)
        assert (await told.beat(sitting)).outcome is Outcome.GONE
        assert (await told.bid(5)).version == 3

    tell(story)


def test_more_seats_than_one_call_takes_can_be_loaded(tell):
    async def story(told: Told) -> None:
        seats = [told.open_in_log(number) for number in range(1, 1203)]
        await told.know(*seats, limit=1203)
        last = await told.bid(5000)
        assert (last.seat, last.used) == (1203, 1203)

    tell(story)


def test_what_was_read_before_the_pool_lost_the_licence_is_not_taken(tell):
    async def story(told: Told) -> None:
        state = told.open_in_log(1)
        epoch = await told.pool.epoch(told.license_id)
        assert await told.pool.epoch(told.license_id) == epoch
        await told.pool.forget(told.license_id)
        assert not await told.pool.load(told.facts(), [state], epoch)
        assert not await told.pool.load(told.facts(), [], epoch)
        assert (await told.bid(1)).outcome is Outcome.STALE
        await told.know(SeatState(told.license_id, 1, 2))
        assert (await told.bid(1)).version == 3

    tell(story)


def test_a_seat_freed_before_the_others_were_loaded_is_given_out_once(tell):
    async def story(told: Told) -> None:
        session_id = uuid4()
        await told.pool.free([(Sitting(told.license_id, 3, session_id), 2)])
        await told.know(SeatState(told.license_id, 1, 0))
        taken = [await told.bid(machine) for machine in range(4)]
        assert [(each.outcome, each.seat, each.version) for each in taken[:3]] == [
            (Outcome.GRANTED, 1, 1),
            (Outcome.GRANTED, 2, 1),
            (Outcome.GRANTED, 3, 3),
        ]
        assert taken[3].outcome is Outcome.EXHAUSTED

    tell(story)


def test_older_facts_do_not_replace_newer_ones(tell):
    async def story(told: Told) -> None:
        await told.know(version=2, status=Status.SUSPENDED)
        await told.pool.learn(told.facts(version=1))
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED

    tell(story)


def test_facts_that_came_before_the_seats_survive_a_slower_reader_of_the_log(tell):
    async def story(told: Told) -> None:
        await told.pool.learn(told.facts(version=2, status=Status.SUSPENDED))
        await told.know(version=1)
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED

    tell(story)


def test_a_licence_that_is_forgotten_is_stale(tell):
    async def story(told: Told) -> None:
        await told.know()
        assert await told.pool.is_loaded([told.license_id, uuid4()]) == [True, False]
        await told.pool.forget(told.license_id)
        assert (await told.bid(1)).outcome is Outcome.STALE

    tell(story)


# --- tighten first ---


def test_a_tightened_licence_refuses_until_the_facts_come(tell):
    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        assert (await told.bid(2)).outcome is Outcome.SUSPENDED
        assert (await told.beat(sitting)).outcome is Outcome.SUSPENDED
        await told.pool.learn(told.facts(version=2))
        assert (await told.bid(2)).outcome is Outcome.GRANTED

    tell(story)


def test_a_tightened_limit_counts_at_once_and_never_loosens(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        await told.seat(1)
        await told.pool.tighten(told.license_id, limit=1)
        assert (await told.bid(2)).outcome is Outcome.EXHAUSTED
        await told.pool.tighten(told.license_id, limit=100)
        await told.seat(2), await told.seat(3)
        assert (await told.bid(4)).outcome is Outcome.EXHAUSTED

    tell(story)


def test_a_hold_whose_event_never_came_makes_the_licence_stale(tell):
    """The process that tightened died before it stored anything: the licence must not stay shut."""

    async def story(told: Told) -> None:
        await told.know()
        sitting = await told.seat(1)
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        told.pass_time(HOLD + MOMENT)
        assert (await told.bid(2)).outcome is Outcome.STALE
        assert (await told.beat(sitting)).outcome is Outcome.STALE
        await told.know()
        assert (await told.bid(2)).outcome is Outcome.GRANTED
        assert (await told.beat(sitting)).outcome is Outcome.RENEWED

    tell(story)


def test_a_hold_on_a_licence_that_is_just_being_loaded_counts(tell):
    async def story(told: Told) -> None:
        await told.pool.tighten(told.license_id, Status.SUSPENDED)
        await told.know(version=1)
        assert (await told.bid(1)).outcome is Outcome.SUSPENDED
        await told.pool.learn(told.facts(version=2))
        assert (await told.bid(1)).outcome is Outcome.GRANTED

    tell(story)


def test_after_a_resize_down_nothing_above_the_limit_is_proposed(tell):
    async def story(told: Told) -> None:
        await told.know(limit=5)
        sittings = [await told.seat(machine) for machine in range(5)]
        await told.pool.learn(told.facts(version=2, limit=2))
        for sitting in sittings[:4]:
            await told.pool.set_aside([sitting], CloseReason.RESIZED)
            await told.pool.free([(sitting, 2)])
        assert (await told.bid(11)).seat == 1
        full = await told.bid(12)
        assert (full.outcome, full.used, full.limit) == (Outcome.EXHAUSTED, 2, 2)

    tell(story)


def test_a_lapsed_seat_above_the_limit_is_not_given_away(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        low, middle, high = [await told.seat(machine) for machine in range(3)]
        await told.pool.learn(told.facts(version=2, limit=2))
        told.pass_time(LEASE - MOMENT)
        await told.beat(low), await told.beat(middle)
        told.pass_time(2 * MOMENT)
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED  # three sit where two may
        await told.pool.set_aside([middle], CloseReason.RESIZED)
        await told.pool.free([(middle, 2)])
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED  # two sit, one of them too high and not closed yet
        (aside,) = await told.pool.lapsed(10)
        assert aside.sitting == high
        await told.pool.free([(high, 2)])
        assert (await told.bid(9)).seat == middle.seat

    tell(story)


def test_a_lapsed_seat_is_not_given_away_while_more_sit_than_may(tell):
    async def story(told: Told) -> None:
        await told.know(limit=3)
        low, middle, high = [await told.seat(machine) for machine in range(3)]
        await told.pool.learn(told.facts(version=2, limit=2))
        told.pass_time(LEASE - MOMENT)
        await told.beat(middle), await told.beat(high)
        told.pass_time(2 * MOMENT)
        assert (await told.bid(9)).outcome is Outcome.EXHAUSTED
        assert [each.sitting for each in await told.pool.lapsed(10)] == [low]

    tell(story)


# --- rates ---


def test_a_rate_refuses_one_call_too_many_and_says_when_to_come_back(tell):
    async def story(told: Told) -> None:
        await told.know()
        rate = Rate(3, timedelta(minutes=1))
        answers = [await told.bid(1, rate) for _ in range(4)]
        assert [each.outcome for each in answers] == [Outcome.GRANTED, *[Outcome.SEATED] * 2, Outcome.LIMITED]
        left = [each.allowance.remaining for each in answers if each.allowance]
        assert left == [2, 1, 0, 0]
        refused = answers[-1].allowance
        assert refused and 0 < refused.retry_after <= 20 and refused.reset <= 60
        assert (await told.bid(2, rate)).outcome is Outcome.GRANTED
        told.pass_time(timedelta(seconds=20))
        assert (await told.bid(1, rate)).outcome is Outcome.SEATED

    tell(story)


def test_heartbeats_have_a_rate_of_their_own(tell):
    async def story(told: Told) -> None:
        await told.know()
        rate = Rate(2, timedelta(minutes=1))
        sitting = await told.seat(1)
        outcomes = [(await told.pool.renew(sitting, "holder", rate)).outcome for _ in range(3)]
        assert outcomes == [Outcome.RENEWED, Outcome.RENEWED, Outcome.LIMITED]
        assert (await told.bid(1, rate)).outcome is Outcome.SEATED

    tell(story)


# --- many at once ---


def test_a_hundred_bidders_for_ten_seats_get_ten_different_ones(tell):
    async def story(told: Told) -> None:
        await told.know(limit=10)
        answers = await asyncio.gather(*(told.bid(machine) for machine in range(100)))
        granted = [each.seat for each in answers if each.outcome is Outcome.GRANTED]
        assert sorted(granted) == list(range(1, 11))
        assert {each.used for each in answers if each.outcome is Outcome.EXHAUSTED} == {10}

    tell(story)
