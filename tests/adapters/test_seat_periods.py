"""Where seats are kept: one row that moves once however many want it to, and a watch in every process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
import structlog

from adapters.database import Database
from adapters.seat_periods import POSTGRES, REDIS, Period, SeatPeriods
from domain.errors import Unavailable
from tests.switching_world import until

MOVE = "select move_seat_pool(%s, %s)"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def move(database: Database) -> Callable[[int, str], bool]:
    return lambda generation, pool: bool(database.fetch_one(MOVE, (generation, pool))["move_seat_pool"])


def mode(database: Database) -> dict:
    found = database.fetch_one("select * from seat_pool_mode")
    assert found
    return found


def passed(database: Database, time: str) -> None:
    """As if all of it had been so long ago."""
    sql = "update seat_pool_mode set since = since - %(t)s::interval, missed_at = missed_at - %(t)s::interval"
    database.execute(sql, {"t": time})


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def watched(database: Database, story: Callable[[SeatPeriods], Awaitable[None]], **options) -> None:
    async def run() -> None:
        periods = SeatPeriods(database.url, **{"redis_answers": no, "every": 0.01, **options})
        try:
            await story(periods)
        finally:
            await asyncio.to_thread(periods.close)

    asyncio.run(run())


# --- the row ---


def test_of_many_who_move_at_once_one_does(database, move):
    with ThreadPoolExecutor(8) as threads:
        moved = list(threads.map(lambda _: move(0, POSTGRES), range(8)))
    assert sorted(moved) == [False] * 7 + [True]
    assert (mode(database)["pool"], mode(database)["generation"]) == (POSTGRES, 1)


def test_redis_is_used_again_when_nobody_has_missed_it_for_three_seconds(database, move):
    passed(database, "1 hour")
    move(0, POSTGRES)
    passed(database, "2.5 s")
    assert not move(1, REDIS)
    database.execute("select miss_redis()")
    passed(database, "2.5 s")
    assert not move(1, REDIS)
    passed(database, "1 s")
    assert move(1, REDIS)
    assert (mode(database)["pool"], mode(database)["generation"]) == (REDIS, 2)


def test_a_redis_that_comes_and_goes_has_to_be_steady_for_longer_and_longer(database, move):
    passed(database, "1 hour")
    steady = []
    for generation in range(0, 8, 2):
        move(generation, POSTGRES)
        steady.append(mode(database)["steady"].total_seconds())
        passed(database, "61 s")
        assert move(generation + 1, REDIS)
    assert steady == [3, 6, 12, 12]
    passed(database, "61 s")
    move(8, POSTGRES)
    assert mode(database)["steady"].total_seconds() == 3


def test_whoever_looks_during_a_move_is_told_of_the_new_period(database, move):
    with psycopg.connect(database.url) as mover, ThreadPoolExecutor(1) as thread:
        mover.execute(MOVE, (0, POSTGRES))
        looked = thread.submit(database.fetch_one, "select pool from seat_pool_now()")
        assert not looked.done()
        mover.commit()
        assert looked.result(10) == {"pool": POSTGRES}


def test_a_process_killed_in_the_middle_of_a_move_has_moved_nothing(database, move):
    with psycopg.connect(database.url) as mover:
        mover.execute(MOVE, (0, POSTGRES))
        with pytest.raises(psycopg.OperationalError):
            database.execute("select pg_terminate_backend(%s)", (mover.info.backend_pid,))
            mover.execute("select 1")
    assert mode(database)["pool"] == REDIS
    assert move(0, POSTGRES)


def test_no_period_begins_while_events_of_the_last_are_being_stored(database, move):
    with psycopg.connect(database.url) as writer, ThreadPoolExecutor(1) as thread:
        writer.execute("select require_seat_periods(array[0])")
        moved = thread.submit(move, 0, POSTGRES)
        assert not moved.done()
        writer.commit()
        assert moved.result(10)


def test_a_move_back_to_redis_waits_a_moment_only_since_everybody_waits_behind_it(database, move):
    move(0, POSTGRES)
    passed(database, "12 s")
    with database.transaction() as storing:
        storing.execute("select hold_seat_pool(false)")
        with pytest.raises(Unavailable):
            move(1, REDIS)
    assert move(1, REDIS)


def test_a_move_that_may_not_be_yet_waits_for_nobody(database, move):
    move(0, POSTGRES)
    with database.transaction() as storing:
        storing.execute("select hold_seat_pool(false)")
        assert not move(1, REDIS)


def test_what_is_left_of_a_postgres_period_is_thrown_away_and_only_then(database, move):
    database.execute("insert into pool_licenses (license_id, generation) values (gen_random_uuid(), 1)")
    move(0, POSTGRES)
    database.execute("select clear_seat_pool()")
    assert database.fetch_all("select from pool_licenses")
    passed(database, "1 min")
    move(1, REDIS)
    database.execute("select clear_seat_pool()")
    assert not database.fetch_all("select from pool_licenses")


# --- the watch ---


def test_nothing_is_known_before_somebody_asked(database):
    async def story(periods: SeatPeriods) -> None:
        assert periods.known is None
        assert await periods.confirm() == (REDIS, 0)
        assert periods.known == (REDIS, 0)

    watched(database, story)


def test_what_another_process_moved_is_seen_without_asking(database, move):
    async def story(periods: SeatPeriods) -> None:
        await periods.confirm()
        await asyncio.to_thread(move, 0, POSTGRES)
        await until(lambda: periods.known == (POSTGRES, 1))

    watched(database, story)


def test_a_redis_that_answers_after_all_is_not_left(database):
    async def story(periods: SeatPeriods) -> None:
        assert await periods.doubt(await periods.confirm()) == (REDIS, 0)

    watched(database, story, redis_answers=yes)


def test_a_hundred_doubts_at_once_are_one_look_at_redis_and_one_move_that_is_told(database):
    looks = []

    async def answers() -> bool:
        looks.append(1)
        return False

    async def story(periods: SeatPeriods) -> None:
        period = await periods.confirm()
        with structlog.testing.capture_logs() as told:
            assert set(await asyncio.gather(*(periods.doubt(period) for _ in range(100)))) == {(POSTGRES, 1)}
        assert [each for each in told if each["event"] == "seat_pool.switched"] == [
            {
                "event": "seat_pool.switched",
                "log_level": "warning",
                "pool": POSTGRES,
                "generation": 1,
                "reason": "redis does not answer",
            }
        ]

    watched(database, story, redis_answers=answers, every=1e6)
    assert 1 <= len(looks) <= 2


def test_a_doubt_about_a_period_that_is_over_moves_nothing(database, move):
    async def story(periods: SeatPeriods) -> None:
        await asyncio.to_thread(move, 0, POSTGRES)
        await asyncio.to_thread(passed, database, "1 min")
        await asyncio.to_thread(move, 1, REDIS)
        assert await periods.doubt(Period(REDIS, 0)) == (REDIS, 2)

    watched(database, story, every=1e6)


def test_what_was_seen_counts_for_the_time_of_trust_only(database):
    async def story(periods: SeatPeriods) -> None:
        await periods.confirm()
        assert periods.known
        await until(lambda: periods.known is None)

    watched(database, story, every=1e6, trust=timedelta(seconds=0.05))


def test_any_thread_may_ask(database):
    async def story(periods: SeatPeriods) -> None:
        found: list[Period] = []
        ask = threading.Thread(target=lambda: found.append(asyncio.run(periods.confirm())))
        ask.start()
        await asyncio.to_thread(ask.join)
        assert found == [(REDIS, 0)]

    watched(database, story)


def test_without_postgres_nobody_can_say(tmp_path):
    async def run() -> None:
        periods = SeatPeriods(f"postgresql://usher@/usher?host={tmp_path}", no)
        with pytest.raises(Unavailable):
            await periods.confirm()
        await asyncio.to_thread(periods.close)

    asyncio.run(run())


def test_it_ends_with_its_thread(database):
    async def story(periods: SeatPeriods) -> None:
        await periods.confirm()
        assert "seat-periods" in {thread.name for thread in threading.enumerate()}

    watched(database, story)
    assert "seat-periods" not in {thread.name for thread in threading.enumerate()}
