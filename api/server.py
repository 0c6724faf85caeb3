"""How an API process is started and stopped: the one place that knows which server runs the application."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from api.app import AT_ROOT, create_app, make_routes
from api.metrics import Metrics

if TYPE_CHECKING:
    from adapters.bootstrap import Services

_FINISH_WITHIN = 5
"""Seconds for requests under way to end when the process is asked to stop."""


def application(services: Services) -> FastAPI:
    """The whole application of an API process."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(_make_all, services)
        make_routes(app)
        gc.collect()
        gc.set_threshold(10_000, 20, 20)  # requests leave hardly a circle; to look at each 700 objects costs 4 %
        gc.freeze()  # all of it stays; looking through it for garbage every second stops all requests for 60 ms
        yield
        await services.aclose()
        await asyncio.to_thread(services.close)

    metrics = Metrics(services)
    return create_app(services, at_root=(*AT_ROOT, metrics.router), lifespan=lifespan, on_answer=metrics.on_answer)


def _make_all(services: Services) -> None:
    """Before the first request: nobody has to wait for it, and no two threads can make one thing twice."""
    for name in dir(type(services)):
        if isinstance(getattr(type(services), name), cached_property):
            getattr(services, name)


def serve(services: Services, listening: socket.socket) -> None:
    """Answers until SIGTERM or SIGINT, then finishes the requests under way and closes the services."""
    config = uvicorn.Config(
        application(services),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=services.settings.trusted_proxies,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_FINISH_WITHIN,
    )
    _Server(config, services).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Answers whoever waits for a seat before it stops: they would wait until they are cut off."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._services.seat_queue.stop()
        await super().shutdown(sockets)
