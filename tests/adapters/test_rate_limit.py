from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.rate_limit import RateLimit
from domain.errors import Unavailable

HOUR = timedelta(hours=1)


def test_so_many_calls_and_not_one_more(redis: Redis):
    rate = RateLimit(redis)
    answers = [rate.allow("login:ada", 3, HOUR) for _ in range(5)]
    assert [each.remaining for each in answers] == [2, 1, 0, 0, 0]
    assert [bool(each.retry_after) for each in answers] == [False, False, False, True, True]
    assert answers[-1].limit == 3
    assert 0 < answers[-1].retry_after <= 1200
    assert 1200 < answers[-1].reset <= 3600


def test_everybody_is_counted_alone(redis: Redis):
    rate = RateLimit(redis)
    rate.allow("login:ada", 1, HOUR)
    assert rate.allow("login:ada", 1, HOUR).retry_after
    assert not rate.allow("login:bob", 1, HOUR).retry_after


def test_calls_at_the_same_moment_are_counted_one_by_one(redis: Redis):
    rate = RateLimit(redis)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: rate.allow("register", 10, HOUR), range(40)))
    assert sum(not each.retry_after for each in answers) == 10


def test_a_counter_goes_away_by_itself(redis: Redis):
    RateLimit(redis).allow("login:ada", 10, HOUR)
    (key,) = redis.keys()
    assert 0 < redis.pttl(key) <= 360_000


def test_a_limit_survives_a_server_that_lost_its_scripts(redis: Redis):
    rate = RateLimit(redis)
    rate.allow("login:ada", 1, HOUR)
    redis.script_flush()
    assert rate.allow("login:ada", 1, HOUR).retry_after


def test_without_redis_it_says_so(tmp_path):
    nobody = Redis(unix_socket_path=f"{tmp_path}/nobody.sock", retry=Retry(NoBackoff(), 0))
    with nobody, pytest.raises(Unavailable):
        RateLimit(nobody).allow("login:ada", 1, HOUR)
