"""Rates as one process counts them: held against a model that remembers every call."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from domain.rate import LocalRates, Rate

calls = some.lists(some.integers(0, 3_000), max_size=60)
"""Milliseconds between one call and the next."""


@given(calls, some.integers(1, 8), some.integers(1, 5))
def test_what_is_let_in_is_what_a_bucket_holds_that_fills_evenly(pauses, limit, seconds):
    rates, rate = LocalRates(), Rate(limit, timedelta(seconds=seconds))
    now, held, last = 1_000_000, limit * seconds * 1000, 1_000_000  # in thousandths of a second's share of a call
    for pause in pauses:
        now += pause
        held, last = min(limit * seconds * 1000, held + (now - last) * limit), now
        may = held >= seconds * 1000
        held -= seconds * 1000 if may else 0
        answer = rates.take("ada", rate, now / 1000)
        assert (answer.retry_after == 0) == may
        assert answer.remaining == (held // (seconds * 1000) if may else 0)


def test_who_has_all_calls_back_makes_room_and_everybody_is_counted_alone():
    rates, rate = LocalRates(most=2), Rate(1, timedelta(seconds=10))
    assert not rates.take("ada", rate, 0).retry_after and not rates.take("bob", rate, 5).retry_after
    assert rates.take("ada", rate, 6).retry_after == 4
    assert not rates.take("cat", rate, 12).retry_after, "ada's are back, so hers is forgotten"
    assert rates.take("bob", rate, 12).retry_after == 3
