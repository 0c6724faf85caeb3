"""A log and the read models that follow it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.projections.followed import Followed


@pytest.fixture
def followed(database_url) -> Iterator[Followed]:
    """An empty log with every read model prepared."""
    followed = Followed(database_url)
    yield followed
    followed.close()
