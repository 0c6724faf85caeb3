from datetime import timedelta
import pytest
from tests.usage_world import *


@pytest.fixture(params=["redis", "postgres"])
def world(request, settings):
    if request.param == "postgres":
        settings = settings.with_servers(redis_url="redis://127.0.0.1:1/0")
    w = UsageWorld(settings)
    yield w
    w.close()


def test_smoke(world):
    world.sell(pro=months(10))
    org = world.organization("pro")
    assert world.use(org, 3) == (1, 0, 1)
    v = world.check(org, 2)
    assert v.answer.is_allowed and v.lines[0][1].used == 3, v
    world.follow()
    assert world.used(org) == 3
    world.use(org, 2)
    assert world.used(org) == 5
    v = world.check(org, 4, reserve=timedelta(minutes=1))
    assert v.answer.is_allowed and v.lines[0][1].held == 4
    assert not world.check(org, 2).answer.is_allowed
    world.use(org, 3, reservation=v.reservation)
    assert world.used(org) == 8
    v = world.check(org, 2)
    assert v.answer.is_allowed and v.lines[0][1].held == 0
