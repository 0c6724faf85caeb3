from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contracts.told import POOLS, Story, Urls


@pytest.fixture(params=POOLS)
def tell(request: pytest.FixtureRequest, empty_redis_url: str, database_url: str) -> Callable[[Story], None]:
    """Runs a story on an empty pool of each kind."""
    urls = Urls(empty_redis_url, database_url)
    return lambda story: asyncio.run(POOLS[request.param](urls, story))
