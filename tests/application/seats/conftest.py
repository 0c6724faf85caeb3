from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.seat_world import World


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()
