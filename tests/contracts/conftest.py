from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contracts.told import POOLS, Story


@pytest.fixture(params=POOLS)
def tell(request: pytest.FixtureRequest, empty_redis_url: str) -> Callable[[Story], None]:
    """Runs a story on an empty pool of each kind."""
    return lambda story: asyncio.run(POOLS[request.param](empty_redis_url, story))
