"""May this be used now? The same answers with quotas in Redis and with Redis away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from application.quotas import Verdict, Wanted
from domain.errors import InvalidRequest
from tests.usage_world import UsageWorld, months

MINUTE = timedelta(minutes=1)


def allowed(verdict: Verdict) -> bool:
    return verdict.answer.is_allowed


def wants(meter: str, quantity: int = 1, **more: object) -> Wanted:
    return Wanted(meter, Decimal(quantity), **more)  # type: ignore[arg-type]


def test_exactly_the_limit_is_allowed_and_nothing_beyond(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    either.use(acme, 7)
    assert allowed(either.check(acme, 3)) and not allowed(either.check(acme, 4))
    either.use(acme, 3)
    assert allowed(either.check(acme, 0)) and not allowed(either.check(acme, 1))


def test_what_is_recorded_counts_at_once_and_what_is_asked_does_not(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    for used in range(5):
        assert [answer.used for _, answer in either.check(acme, 1).lines] == [used]
        either.use(acme)
    assert either.used(acme) == 5


def test_what_is_used_above_a_hard_limit_is_recorded_all_the_same(either):
    """It was used: a batch is not cut in the middle, and no record is lost to a limit."""
    either.sell(pro=months(10))
    acme = either.organization("pro")
    assert either.use(acme, 25).accepted == 1
    assert either.used(acme) == 25 and not allowed(either.check(acme, 1))


def test_a_soft_limit_allows_and_says_so(either):
    either.sell(pro=months(10, hard=False))
    acme = either.organization("pro")
    either.use(acme, 8)
    for quantity, over in ((2, False), (3, True)):
        verdict = either.check(acme, quantity)
        ((line, answer),) = verdict.lines
        assert allowed(verdict) and line.is_over(answer, is_reserved=False) is over


def test_without_an_end_everything_is_allowed(either):
    either.sell(pro=months("unlimited"))
    acme = either.organization("pro")
    verdict = either.check(acme, 10**12)
    ((line, answer),) = verdict.lines
    assert allowed(verdict) and line.left(answer) is None
    assert allowed(either.check(either.organization(), 5))


def test_a_reservation_holds_until_its_record_comes(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    held = either.check(acme, 6, reserve=MINUTE)
    assert held.reservation and held.lapses_at and not allowed(either.check(acme, 5))
    either.use(acme, 4, reservation=held.reservation)
    ((_, answer),) = either.check(acme, 6).lines
    assert (answer.used, answer.held, answer.is_exceeded) == (4, 0, False)


def test_a_reservation_lapses(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    either.check(acme, 10, reserve=MINUTE)
    either.clock.ahead += MINUTE - timedelta(seconds=5)
    assert not allowed(either.check(acme, 1))
    either.clock.ahead += timedelta(seconds=6)
    assert allowed(either.check(acme, 10, reserve=MINUTE))


def test_a_reservation_is_given_back_once(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    held = either.check(acme, 10, reserve=MINUTE)
    release = either.services.quotas.release
    assert held.reservation
    assert either.run(release(either.organization(), held.reservation)) is False
    assert [either.run(release(acme, held.reservation)) for _ in range(2)] == [True, False]
    assert allowed(either.check(acme, 10))


def test_a_record_settles_its_own_meter_only(either):
    either.sell(pro={"limits": {"calls": {"amount": 10, "per": "month"}, "bytes": {"amount": 10, "per": "month"}}})
    acme = either.organization("pro")
    held = either.check_all(acme, [wants("calls", 8), wants("bytes", 8)], reserve=MINUTE)
    either.use(acme, 1, reservation=held.reservation)
    assert allowed(either.check(acme, 9)) and not allowed(either.check(acme, 3, "bytes"))
    either.use(acme, 1, "bytes", reservation=held.reservation)
    assert allowed(either.check(acme, 9, "bytes"))


def test_another_accounts_record_settles_nothing(either):
    either.sell(pro=months(10))
    acme, globex = either.organization("pro"), either.organization("pro")
    held = either.check(acme, 10, reserve=MINUTE)
    either.use(globex, 1, reservation=held.reservation)
    assert not allowed(either.check(acme, 1))


def test_all_limits_of_a_request_hold_together_or_nothing_is_reserved(either):
    """Meters, and axes of one meter: what a later limit refuses, an earlier one has not counted."""
    calls = [
        {"amount": 10, "per": "month"},
        {"amount": 3, "per": "day", "each": "subject"},
        {"amount": 5, "per": "hour", "each": "key"},
    ]
    either.sell(pro={"limits": {"calls": calls, "bytes": {"amount": 100, "per": "month"}}})
    acme, ann, key = either.organization("pro"), either.clock.new_id(), either.clock.new_id()
    of_ann = {"subject": ann, "key_id": key}
    refused = either.check_all(acme, [wants("bytes", 50, **of_ann), wants("calls", 4, **of_ann)], reserve=MINUTE)
    assert [answer.is_exceeded for _, answer in refused.lines].count(True) == 1
    assert {answer.held for _, answer in either.run(either.services.quotas.standing(acme, subject=ann)).lines} == {0}
    granted = either.check_all(acme, [wants("bytes", 50, **of_ann), wants("calls", 3, **of_ann)], reserve=MINUTE)
    assert allowed(granted) and len(granted.lines) == 4
    assert not allowed(either.check(acme, 1, subject=ann))
    assert not allowed(either.check(acme, 3, key_id=key)) and allowed(either.check(acme, 2, key_id=key))
    assert allowed(either.check(acme, 3, subject=either.clock.new_id())) and not allowed(either.check(acme, 8))


def test_the_same_meter_twice_in_a_request_is_asked_for_together(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    assert not allowed(either.check_all(acme, [wants("calls", 6), wants("calls", 5)]))
    assert allowed(either.check_all(acme, [wants("calls", 6), wants("calls", 4)]))


def test_a_hundred_at_once_reserve_no_more_than_there_is(either):
    either.sell(pro=months(10))
    acme = either.organization("pro")
    quotas = either.services.quotas

    async def rush() -> list[Verdict]:
        return await asyncio.gather(*(quotas.check(acme, [wants("calls")], reserve_for=MINUTE) for _ in range(100)))

    verdicts = either.run(rush())
    assert [allowed(verdict) for verdict in verdicts].count(True) == 10
    assert len({verdict.reservation for verdict in verdicts if allowed(verdict)}) == 10


def test_distinct_values_count_once(either):
    either.sell({"code": "people", "name": "People", "aggregation": "unique", "counts": "person"}, pro={
        "limits": {"people": {"amount": 2, "per": "month"}}
    })  # fmt: skip
    acme, digest = either.organization("pro"), either.services.subject_digests.digest
    for person in ("ann", "bob", "ann"):
        either.use(acme, None, "people", dimensions={"person": person})
    assert either.used(acme, "people/month/organization") == 2
    assert allowed(either.check(acme, 1, "people", value=digest("bob")))
    assert not allowed(either.check(acme, 1, "people", value=digest("eve")))


def test_a_peak_is_compared_with_the_limit_itself(either):
    either.sell({"code": "peak", "name": "Peak", "aggregation": "max"}, pro={
        "limits": {"peak": {"amount": 10, "per": "month"}}
    })  # fmt: skip
    acme = either.organization("pro")
    for level in (4, 9, 7):
        either.use(acme, level, "peak")
    assert either.used(acme, "peak/month/organization") == 9
    assert allowed(either.check(acme, 10, "peak")) and not allowed(either.check(acme, 11, "peak"))


def test_a_level_is_the_sum_of_what_each_subject_has_now(either):
    either.sell({"code": "stored", "name": "Stored", "aggregation": "last", "decimals": 1}, pro={
        "limits": {"stored": {"amount": 10, "per": "total"}}
    })  # fmt: skip
    acme, digest = either.organization("pro"), either.services.subject_digests.digest
    now = either.now()
    either.use(acme, 4, "stored", subject="a", at=now)
    either.use(acme, "3.5", "stored", subject="b", at=now)
    either.use(acme, 9, "stored", subject="a", at=now - timedelta(hours=1))  # late: it was higher then
    assert either.used(acme, "stored/total/organization") == 75
    assert allowed(either.check(acme, "6.5", "stored", subject=digest("a")))
    assert not allowed(either.check(acme, "6.6", "stored", subject=digest("a")))
    assert not allowed(either.check(acme, 3, "stored", subject=digest("c")))
    either.use(acme, 1, "stored", subject="a")
    assert either.used(acme, "stored/total/organization") == 45


def test_a_level_above_its_limit_may_always_go_down(either):
    either.sell({"code": "disk", "name": "Disk", "aggregation": "last"}, pro={
        "limits": {"disk": {"amount": 10, "per": "total"}}
    })  # fmt: skip
    acme = either.organization("pro")
    either.use(acme, 50, "disk")
    assert allowed(either.check(acme, 40, "disk")) and not allowed(either.check(acme, 51, "disk"))


def test_a_rate_that_is_called_like_a_meter_paces_it(either):
    either.sell(pro={**months(1000), "rate_limits": {"calls": "10/minute"}})
    acme = either.organization("pro")
    assert allowed(either.check(acme, 6))
    verdict = either.check(acme, 5)
    (allowance,) = verdict.answer.allowances
    assert not allowed(verdict) and allowance.limit == 10 and 1 <= allowance.retry_after <= 60
    assert allowed(either.check(acme, 4)) and not allowed(either.check(acme, 1))
    either.clock.ahead += MINUTE
    assert allowed(either.check(acme, 10))
    with pytest.raises(InvalidRequest, match="rate limit"):
        either.check(acme, 11)


def test_what_a_limit_refuses_takes_nothing_of_the_rate(either):
    either.sell(pro={**months(5), "rate_limits": {"calls": "10/minute"}})
    acme = either.organization("pro")
    for _ in range(5):
        assert not allowed(either.check(acme, 6))
    assert allowed(either.check(acme, 5))


def test_what_a_rate_refuses_reserves_nothing(either):
    either.sell(pro={**months(100), "rate_limits": {"calls": "10/minute"}})
    acme = either.organization("pro")
    either.check(acme, 10, reserve=MINUTE)
    assert not allowed(either.check(acme, 1, reserve=MINUTE))
    assert [answer.held for _, answer in either.run(either.services.quotas.standing(acme)).lines] == [10]


@pytest.mark.parametrize(
    ("wanted", "reserve", "said"),
    [
        (wants("gold"), None, "not a known meter"),
        (Wanted("calls", Decimal("0.5")), None, "whole number"),
        (wants("people"), None, "which person"),
        (wants("peak"), MINUTE, "add up"),
    ],
)
def test_what_cannot_be_asked_is_refused(world, wanted, reserve, said):
    world.sell(
        {"code": "people", "name": "People", "aggregation": "unique", "counts": "person"},
        {"code": "peak", "name": "Peak", "aggregation": "max"},
        pro=months(10),
    )
    with pytest.raises(InvalidRequest, match=said):
        world.check_all(world.organization("pro"), [wanted], reserve=reserve)


def test_decimals_are_exact(either):
    """Three times 0.1 is 0.3, and not a little more."""
    either.sell(
        {"code": "hours", "name": "Hours", "decimals": 1}, pro={"limits": {"hours": {"amount": 1, "per": "month"}}}
    )
    acme = either.organization("pro")
    for _ in range(7):
        either.use(acme, "0.1", "hours")
    assert allowed(either.check(acme, "0.3", "hours")) and not allowed(either.check(acme, "0.4", "hours"))


def test_very_large_counts_are_exact(either: UsageWorld) -> None:
    either.sell(pro=months(2 * 10**12 + 1))
    acme = either.organization("pro")
    either.use(acme, 10**12)
    either.use(acme, 10**12)
    assert allowed(either.check(acme, 1)) and not allowed(either.check(acme, 2))
