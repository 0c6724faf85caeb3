"""Old usage records go; what they count for, and that their ids were used, does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from domain.errors import InvalidRequest
from domain.usage_errors import UsageMismatch
from projections.building import BUILDING
from projections.follower import connect
from projections.rebuild import rebuild
from projections.usage import Usage
from projections.usage_rollup import UsageRollup
from tests.projections.test_usage import METERS, differences, found, silent, tables
from tests.usage_world import UsageWorld

YEARS = timedelta(days=3 * 365)
PERIOD = timedelta(days=400)


@pytest.fixture
def old(settings) -> Iterator[UsageWorld]:
    """Use of every kind three years ago, some of it late or cancelled; as much of a few days ago."""
    world = UsageWorld(settings)
    world.sell({"code": "calls", "name": "Calls", "aggregation": "sum"}, *METERS)
    world.acme, world.globex = world.organization(), world.organization()
    for when in ("old", "new"):
        for number in range(4):
            for name, account_id in (("acme", world.acme), ("globex", world.globex)):
                id = f"{when}-{name}-{number}"
                world.use(account_id, 5 + number, subject="ann", dimensions={"solution": f"s{number % 2}"}, id=id)
                world.use(account_id, None, "people", dimensions={"person": f"p{number % 3}"})
                world.use(account_id, 10 - number, "stored", subject=f"disk{number % 2}", id=f"stored{number}-{when}")
                world.use(account_id, number, "peak", id=f"peak{number}-{when}")
            world.clock.ahead += timedelta(minutes=7)
        late = world.clock.now() - timedelta(days=30)
        world.use(world.acme, 3, at=late, id=f"late-{when}")
        for id in (f"stored3-{when}", f"peak3-{when}", f"{when}-acme-0"):
            world.record(world.told(world.acme, None, None, voids=id))
        world.follow()
        world.clock.ahead += YEARS if when == "old" else timedelta(days=3)
    yield world
    world.close()


def rolled(world: UsageWorld, batch: int = 1_000, period: timedelta = PERIOD) -> int:
    rollup, total = UsageRollup(world.settings.database_url or "", batch=batch), 0
    while (taken := rollup.roll(world.clock.now(), period)) is not None:
        total += taken
    return total


def count(world: UsageWorld) -> int:
    return found(world, "select count(*) from usage_records")[0][0]


def totals(world: UsageWorld):
    """What was used in all, and at moments within old and new quarters, of every meter, as limits are counted."""
    now, sql = world.clock.now(), "select usage_total(array[%s::uuid], %s, %s, %s, %s, %s, %s)"
    kinds = {"calls": "sum", "people": "unique", "stored": "last", "peak": "max"}
    spans = [("-infinity", "infinity"), (now - timedelta(days=100), now), ("-infinity", now - timedelta(days=400))]
    with connect(world.settings.database_url) as connection:
        return [
            connection.execute(sql, (account_id, meter, kind, "total", "", *span)).fetchone()
            for account_id in (world.acme, world.globex)
            for meter, kind in kinds.items()
            for span in spans
        ]


@pytest.mark.parametrize("batch", [3, 1_000])
def test_what_old_records_count_for_stays_as_it_was_and_a_rebuild_gives_the_same(old, batch):
    before, counted, records = tables(old), totals(old), count(old)
    assert rolled(old, batch) == records // 2 and count(old) == records // 2
    assert rolled(old) == 0
    assert totals(old) == counted and tables(old) == before and differences(old) == []
    rebuild(old.settings.database_url, old.services.codec.to_domain_event, Usage(), silent)
    assert tables(old) == before and totals(old) == counted
    old.record(old.told(old.acme, None, None, voids="peak2-new"))  # not followed yet: buckets must not be passed by
    assert totals(old) != counted
    now = totals(old)
    old.follow()
    assert totals(old) == now and differences(old) == []


def test_a_moment_within_an_old_quarter_is_its_beginning_and_nothing_is_lost_or_counted_twice(old):
    [(first,)] = found(old, "select min(at) from usage_records where meter = 'calls'")
    rolled(old)
    sql = "select usage_total(array[%s::uuid], 'calls', 'sum', 'total', '', %s, %s)"
    with connect(old.settings.database_url) as connection:
        for minutes in range(0, 40, 3):
            within = first + timedelta(minutes=minutes)
            before, after, whole = (
                connection.execute(sql, (old.globex, *span)).fetchone()[0]
                for span in (("-infinity", within), (within, "infinity"), ("-infinity", "infinity"))
            )
            assert before + after == whole == 52


def test_an_id_means_one_record_for_ever(old):
    rolled(old)
    same = old.told(old.acme, "calls", 6, subject="ann", dimensions={"solution": "s1"}, id="old-acme-1")
    assert old.record(same) == (0, 1, old.record(same).position)
    with pytest.raises(UsageMismatch) as refused:
        old.use(old.acme, 99, id="old-acme-1")
    assert refused.value.details["known"] is None
    with pytest.raises(InvalidRequest):
        old.record(old.told(old.acme, None, None, voids="old-acme-1"))


def test_an_organization_under_legal_hold_keeps_its_records(old):
    old.services.deletions.hold(old.acme, "file 7")
    before, counted = tables(old), totals(old)
    assert rolled(old) == 16
    assert found(old, "select distinct account_id from usage_records where at < now() + interval '1 year'") == [
        (old.acme,)
    ]
    rebuild(old.settings.database_url, old.services.codec.to_domain_event, Usage(), silent)
    assert tables(old) == before and totals(old) == counted and differences(old) == []
    old.services.deletions.lift_hold(old.acme, "closed")
    assert rolled(old) == 0
    old.clock.ahead += timedelta(days=31)
    assert rolled(old) == 20 and tables(old) == before and differences(old) == []


def test_nothing_goes_that_the_read_model_has_not_counted_or_that_somebody_builds_from(old):
    with connect(old.settings.database_url) as connection:
        assert connection.execute(f"select pg_advisory_lock_shared({BUILDING})")
        assert rolled(old) == 0
    with connect(old.settings.database_url) as connection:
        connection.execute("update follower_positions set position = 1 where name = 'usage'")
    assert rolled(old) == 0
    assert count(old) == 72


def test_the_scheduler_rolls_up_by_the_rule_and_says_so(old):
    old.clock.ahead += timedelta(days=31)
    retention = old.services.retention
    [due] = [each for each in retention.report(count=True) if each.rule == "usage_records"]
    assert (due.due, due.tables) == (36, ("usage_records",))
    assert retention.run(seconds=30)["usage_records"] == 36
    [done] = [each for each in retention.report(count=True) if each.rule == "usage_records"]
    assert (done.due, done.deleted, done.is_behind) == (0, 36, False)
