from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import inf
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from domain.seat_line import SeatLine, Waiting, judged
from domain.seat_policy import SeatGroup, SeatPolicy

DESIGN, OPS = SeatGroup("design", reserved=2, limit=3), SeatGroup("ops", reserved=1)
GROUPED = SeatPolicy(groups=(DESIGN, OPS))
NOW = datetime(2027, 1, 1, tzinfo=UTC)

memberships = some.sampled_from([(), ("design",), ("ops",), ("gone",)])
lines = some.lists(memberships, max_size=12)
taken = some.fixed_dictionaries({"group:design": some.integers(0, 4), "group:ops": some.integers(0, 4)})


def line_of(*groups: tuple[str, ...], ready: int = 0) -> list[Waiting]:
    """Who waits, by his groups; the first `ready` of them with a seat kept."""
    return [Waiting(UUID(int=n), UUID(int=0), each, n < ready, NOW) for n, each in enumerate(groups)]


def may_sit(policy: SeatPolicy, line: list[Waiting], available: float, **of_groups: int) -> list[bool]:
    counted = {f"group:{name}": count for name, count in of_groups.items()}
    return [each.may_sit for each in judged(line, SeatLine(policy, counted), available)]


def test_the_first_are_served_and_places_are_counted_from_one():
    found = list(judged(line_of((), (), ()), SeatLine(SeatPolicy(), {}), 2))
    assert [each.place for each in found] == [1, 2, 3]
    assert [each.may_sit for each in found] == [True, True, False]


def test_seats_without_end_are_for_everybody():
    assert may_sit(SeatPolicy(), line_of((), ()), inf) == [True, True]


def test_what_is_reserved_is_for_the_members_however_many_others_wait_before_them():
    waiting = line_of((), (), ("design",), ("design",), ("design",))
    assert may_sit(GROUPED, waiting, 3) == [False, False, True, True, False]
    assert may_sit(GROUPED, waiting, 4) == [True, False, True, True, False]
    assert may_sit(GROUPED, waiting, 1, design=1, ops=1) == [False, False, True, False, False]


def test_a_group_that_has_all_it_may_keeps_nobody_waiting():
    assert may_sit(GROUPED, line_of(("design",), ()), 1, design=3, ops=1) == [False, True]
    assert may_sit(GROUPED, line_of(("design",), ("design",), ()), 3, design=2, ops=1) == [True, False, True]


def test_who_has_a_seat_kept_waits_for_no_other_who_has():
    assert may_sit(SeatPolicy(), line_of((), (), (), ready=2), 1) == [True, True, False]
    assert may_sit(SeatPolicy(), line_of((), (), (), ready=2), 3) == [True, True, True]
    assert may_sit(SeatPolicy(), line_of((), ready=1), 0) == [False]


@given(line=lines, of_groups=taken, available=some.integers(0, 15))
def test_no_seat_is_promised_twice_nor_one_that_is_reserved_nor_one_too_many_for_a_group(line, of_groups, available):
    found = list(judged(line_of(*line), SeatLine(GROUPED, of_groups), available))
    served = Counter(group for each in found if each.may_sit for group in each.waiting.groups or ("nobody's",))
    assert served.total() <= available
    if served["design"]:
        assert of_groups["group:design"] + served["design"] <= DESIGN.limit
    free_reserved = sum(
        max(0, each.reserved - of_groups[f"group:{each.name}"] - served[each.name]) for each in GROUPED.groups
    )
    if served["nobody's"] or served["gone"]:
        assert available - served.total() >= free_reserved


@given(line=lines, of_groups=taken, available=some.integers(0, 15))
def test_nobody_is_overtaken_by_his_like(line, of_groups, available):
    found = list(judged(line_of(*line), SeatLine(GROUPED, of_groups), available))
    for groups in {each.waiting.groups for each in found}:
        served = [each.may_sit for each in found if each.waiting.groups == groups]
        assert served == sorted(served, reverse=True)


@given(line=lines, of_groups=taken)
def test_it_is_the_same_whether_those_before_are_let_in_one_by_one_or_counted(line, of_groups):
    one_by_one, counted = SeatLine(GROUPED, of_groups), SeatLine(GROUPED, of_groups)
    for groups in line:
        one_by_one.let_in(groups)
    for groups, count in Counter(line).items():
        counted.let_in(groups, count)
    for groups in ((), ("design",), ("ops",)):
        assert one_by_one.leave(groups) == counted.leave(groups)
        assert one_by_one.admits(groups) == counted.admits(groups)
