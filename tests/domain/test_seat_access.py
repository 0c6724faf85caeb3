from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import InvalidRequest, SeatNotAllowed
from domain.seat_access import OPEN_TO_ALL, Bidder, Claim, SeatAccess, SeatRules
from domain.seat_policy import Leasing, SeatGroup, SeatPolicy

ADA, BOB = Bidder("m1", "ada"), Bidder("m2", "bob")
GROUPS = (SeatGroup("design", reserved=2, limit=5), SeatGroup("staff", priority=5), SeatGroup("interns", limit=1))
TEAM = SeatRules({"design": ("user:ada",), "staff": ("machine:m1", "user:bob"), "interns": ()})
ACCESS = SeatAccess(SeatPolicy(groups=GROUPS), TEAM)


def left_out(access: SeatAccess, bidder: Bidder) -> bool:
    try:
        access.require_admitted(bidder)
    except SeatNotAllowed:
        return True
    return False


@pytest.mark.parametrize(
    ("rules", "ada_is_out", "bob_is_out"),
    [
        (SeatRules(), False, False),
        (SeatRules(include=("user:ada",)), False, True),
        (SeatRules(include=("machine:m2",)), True, False),
        (replace(TEAM, include=("group:design",)), False, True),
        (SeatRules(exclude=("user:ada",)), True, False),
        (replace(TEAM, exclude=("group:staff",)), True, True),
        (SeatRules(include=("user:ada", "user:bob"), exclude=("machine:m1",)), True, False),
        (replace(TEAM, include=("group:interns",)), True, True),
        (SeatRules(exclude=("user:",)), False, False),
    ],
)
def test_lists_let_in_and_leave_out(rules, ada_is_out, bob_is_out):
    access = SeatAccess(SeatPolicy(groups=GROUPS), rules)
    assert (left_out(access, ADA), left_out(access, BOB)) == (ada_is_out, bob_is_out)


def test_who_is_nobody_is_not_listed_by_an_empty_name():
    assert not left_out(SeatAccess(rules=SeatRules(exclude=("user:",))), Bidder("m1"))


@pytest.mark.parametrize("policy", [SeatPolicy(leasing=Leasing.USER), SeatPolicy(seats_per_user=2)])
def test_a_person_must_be_named_where_people_count(policy):
    access = SeatAccess(policy)
    access.require_admitted(ADA)
    with pytest.raises(InvalidRequest) as refused:
        access.require_admitted(Bidder("m1"))
    assert [each["field"] for each in refused.value.details["fields"]] == ["user"]


def test_a_bidder_is_in_every_group_that_lists_the_user_or_the_machine():
    assert [each.name for each in ACCESS.groups_of(ADA)] == ["design", "staff"]
    assert [each.name for each in ACCESS.groups_of(BOB)] == ["staff"]
    assert [ACCESS.priority(each) for each in (ADA, BOB, Bidder("m3"))] == [5, 5, 0]


def test_a_seat_counts_for_its_holder_its_user_and_every_group_that_is_counted():
    access = SeatAccess(SeatPolicy(groups=GROUPS, seats_per_user=2), TEAM)
    assert list(access.claims(ADA, 10)) == [Claim("holder:m1", 1), Claim("user:ada", 2), Claim("group:design", 5)]
    assert [each.axis for each in access.claims(BOB, 10)] == ["holder", "user"]


def test_the_holder_is_the_person_where_people_hold_seats():
    access = SeatAccess(SeatPolicy(leasing=Leasing.USER))
    assert list(access.claims(ADA, None)) == [Claim("holder:ada", 1)]
    assert (access.holder(ADA), OPEN_TO_ALL.holder(ADA)) == ("ada", "m1")


@pytest.mark.parametrize(("taken", "for_bob"), [({}, 2), ({"group:design": 1}, 1), ({"group:design": 4}, 0)])
def test_what_is_reserved_and_not_taken_stays_for_the_group(taken, for_bob):
    assert ACCESS.reserved_for_others(BOB, taken) == for_bob
    assert ACCESS.reserved_for_others(ADA, taken) == 0


@pytest.mark.parametrize(
    ("seats", "reserved"),
    [
        (None, [3, 2, 4]),
        (20, [3, 2, 4]),
        (9, [3, 2, 4]),
        (8, [2, 2, 4]),
        (5, [0, 1, 4]),
        (3, [0, 0, 3]),
        (0, [0, 0, 0]),
    ],
)
def test_no_more_is_reserved_than_there_is_and_the_most_urgent_group_keeps_its_own(seats, reserved):
    groups = SeatGroup("a", reserved=3), SeatGroup("b", reserved=2, priority=4), SeatGroup("c", reserved=4, priority=9)
    access = SeatAccess.of(SeatPolicy(groups=groups), SeatRules(), seats)
    assert [each.reserved for each in access.policy.groups] == reserved
    assert [each.name for each in access.policy.groups] == ["a", "b", "c"]


def test_a_digest_tells_rules_apart_and_what_judges_nobody_does_not_matter():
    policy = SeatPolicy(groups=GROUPS)
    one = SeatAccess.of(policy, TEAM, 10)
    assert one.digest == SeatAccess.of(replace(policy, resume=timedelta(hours=8)), TEAM, 20).digest
    others = [
        SeatAccess.of(policy, replace(TEAM, exclude=("user:eve",)), 10),
        SeatAccess.of(policy, SeatRules(), 10),
        SeatAccess.of(replace(policy, seats_per_user=1), TEAM, 10),
        SeatAccess.of(policy, TEAM, 1),
    ]
    assert len({each.digest for each in (one, *others, OPEN_TO_ALL)}) == 6
    assert (OPEN_TO_ALL.digest, len(one.digest)) == ("", 16)
    assert SeatAccess.of(SeatPolicy(resume=timedelta(hours=8)), SeatRules(), 3) == OPEN_TO_ALL


def test_its_size_is_the_number_of_those_it_lists():
    assert (OPEN_TO_ALL.size, ACCESS.size, SeatAccess(rules=replace(TEAM, include=("user:x",))).size) == (0, 3, 4)
