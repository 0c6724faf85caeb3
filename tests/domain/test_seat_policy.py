from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from domain.entitlements import Entitlements
from domain.seat_policy import BorrowRules, Leasing, QueueRules, SeatGroup, SeatPolicy

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
DESIGN = SeatGroup("design", reserved=2, limit=5, priority=5)
FULL = SeatPolicy(
    resume=timedelta(hours=8),
    seats_per_user=2,
    groups=(DESIGN, SeatGroup("night")),
    queue=QueueRules(),
    borrow=BorrowRules(7 * DAY, keep=1),
    swap=False,
)


def paths(policy: SeatPolicy, seats: int | str = 10) -> list[str]:
    return [problem.path for problem in Entitlements(seats=seats, seat_policy=policy).problems()]


def test_a_plan_that_says_nothing_has_no_policies_but_the_swap():
    assert Entitlements(seats=3).seat_policy == SeatPolicy(
        resume=timedelta(0),
        leasing=Leasing.MACHINE,
        seats_per_user=None,
        groups=(),
        queue=None,
        borrow=None,
        swap=True,
    )


def test_terms_stored_before_there_were_policies_have_none():
    assert TypeAdapter(Entitlements).validate_json('{"seats": 3}') == Entitlements(seats=3)


def test_a_policy_with_everything_is_sane():
    assert paths(FULL) == []
    assert paths(replace(FULL, leasing=Leasing.USER, seats_per_user=None)) == []


def test_a_group_is_found_by_name():
    assert FULL.group("design") == DESIGN and FULL.group("sales") is None


def test_groups_are_kept_by_name_whatever_order_they_were_written_in():
    turned = replace(FULL, groups=FULL.groups[::-1])
    assert Entitlements(seats=3, seat_policy=turned).in_order() == Entitlements(seats=3, seat_policy=FULL)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"resume": -SECOND}, "resume"),
        ({"resume": 31 * DAY + SECOND}, "resume"),
        ({"seats_per_user": 0}, "seats_per_user"),
        ({"seats_per_user": 1_000_001}, "seats_per_user"),
        ({"leasing": Leasing.USER}, "seats_per_user"),
        ({"groups": (SeatGroup("Design"),)}, "groups.Design"),
        ({"groups": (SeatGroup("design", reserved=-1),)}, "groups.design.reserved"),
        ({"groups": (SeatGroup("design", limit=0),)}, "groups.design.limit"),
        ({"groups": (SeatGroup("design", limit=1_000_001),)}, "groups.design.limit"),
        ({"groups": (SeatGroup("design", reserved=3, limit=2),)}, "groups.design.limit"),
        ({"groups": (SeatGroup("design", priority=10),)}, "groups.design.priority"),
        ({"groups": (SeatGroup("design", priority=-1),)}, "groups.design.priority"),
        ({"groups": (SeatGroup("design"), SeatGroup("design"))}, "groups"),
        ({"groups": tuple(SeatGroup(f"g{n}") for n in range(51))}, "groups"),
        ({"groups": (SeatGroup("design", reserved=6), SeatGroup("night", reserved=5))}, "groups"),
        ({"queue": QueueRules(length=0)}, "queue.length"),
        ({"queue": QueueRules(length=100_001)}, "queue.length"),
        ({"queue": QueueRules(patience=9 * SECOND)}, "queue.patience"),
        ({"queue": QueueRules(patience=DAY + SECOND)}, "queue.patience"),
        ({"queue": QueueRules(collect=9 * SECOND)}, "queue.collect"),
        ({"queue": QueueRules(collect=DAY + SECOND)}, "queue.collect"),
        ({"borrow": BorrowRules(timedelta(minutes=59))}, "borrow.longest"),
        ({"borrow": BorrowRules(367 * DAY)}, "borrow.longest"),
        ({"borrow": BorrowRules(DAY, keep=-1)}, "borrow.keep"),
        ({"borrow": BorrowRules(DAY, keep=1_000_001)}, "borrow.keep"),
    ],
)
def test_absurd_policies_are_told_where_they_are(change, path):
    assert paths(replace(FULL, **change)) == [path]


def test_the_bounds_themselves_are_allowed():
    widest = SeatPolicy(
        resume=31 * DAY,
        seats_per_user=1_000_000,
        groups=(SeatGroup("design", reserved=1_000_000, limit=1_000_000, priority=9),),
        queue=QueueRules(100_000, DAY, DAY),
        borrow=BorrowRules(366 * DAY, keep=1_000_000),
    )
    narrowest = SeatPolicy(
        seats_per_user=1,
        groups=(SeatGroup("design", reserved=0, limit=1, priority=0),),
        queue=QueueRules(1, 10 * SECOND, 10 * SECOND),
        borrow=BorrowRules(timedelta(hours=1), keep=0),
    )
    assert paths(widest, seats=1_000_000) == paths(narrowest, seats=1) == []


def test_reserved_seats_may_be_all_the_seats_but_no_more():
    both = (SeatGroup("design", reserved=6), SeatGroup("night", reserved=4))
    assert paths(replace(FULL, groups=both), seats=10) == []
    assert paths(replace(FULL, groups=both), seats=9) == ["groups"]


def test_where_a_unit_is_a_seat_any_number_may_be_reserved():
    assert paths(replace(FULL, groups=(SeatGroup("design", reserved=900),)), seats="quantity") == []
