"""What is lost, killed, late or twice: no record is lost for a quota, and none counts twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from adapters.quota_keys import keys_of
from application.quota_admin import Meant
from domain.errors import Unavailable
from projections.quota_tellers import QuotaHeads, QuotaRights, QuotaWarnings
from projections.usage_log import UsageRange
from tests.usage_world import NO_REDIS, UsageWorld, months

SECOND = timedelta(seconds=1)


@pytest.fixture
def acme(world: UsageWorld) -> UUID:
    world.sell(pro=months(1000))
    return world.organization("pro")


@pytest.fixture
def valkey(redis_url: str) -> Any:
    with Redis.from_url(redis_url) as client:
        yield client


def dies_before_it_counts(world: UsageWorld, account_id: UUID, quantity: int) -> None:
    """A process stores a record and is killed before it tells the pool."""
    with world.another() as other:
        other.services.usage_log._stored = _nobody
        other.use(account_id, quantity)


async def _nobody(_: object) -> None: ...


def teller(world: UsageWorld, kind: type) -> Any:
    return next(each for each in world.services.quota_tellers() if type(each) is kind)


def tell_heads(world: UsageWorld) -> None:
    """As the follower of the usage log does it, from the beginning, as often as it likes."""
    last = world.services.database.fetch_one("select max(position) as last from usage_records")["last"]
    for _ in range(2):
        teller(world, QuotaHeads).tell([UsageRange(max(0, last - 1000), last)])


def test_a_flushed_redis_loses_no_count(world, acme, valkey):
    world.use(acme, 7)
    assert world.used(acme) == 7
    valkey.flushall()
    assert world.used(acme) == 7
    world.use(acme, 2)
    valkey.flushall()
    world.use(acme, 1)
    assert world.used(acme) == 10


def test_many_who_ask_after_a_flush_do_not_each_read_the_log(world, acme, valkey, monkeypatch):
    world.use(acme, 7)
    assert world.used(acme) == 7
    totals, reads = world.services.quota_totals, []
    read = totals.read
    monkeypatch.setattr(totals, "read", lambda *asked, **how: reads.append(asked) or read(*asked, **how))
    valkey.flushall()

    async def rush() -> list[Any]:
        return await asyncio.gather(*(world.services.quotas.standing(acme) for _ in range(20)))

    assert {answer.used for verdict in world.run(rush()) for _, answer in verdict.lines} == {7}
    assert 1 <= len(reads) <= 3  # under the epoch that is over, and under the new one


def test_a_part_of_redis_that_is_lost_is_read_again(world, acme, valkey):
    world.use(acme, 7)
    for lost in ("account", "used", "values"):
        assert world.used(acme) == 7
        valkey.delete(getattr(keys_of(acme), lost))
    world.use(acme, 1)
    assert world.used(acme) == 8


def test_a_record_that_nobody_lived_to_count_is_counted_within_seconds(world, acme):
    world.use(acme, 5)
    assert world.used(acme) == 5
    dies_before_it_counts(world, acme, 3)
    assert world.used(acme) == 5
    tell_heads(world)
    assert world.used(acme) == 5  # whoever stored it may be about to count it
    world.clock.ahead += 1.1 * SECOND
    assert world.used(acme) == 8


def test_the_next_record_finds_that_one_before_it_was_not_counted(world, acme):
    assert world.used(acme) == 0
    dies_before_it_counts(world, acme, 3)
    world.use(acme, 4)
    assert world.used(acme) == 7


def test_a_count_that_comes_late_or_twice_changes_nothing(world, acme):
    told: list[Any] = []

    async def late(placed: Any) -> None:
        told.append(placed)

    assert world.used(acme) == 0
    with world.another() as other:
        other.services.usage_log._stored = late
        other.use(acme, 3)
    world.use(acme, 4)
    assert world.used(acme) == 7
    for _ in range(2):
        world.run(world.services.quotas.count(told[0]))
        assert world.used(acme) == 7


def test_counts_that_overtake_each_other_are_all_counted(world, acme):
    """Two processes store one after the other; the second is heard first."""
    held: list[Any] = []

    async def hold(placed: Any) -> None:
        held.append(placed)

    assert world.used(acme) == 0
    with world.another() as other:
        other.services.usage_log._stored = hold
        other.use(acme, 1)
        other.use(acme, 2)

    async def tell() -> None:
        second = asyncio.create_task(world.services.quotas.count(held[1]))
        await asyncio.sleep(0.01)
        await world.services.quotas.count(held[0])
        await second

    world.run(tell())
    assert world.used(acme) == 3


def test_what_was_read_before_a_change_is_not_believed_after_it(world, acme):
    """The rights are read, then the plan changes and everybody is told, and only then the reader tells what it read."""
    pool, book = world.services.quotas._pool, world.services.rights_book
    old = world.run(pool.begin(acme)), book.read(acme)
    license_id = world.services.rights_log.licenses_of(acme)[0]
    world.services.licenses.suspend(license_id, reason="unpaid")
    stale = old[1]._replace(epoch=old[0])
    book._known[acme] = stale
    verdict = world.check(acme, 5000)
    assert verdict.lines == () and book.known(acme) != stale


def test_counters_of_a_server_that_took_over_are_read_again(world, acme, valkey):
    world.use(acme, 7)
    assert world.used(acme) == 7
    keys = keys_of(acme)
    valkey.hset(keys.account, "reign", "another life")
    valkey.hset(keys.used, next(iter(valkey.hkeys(keys.used))), 1)
    assert world.used(acme) == 7


def test_quotas_move_to_postgres_and_back_with_every_record(usage_settings):
    """Records and checks go on, through a process that finds Redis away, and one that finds it again."""
    world = UsageWorld(usage_settings)
    without = UsageWorld(usage_settings.with_servers(redis_url=NO_REDIS))
    try:
        world.sell(pro=months(10))
        acme = world.organization("pro")
        world.use(acme, 2)
        assert world.used(acme) == 2
        without.use(acme, 3)
        assert without.used(acme) == 5
        world.use(acme, 1)
        assert world.used(acme) == without.used(acme) == 6
        assert without.check(acme, 4, reserve=timedelta(minutes=1)).answer.is_allowed
        assert not without.check(acme, 5).answer.is_allowed and not world.check(acme, 5).answer.is_allowed
    finally:
        world.close()
        without.close()


def test_nothing_is_taken_in_while_postgres_is_away_and_a_repetition_is_safe(world, acme, monkeypatch):
    told = world.told(acme, quantity=5)

    async def lost(*_: Any, **__: Any) -> Any:
        raise OSError("connection lost, perhaps after the commit")

    world.record(told)
    with monkeypatch.context() as broken:
        broken.setattr(world.services.usage_log, "_store", lost)
        with pytest.raises(Unavailable):
            world.record(told)
    assert world.record(told)[:2] == (0, 1)
    assert world.used(acme) == 5


def test_a_grant_and_a_reset_are_not_undone_by_a_count_that_was_under_way(world, acme):
    """The old rights, and what was counted under them, reach the pool after the reset."""
    held: list[Any] = []

    async def hold(placed: Any) -> None:
        held.append(placed)

    world.use(acme, 900)
    assert world.used(acme) == 900
    with world.another() as other:
        other.services.usage_log._stored = hold
        other.use(acme, 50)
    world.services.quota_admin.reset(Meant(acme, "calls"), reason="our mistake")
    world.run(world.services.quotas.count(held[0]))
    assert world.used(acme) == 0
    world.use(acme, 3)
    world.services.quota_admin.grant(Meant(acme, "calls"), 500, reason="launch")
    ((line, answer),) = world.check(acme, 1).lines
    assert (answer.used, line.left(answer)) == (3, 1497)


def test_what_the_tellers_tell_twice_is_told_once(world, acme):
    version = world.services.rights_log.version_of(acme)
    rights = teller(world, QuotaRights)
    world.use(acme, 850)
    for _ in range(2):
        rights._put([("organization.registered", acme, version)])
        teller(world, QuotaWarnings).tell([UsageRange(0, 10**9)])
    assert world.used(acme) == 850
