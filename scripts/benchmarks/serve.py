"""A server under measurement, in a process of its own: `python -m scripts.benchmarks.serve APP PORT [uvicorn|granian]`.

APP is `engine` (as in production, settings from the environment), `unwalled` (the same without the wall between
tenants, to measure what that costs) or `yardstick`; all by the same server, one worker.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from adapters import logs
from adapters.bootstrap import build
from adapters.settings import Settings
from adapters.walled import Walled
from api.server import application
from scripts.benchmarks.sampling import sample_into
from scripts.benchmarks.yardstick import create_yardstick
from scripts.processes import run

PROFILE = "USHER_BENCH_PROFILE"
"""Names a folder: then the engine says there where its processor time goes (scripts/benchmarks/sampling.py)."""


def engine() -> FastAPI:
    """For a server that makes its application itself; otherwise as `scripts/processes.py` begins an API."""
    _begin_profile()
    settings = Settings.from_environment(dotenv=None)
    logs.configure(level=settings.log_level, format=settings.log_format, process="api")
    services = build(settings)
    services.signing.ensure(services.clock.now())
    return application(services)


def _begin_profile() -> None:
    if folder := os.environ.get(PROFILE):
        sample_into(Path(folder) / f"{os.getpid()}.txt")


def _serve(name: str, port: int) -> None:
    """The engine by the production entry; the yardstick by the same server with the same options."""
    listening = socket.create_server(("127.0.0.1", port), backlog=2048)
    if name == "unwalled":
        Walled.confine = staticmethod(lambda organization_id: None)  # type: ignore[method-assign]
    if name in ("engine", "unwalled"):
        _begin_profile()
        run("api", Settings.from_environment(dotenv=None), listening)
        return
    config = uvicorn.Config(
        create_yardstick(),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _serve_by_granian(name: str, port: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops

    Granian(
        f"{__spec__.name}:engine" if name == "engine" else "scripts.benchmarks.yardstick:create_yardstick",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        factory=True,
        websockets=False,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    name, port, http = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    (_serve_by_granian if http == "granian" else _serve)(name, port)
