"""The contract of a seat pool (tests/contracts), kept by a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.redis_cluster import ClusterLine
from adapters.redis_seats import RedisSeats
from tests.contracts.test_pool_ending import *  # noqa: F403
from tests.contracts.test_pool_limits import *  # noqa: F403
from tests.contracts.test_pool_log import *  # noqa: F403
from tests.contracts.test_pool_sitting import *  # noqa: F403
from tests.contracts.told import Story, Told
from tests.scale_out.valkey_cluster import ValkeyCluster


@pytest.fixture
def tell(cluster: ValkeyCluster) -> Callable[[Story], None]:
    """Runs a story on an empty pool in the cluster."""

    async def run(story: Story) -> None:
        clock, line = [timedelta(0)], ClusterLine(cluster.url)
        try:
            await story(Told(RedisSeats(line, lambda: clock[0]), clock))
        finally:
            await line.close()

    return lambda story: asyncio.run(run(story))
