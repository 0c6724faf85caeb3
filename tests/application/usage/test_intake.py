"""Records taken in: each request whole or not at all, each record once whatever its age."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from application.usage_intake import Caller
from domain.api_key import Scope
from domain.errors import InvalidRequest, NotFound
from domain.usage import AHEAD, Told
from domain.usage_errors import UsageMismatch
from tests.usage_world import UsageWorld, months

DAY = timedelta(days=1)
WINDOW = timedelta(days=35)


@pytest.fixture
def acme(world: UsageWorld) -> Any:
    world.sell(pro=months(1000))
    return world.organization("pro")


def fields(refused: Any) -> list[str]:
    return [each["field"] for each in refused.value.details["fields"]]


def stored(world: UsageWorld, account_id: Any) -> list[dict[str, Any]]:
    return world.services.database.fetch_all(
        "select * from usage_records where account_id = %s order by position", (account_id,)
    )


def test_a_record_is_kept_with_all_it_says(world, acme):
    key = world.services.api_keys.issue(name="gateway", scopes=[Scope.USAGE_WRITE], organization_id=acme).key.key_id
    at = world.now() - timedelta(minutes=3)
    told = world.told(acme, "calls", 3, id="r-all", at=at, subject="ann@example.com", dimensions={"solution": "s1"})
    assert world.record(told, caller=Caller(acme, key)).accepted == 1
    (row,) = stored(world, acme)
    assert (row["id"], row["meter"], row["quantity"], row["at"]) == ("r-all", "calls", 3, at)
    assert (row["key_id"], row["dimensions"], row["voids"]) == (key, {"solution": "s1"}, None)
    assert row["subject"] == world.services.subject_digests.digest("ann@example.com")
    assert "ann" not in str({name: value for name, value in row.items() if name != "id"})
    assert list(world.services.subject_names.of([acme]).values()) == ["ann@example.com"]


def test_a_repeated_record_is_counted_once_however_much_later(world, acme):
    told = world.told(acme, quantity=5, at=world.now())
    assert world.record(told)[:2] == (1, 0)
    assert world.record(told)[:2] == (0, 1)
    world.clock.ahead += 30 * DAY
    with world.another() as other:
        assert other.record(told)[:2] == (0, 1)
    assert [row["quantity"] for row in stored(world, acme)] == [5]


def test_a_repeated_record_without_a_time_is_the_same_record(world, acme):
    told = world.told(acme)
    world.record(told)
    world.clock.ahead += timedelta(hours=1)
    assert world.record(told, world.told(acme))[:2] == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal(4)},
        {"meter": "bytes"},
        {"subject": "bob"},
        {"dimensions": {"solution": "s2"}},
        {"voids": "x"},
    ],
)
def test_a_known_id_with_other_content_is_refused_with_both_shown(world, acme, change):
    world.sell(pro={"limits": {"calls": {"amount": 9, "per": "day"}, "bytes": {"amount": 9, "per": "day"}}})
    told = world.told(acme, quantity=3, subject="ann", dimensions={"solution": "s1"})
    world.record(told)
    other = told._replace(**change) if "voids" not in change else Told(told.id, organization_id=acme, voids="x")
    with pytest.raises(UsageMismatch) as refused:
        world.record(world.told(acme), other)
    details = refused.value.details
    assert details["id"] == told.id
    assert details["known"]["quantity"] == 3 and details["known"]["subject"] == "ann"
    assert {name: details["given"].get(name) for name in change} != {
        name: details["known"].get(name) for name in change
    }
    assert len(stored(world, acme)) == 1


def test_the_same_id_twice_in_a_request_is_one_record_or_a_contradiction(world, acme):
    told = world.told(acme)
    assert world.record(told, told)[:2] == (1, 1)
    told = world.told(acme)
    with pytest.raises(UsageMismatch):
        world.record(told, told._replace(quantity=Decimal(2)))


def test_one_bad_record_keeps_all_of_its_request_out(world, acme):
    good, bad = world.told(acme), world.told(acme, "gold")
    with pytest.raises(InvalidRequest, match="nothing was taken in") as refused:
        world.record(good, bad, world.told(acme, quantity=-1))
    assert fields(refused) == ["records.1.meter", "records.2.quantity"]
    assert stored(world, acme) == []
    assert world.record(good).accepted == 1


def test_requests_that_are_stored_together_do_not_fail_together(world, acme):
    first = world.told(acme)
    world.record(first)
    record = world.services.usage_intake.record
    asked = [
        [world.told(acme), first._replace(quantity=Decimal(9))],
        [world.told(acme), world.told(acme)],
        [world.told(acme), Told("v", organization_id=acme, voids="never was")],
        [first, world.told(acme)],
    ]

    async def together() -> list[Any]:
        return await asyncio.gather(*(record(told, Caller(None, None)) for told in asked), return_exceptions=True)

    mismatch, fine, absent, repeated = world.run(together())
    assert isinstance(mismatch, UsageMismatch) and isinstance(absent, InvalidRequest)
    assert (fine[:2], repeated[:2]) == ((2, 0), (1, 1))
    assert len(stored(world, acme)) == 4


def test_the_same_record_from_many_at_once_is_stored_once(world, acme):
    told = world.told(acme, quantity=7, at=world.now())
    with world.another() as other:
        ours = asyncio.gather, world.services.usage_intake.record

        async def rush(record: Any) -> int:
            taken = await asyncio.gather(*(record([told], Caller(None, None)) for _ in range(20)))
            return sum(each.accepted for each in taken)

        accepted = world.run(rush(ours[1])) + other.run(rush(other.services.usage_intake.record))
    assert accepted == 1 and len(stored(world, acme)) == 1


def test_an_id_means_another_record_for_another_organization(world, acme):
    globex = world.organization("pro")
    told = world.told(acme, quantity=5)
    world.record(told)
    assert world.record(told._replace(organization_id=globex, quantity=Decimal(6)))[:2] == (1, 0)


def test_late_records_count_in_the_period_they_belong_to(world, acme):
    world.clock.ahead += 40 * DAY
    limit = world.services.rights_book.read(acme).rights.limits[0]
    start = limit.standing(world.now(), None, None).period.start
    world.use(acme, 3, at=start - timedelta(microseconds=1))
    world.use(acme, 4, at=start)
    assert world.used(acme) == 4


@pytest.mark.parametrize(("plan_says", "window"), [({}, WINDOW), ({"late_usage": "PT2H"}, timedelta(hours=2))])
def test_records_older_than_the_plan_takes_are_refused(world, plan_says, window):
    world.sell(pro={**months(10), **plan_says})
    acme = world.organization("pro")
    world.use(acme, at=world.now() - window + timedelta(minutes=1))
    with pytest.raises(InvalidRequest, match="late usage") as refused:
        world.record(world.told(acme), world.told(acme, at=world.now() - window - timedelta(seconds=1)))
    assert fields(refused) == ["records.1.at"]


def test_records_of_the_future_are_refused_but_for_clocks_that_are_a_little_ahead(world, acme):
    world.use(acme, at=world.now() + AHEAD - timedelta(seconds=5))
    with pytest.raises(InvalidRequest, match="in the future"):
        world.use(acme, at=world.now() + AHEAD + timedelta(seconds=5))


def test_a_record_is_cancelled_by_another_and_counts_no_more(either):
    either.sell(pro=months(1000))
    acme = either.organization("pro")
    wrong = either.told(acme, quantity=900)
    either.record(wrong, either.told(acme, quantity=50))
    cancel = Told("c1", organization_id=acme, voids=wrong.id)
    assert either.record(cancel, either.told(acme, quantity=90))[:2] == (2, 0)
    assert either.used(acme) == 140
    either.follow()
    assert either.used(acme) == 140
    assert either.record(cancel)[:2] == (0, 1)
    found = either.services.usage_records.page(
        [acme], meter="calls", since=either.now() - DAY, before=either.now() + DAY, limit=10
    )
    assert [(each.voids, each.voided_by) for each in found] == [
        (None, "c1"),
        (None, None),
        (wrong.id, None),
        (None, None),
    ]


def test_what_cannot_be_cancelled_is_refused(world, acme):
    world.sell(pro={**months(10), "late_usage": "PT2H"})
    globex = world.organization("pro")
    record, cancel = world.told(globex), Told("c1", organization_id=globex, voids="?")
    world.record(record)
    world.record(cancel._replace(id="c2", voids=record.id))
    old = world.told(globex)
    world.record(old)
    world.clock.ahead += timedelta(hours=3)
    for voids, said in (
        ("never was", "there is no record"),
        (record.id, "cancelled already"),
        ("c2", "there is no record"),
        (old.id, "older than"),
    ):
        with pytest.raises(InvalidRequest, match=said) as refused:
            world.record(world.told(globex), cancel._replace(voids=voids))
        assert fields(refused) == ["records.1.voids"]
    with pytest.raises(InvalidRequest, match="there is no record"):
        world.record(Told("c3", organization_id=acme, voids=old.id))


def test_two_at_once_cancel_a_record_once(world, acme):
    record = world.told(acme, quantity=10)
    world.record(record)
    intake = world.services.usage_intake.record
    cancels = [[Told(f"both-{n}", organization_id=acme, voids=record.id)] for n in range(5)]

    async def rush() -> list[Any]:
        return await asyncio.gather(*(intake(each, Caller(None, None)) for each in cancels), return_exceptions=True)

    assert sum(not isinstance(each, InvalidRequest) for each in world.run(rush())) == 1
    assert world.used(acme) == 0


def test_a_caller_reports_for_its_own_organization_only(world, acme):
    globex = world.organization("pro")
    assert world.record(world.told(None), caller=Caller(acme, None)).accepted == 1
    assert world.record(world.told(acme), caller=Caller(acme, None)).accepted == 1
    for told, caller in (
        (world.told(globex), Caller(acme, None)),
        (world.told(world.clock.new_id()), Caller(None, None)),
        (world.told(acme, key_id=world.clock.new_id()), Caller(None, None)),
    ):
        with pytest.raises(NotFound):
            world.record(world.told(acme), told, caller=caller)
    with pytest.raises(InvalidRequest, match="organization_id"):
        world.record(world.told(None))
    assert len(stored(world, acme)) == 2


def test_a_key_of_another_organization_is_not_there(world, acme):
    globex = world.organization("pro")
    theirs = world.services.api_keys.issue(name="x", scopes=[Scope.USAGE_WRITE], organization_id=globex).key.key_id
    with pytest.raises(NotFound, match="API key"):
        world.use(acme, key_id=theirs)
    assert world.use(globex, key_id=theirs).accepted == 1


def test_names_of_subjects_go_with_their_organization(world, acme):
    world.use(acme, subject="ann@example.com")
    world.services.database.execute(*world.services.subject_names.erase(acme))
    world.use(acme, subject="ann@example.com")
    assert world.services.subject_names.of([acme]) == {}
    assert len(stored(world, acme)) == 2


def test_the_next_partition_is_made_before_it_is_needed(world, acme):
    world.services.database.execute("select setval('usage_position', 19999990)")
    world.record(*(world.told(acme) for _ in range(30)))
    world.use(acme)
    found = world.services.database.fetch_all(
        "select tableoid::regclass::text as partition, count(*) from usage_records where account_id = %s group by 1",
        (acme,),
    )
    assert {row["partition"]: row["count"] for row in found} == {"usage_records_1": 9, "usage_records_2": 22}
    assert world.used(acme) == 31
