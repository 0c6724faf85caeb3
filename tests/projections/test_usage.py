"""The read model of usage: whatever the steps in which it followed, it is what the usage log says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from projections.comparison import compare
from projections.follower import connect
from projections.positions import position_of, status
from projections.rebuild import rebuild, rebuild_outdated
from projections.usage import Usage
from projections.usage_log import USAGE
from tests.projections.followed import run
from tests.usage_world import UsageWorld

METERS = [
    {"code": "people", "name": "People", "aggregation": "unique", "counts": "person"},
    {"code": "stored", "name": "Stored", "aggregation": "last"},
    {"code": "peak", "name": "Peak", "aggregation": "max"},
]


def silent(position: int, until: int) -> None: ...


@pytest.fixture
def lived(settings) -> Iterator[UsageWorld]:
    """Some use of every kind, some of it late or cancelled, that was followed step by step."""
    world = UsageWorld(settings)
    world.sell({"code": "calls", "name": "Calls", "aggregation": "sum"}, *METERS)
    acme, globex = world.organization(), world.organization()
    early = world.now() - timedelta(days=3)
    for number in range(4):
        for account_id in (acme, globex):
            world.use(account_id, 5 + number, subject="ann", dimensions={"solution": f"s{number % 2}"})
            world.use(account_id, None, "people", dimensions={"person": f"p{number % 3}"})
            world.use(account_id, 10 - number, "stored", subject=f"disk{number % 2}", id=f"stored{number}")
            world.use(account_id, number, "peak", at=early + timedelta(hours=number), id=f"peak{number}")
        world.follow()
    for id in ("stored2", "stored3", "peak3"):
        world.record(world.told(acme, None, None, voids=id))
        world.follow()
    yield world
    world.close()


def found(world: UsageWorld, sql: str):
    with connect(world.settings.database_url) as connection:
        return connection.execute(sql).fetchall()


def tables(world: UsageWorld):
    return [found(world, f"select t::text from {table} t order by 1") for table in Usage.tables]


def differences(world: UsageWorld):
    return compare(world.settings.database_url, world.services.codec.to_domain_event, [Usage()], silent)


def test_tables_that_followed_step_by_step_are_those_of_one_rebuild(lived):
    before = tables(lived)
    assert differences(lived) == [] and all(before)
    rebuild(lived.settings.database_url, lived.services.codec.to_domain_event, Usage(), silent)
    assert tables(lived) == before


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("usage_buckets", "update usage_buckets set total = total + 1 where width = 'd' and peak = 8"),
        ("usage_buckets", "update usage_buckets set latest = 0 where latest = 9"),
        ("usage_values", "delete from usage_values where start = (select max(start) from usage_values)"),
        ("usage_series", "insert into usage_series values (gen_random_uuid(), gen_random_uuid(), 'x', 'total', '')"),
    ],
)
def test_what_the_log_does_not_say_is_found_and_a_rebuild_mends_it(lived, table, damage):
    with connect(lived.settings.database_url) as connection:
        run(connection, damage)
    assert {difference.table for difference in differences(lived)} == {table}
    rebuild(lived.settings.database_url, lived.services.codec.to_domain_event, Usage(), silent)
    assert differences(lived) == []


def test_a_batch_that_fails_leaves_nothing_of_itself_and_is_taken_again(lived, monkeypatch):
    class Broken(Usage):
        def apply(self, connection, batch):
            super().apply(connection, batch)
            raise ArithmeticError("in the middle")

    before = tables(lived)
    lived.use(lived.organization(), 7)
    monkeypatch.setattr("tests.usage_world.read_models", lambda: [Broken()])
    with pytest.raises(AssertionError):
        lived.follow()
    assert "in the middle" in found(lived, "select error from follower_positions where name = 'usage'")[0][0]
    assert tables(lived) == before
    monkeypatch.undo()
    with connect(lived.settings.database_url) as connection:
        run(connection, "update follower_positions set error = null, failed_at = null")
    lived.follow()
    assert tables(lived) != before and differences(lived) == []


def test_its_position_is_one_of_the_usage_log(lived):
    (last,) = lived.services.database.fetch_all("select max(position) as position from usage_records")
    with connect(lived.settings.database_url) as connection:
        assert position_of(connection, "usage", USAGE) == last["position"]
        (shown,) = status(connection, [Usage()])
    assert (shown["position"], shown["log_position"], shown["lag"]) == (last["position"], last["position"], 0)


def test_after_a_migration_it_is_built_anew(lived):
    before = tables(lived)
    with connect(lived.settings.database_url) as connection:
        run(connection, "drop table usage_buckets")
    decode = lived.services.codec.to_domain_event
    assert rebuild_outdated(lived.settings.database_url, decode, [Usage()], silent) == ["usage"]
    assert tables(lived) == before
