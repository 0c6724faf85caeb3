"""Engines for the tests of usage. A module shares them: each test has organizations of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from adapters.settings import Settings
from tests.usage_world import NO_REDIS, UsageWorld, sandbox


@pytest.fixture(scope="module")
def usage_settings(tmp_path_factory, databases, redis_url) -> Iterator[Settings]:
    """A sandbox engine on a database of the module's own."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
    with databases.migrated(with_read_models=True) as url:
        yield sandbox(tmp_path_factory.mktemp("usage"), url, redis_url)


@pytest.fixture(scope="module")
def world(usage_settings) -> Iterator[UsageWorld]:
    """With quotas in Redis."""
    world = UsageWorld(usage_settings)
    yield world
    world.close()


@pytest.fixture(scope="module", params=["redis", "postgres"])
def either(request, tmp_path_factory, databases, redis_url) -> Iterator[UsageWorld]:
    """With quotas in Redis, and with Redis away."""
    with databases.migrated(with_read_models=True) as url:
        redis = redis_url if request.param == "redis" else NO_REDIS
        world = UsageWorld(sandbox(tmp_path_factory.mktemp("usage"), url, redis))
        yield world
        world.close()
