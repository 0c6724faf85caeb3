from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import gettempdir

import pytest

from adapters.server_process import own_folder
from tests.seat_world import World
from tests.switching_world import SwitchingWorld, Valkey


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    home = own_folder(Path(gettempdir()) / f"usher-{token_hex(4)}")  # a short path: it holds a socket
    valkey = Valkey(home / "valkey", home, home / "log")
    valkey.start()
    yield valkey
    if valkey.process.pid:
        valkey.go_on()
    valkey.process.stop()
    rmtree(home)


@pytest.fixture
def switching_world(database_url: str, valkey: Valkey) -> Iterator[SwitchingWorld]:
    world = SwitchingWorld(database_url, valkey)
    yield world
    world.close()
