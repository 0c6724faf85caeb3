"""The seat policies of a plan as the catalogue file writes them: flat, among its entitlements."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.errors import CatalogInvalid
from domain.seat_policy import BorrowRules, Leasing, QueueRules, SeatGroup, SeatPolicy
from tests.domain.seat_policies import sane_policies

EVERYTHING = """\
version: 1
products:
  - {code: studio, name: Studio, license_key_prefix: STUD}
plans:
  - code: team
    product: studio
    name: Team
    prices: []
    entitlements:
      seats: 10
      resume: PT8H
      leasing: machine
      seats_per_user: 2
      groups:
        design: {reserved: 2, limit: 5, priority: 5}
        night: {}
      queue: {length: 50, patience: PT2M, collect: PT3M}
      borrow: {longest: P7D, keep: 1}
      swap: false
"""
AT = "plans[0].entitlements"


def changed(old: str, new: str) -> str:
    assert EVERYTHING.count(old) == 1
    return EVERYTHING.replace(old, new)


def policy(text: str) -> SeatPolicy:
    return read(text).plans[0].terms.entitlements.seat_policy


def test_a_plans_seat_policies_are_read_as_they_say():
    assert policy(EVERYTHING) == SeatPolicy(
        resume=timedelta(hours=8),
        leasing=Leasing.MACHINE,
        seats_per_user=2,
        groups=(SeatGroup("design", reserved=2, limit=5, priority=5), SeatGroup("night")),
        queue=QueueRules(50, timedelta(minutes=2), timedelta(minutes=3)),
        borrow=BorrowRules(timedelta(days=7), keep=1),
        swap=False,
    )


def test_a_plan_that_says_nothing_has_no_policies():
    assert policy(EVERYTHING[: EVERYTHING.index("      resume")]) == SeatPolicy()


def test_null_is_as_if_nothing_were_written():
    fields = ("resume", "leasing", "seats_per_user", "groups", "queue", "borrow", "swap")
    nothing = "".join(f"      {field}: null\n" for field in fields)
    assert policy(EVERYTHING[: EVERYTHING.index("      resume")] + nothing) == SeatPolicy()


def test_a_queue_and_a_loan_have_their_defaults():
    text = changed("{length: 50, patience: PT2M, collect: PT3M}", "{}").replace("P7D, keep: 1", "P7D")
    minute = timedelta(minutes=1)
    assert policy(text).queue == QueueRules(length=100, patience=minute, collect=minute)
    assert policy(text).borrow == BorrowRules(timedelta(days=7), keep=0)


def test_people_may_hold_the_seats_instead_of_machines():
    text = changed("leasing: machine", "leasing: user").replace("      seats_per_user: 2\n", "")
    assert policy(text).leasing is Leasing.USER


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "message"),
    [
        ("PT8H", "8 hours", 11, "resume", '"8 hours" is not an ISO 8601 duration such as PT6M'),
        ("PT8H", "P1M", 11, "resume", '"P1M" is not an ISO 8601 duration'),
        ("PT8H", "P32D", 11, "resume", "must be from PT0S to P31D"),
        ("PT8H", "28800", 11, "resume", '"28800" is not an ISO 8601 duration'),
        ("resume:", "resumes:", 11, "resumes", "is not a field here; did you mean resume?"),
        ("leasing: machine", "leasing: person", 12, "leasing", '"person" is none of machine, user'),
        ("leasing: machine", "leasing: true", 12, "leasing", "true is none of machine, user"),
        ("leasing: machine", "leasing: user", 13, "seats_per_user", "a person holds one seat with leasing: user"),
        ("seats_per_user: 2", "seats_per_user: 0", 13, "seats_per_user", "must be from 1 to 1,000,000"),
        ("seats_per_user: 2", "seats_per_user: 1000001", 13, "seats_per_user", "must be from 1 to 1,000,000"),
        ("seats_per_user: 2", "seats_per_user: two", 13, "seats_per_user", '"two" is not a whole number'),
        ("seats_per_user: 2", "seats_per_user: 2.0", 13, "seats_per_user", "2.0 is not a whole number"),
        ("      groups:", "      group:", 14, "group", "is not a field here; did you mean groups?"),
        ("night: {}", "Night: {}", 16, "groups.Night", "must be 1 to 64 of a-z"),
        ("night: {}", "night:", 16, "groups.night", "nothing is not a mapping"),
        ("night: {}", "night: [ann]", 16, "groups.night", "a list is not a mapping"),
        ("night: {}", "design: {}", 15, "groups.design", "given twice, again on line 16"),
        ("night: {}", "night: {members: 3}", 16, "groups.night.members", "is not a field here; there are reserved"),
        ("night: {}", "night: {reserved: 9}", 14, "groups", "11 seats are reserved, but there are 10"),
        ("reserved: 2", "reserved: -1", 15, "groups.design.reserved", "must be from 0 to 1,000,000"),
        ("reserved: 2", "reserved: half", 15, "groups.design.reserved", '"half" is not a whole number'),
        ("night: {}", "night: {limit: 0}", 16, "groups.night.limit", "must be from 1 to 1,000,000"),
        ("limit: 5", "limit: 1000001", 15, "groups.design.limit", "must be from 1 to 1,000,000"),
        ("limit: 5", "limit: 1", 15, "groups.design.limit", "must be at least what is reserved for the group"),
        ("limit: 5", "limit: unlimited", 15, "groups.design.limit", '"unlimited" is not a whole number'),
        ("priority: 5", "priority: 10", 15, "groups.design.priority", "must be from 0 to 9"),
        ("priority: 5", "priority: -1", 15, "groups.design.priority", "must be from 0 to 9"),
        ("priority: 5", "priority: high", 15, "groups.design.priority", '"high" is not a whole number'),
        ("priority: 5", "prio: 5", 15, "groups.design.prio", "did you mean priority?"),
        ("length: 50", "length: 0", 17, "queue.length", "must be from 1 to 100,000"),
        ("length: 50", "length: 100001", 17, "queue.length", "must be from 1 to 100,000"),
        ("length: 50", "length: true", 17, "queue.length", "true is not a whole number"),
        ("length: 50", "size: 50", 17, "queue.size", "is not a field here; there are length"),
        ("PT2M", "PT9S", 17, "queue.patience", "must be from PT10S to P1D"),
        ("PT2M", "P2D", 17, "queue.patience", "must be from PT10S to P1D"),
        ("PT2M", "-PT2M", 17, "queue.patience", '"-PT2M" is not an ISO 8601 duration'),
        ("PT3M", "PT9S", 17, "queue.collect", "must be from PT10S to P1D"),
        ("PT3M", "PT24H1S", 17, "queue.collect", "must be from PT10S to P1D"),
        ("PT3M", "3", 17, "queue.collect", '"3" is not an ISO 8601 duration'),
        ("{length: 50, patience: PT2M, collect: PT3M}", "true", 17, "queue", "true is not a mapping"),
        ("{longest: P7D, keep: 1}", "P7D", 18, "borrow", '"P7D" is not a mapping'),
        ("longest: P7D, ", "", 18, "borrow.longest", "is missing"),
        ("P7D", "PT59M", 18, "borrow.longest", "must be from PT1H to P366D"),
        ("P7D", "P367D", 18, "borrow.longest", "must be from PT1H to P366D"),
        ("P7D", "P1Y", 18, "borrow.longest", '"P1Y" is not an ISO 8601 duration'),
        ("keep: 1", "keep: -1", 18, "borrow.keep", "must be from 0 to 1,000,000"),
        ("keep: 1", "keep: 1000001", 18, "borrow.keep", "must be from 0 to 1,000,000"),
        ("keep: 1", "keep: one", 18, "borrow.keep", '"one" is not a whole number'),
        ("swap: false", "swap: no", 19, "swap", '"no" is neither true nor false'),
        ("swap: false", "seat_policy: {swap: false}", 19, "seat_policy", "is not a field here"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_path(old, new, line, path, message):
    with pytest.raises(CatalogInvalid) as refused:
        read(changed(old, new))
    (found,) = refused.value.details["problems"]
    assert (found["line"], found["path"]) == (line, f"{AT}.{path}")
    assert message in found["message"]


def test_more_groups_than_anybody_can_tell_apart_are_refused():
    many = "night: {}" + "".join(f"\n        g{n}: {{}}" for n in range(49))
    with pytest.raises(CatalogInvalid) as refused:
        read(changed("night: {}", many))
    assert refused.value.details["problems"] == [
        {"line": 14, "path": f"{AT}.groups", "message": "must have at most 50 entries"}
    ]


@given(sane_policies)
def test_every_policy_is_written_and_read_back(policy):
    file = read(EVERYTHING)
    (plan,) = file.plans
    granted = replace(plan.terms.entitlements, seats="quantity", seat_policy=policy)
    file = replace(file, plans=(replace(plan, terms=replace(plan.terms, entitlements=granted)),))
    document = catalog_document(file)
    assert read(write(document)) == read(json.dumps(document)) == file
