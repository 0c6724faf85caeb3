"""One engine for the tests of usage; both pools where it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.usage_world import UsageWorld

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def world(settings) -> Iterator[UsageWorld]:
    world = UsageWorld(settings)
    yield world
    world.close()


@pytest.fixture(params=["redis", "postgres"])
def either(request, settings) -> Iterator[UsageWorld]:
    """With quotas in Redis, and with Redis away."""
    world = UsageWorld(settings if request.param == "redis" else settings.with_servers(redis_url=NO_REDIS))
    yield world
    world.close()
