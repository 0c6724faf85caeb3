"""The official command line, or a skip that says why it is not here."""

from __future__ import annotations

import pytest

from tests.stripe_cli.command_line import NotHere, StripeCli, installed


@pytest.fixture(scope="session")
def stripe_cli(tmp_path_factory: pytest.TempPathFactory) -> StripeCli:
    try:
        return installed(tmp_path_factory.mktemp("stripe-cli"))
    except NotHere as missing:
        pytest.skip(str(missing))
