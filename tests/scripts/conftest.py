"""The command line in this process, against an engine of this test's own."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from scripts import cli
from scripts.processes import prepare


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def bare(monkeypatch, tmp_path) -> None:
    """An environment that says nothing of Usher, in a folder without a `.env`."""
    for name in [name for name in os.environ if name.startswith("USHER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def usher(bare, monkeypatch, capsys) -> Iterator[Callable[..., Said]]:
    """Runs a command line; the logs are afterwards as before."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["usher", *map(str, arguments)])
        code = cli.main()
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    yield run
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def engine(usher, settings, monkeypatch) -> Callable[..., Said]:
    """Commands that find a migrated engine through its addresses."""
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    prepare(settings)
    return usher


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
