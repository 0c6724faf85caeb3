from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scale_out.valkey_cluster import ValkeyCluster, valkey_cluster


@pytest.fixture(scope="session")
def masters() -> Iterator[ValkeyCluster]:
    """Three masters without replicas: slots may be moved, nothing may be killed."""
    with valkey_cluster(3, 0) as cluster:
        yield cluster


@pytest.fixture
def cluster(masters: ValkeyCluster) -> ValkeyCluster:
    """The same, emptied for this test."""
    masters.empty()
    return masters
