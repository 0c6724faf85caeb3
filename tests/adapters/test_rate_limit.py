from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.database import Database
from adapters.rate_limit import RateLimit
from domain.errors import Unavailable

HOUR = timedelta(hours=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Redis]:
    """A client of a server that is not there."""
    with Redis(unix_socket_path=f"{tmp_path}/nobody.sock", retry=Retry(NoBackoff(), 0)) as client:
        yield client


@pytest.fixture
def rate(redis: Redis, database: Database) -> RateLimit:
    return RateLimit(redis, database)


@pytest.fixture(params=["redis", "nobody"])
def counted(request: pytest.FixtureRequest, database: Database) -> RateLimit:
    """Counted in Redis, or in Postgres since Redis is away."""
    return RateLimit(request.getfixturevalue(request.param), database)


def test_so_many_calls_and_not_one_more(counted: RateLimit):
    answers = [counted.allow("login:ada", 3, HOUR) for _ in range(5)]
    assert [each.remaining for each in answers] == [2, 1, 0, 0, 0]
    assert [bool(each.retry_after) for each in answers] == [False, False, False, True, True]
    assert answers[-1].limit == 3
    assert 0 < answers[-1].retry_after <= 1200
    assert 1200 < answers[-1].reset <= 3600


def test_everybody_is_counted_alone(counted: RateLimit):
    counted.allow("login:ada", 1, HOUR)
    assert counted.allow("login:ada", 1, HOUR).retry_after
    assert not counted.allow("login:bob", 1, HOUR).retry_after


def test_calls_at_the_same_moment_are_counted_one_by_one(counted: RateLimit):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: counted.allow("register", 10, HOUR), range(40)))
    assert sum(not each.retry_after for each in answers) == 10


def test_a_counter_goes_away_by_itself(rate: RateLimit, redis: Redis):
    rate.allow("login:ada", 10, HOUR)
    (key,) = redis.keys()
    assert 0 < redis.pttl(key) <= 360_000


def test_in_postgres_counters_are_purged_when_all_calls_are_back(nobody: Redis, database: Database):
    rate = RateLimit(nobody, database)
    rate.allow("login:ada", 1, timedelta(milliseconds=1))
    rate.allow("login:bob", 1, HOUR)
    rate.purge()
    assert [row["who"] for row in database.fetch_all("select who from call_rates")] == ["login:bob"]


def test_a_limit_survives_a_server_that_lost_its_scripts(rate: RateLimit, redis: Redis):
    rate.allow("login:ada", 1, HOUR)
    redis.script_flush()
    assert rate.allow("login:ada", 1, HOUR).retry_after


def test_a_redis_that_takes_no_writes_leaves_nobody_uncounted(rate: RateLimit, redis: Redis):
    before = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        assert [bool(rate.allow("login:ada", 1, HOUR).retry_after) for _ in range(2)] == [False, True]
    finally:
        redis.config_set("maxmemory", before)


def test_without_redis_and_postgres_it_says_so(nobody: Redis, tmp_path: Path):
    database = Database(f"postgresql://usher@/usher?host={tmp_path}", timeout=0.5)
    with pytest.raises(Unavailable):
        RateLimit(nobody, database).allow("login:ada", 1, HOUR)
    database.close()
