"""The stand-in over HTTP: Stripe's API, the pages that people see, deliveries, and the controls under `/_sim`."""

from __future__ import annotations

import asyncio
import json
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scripts.stripe_sim.account import Account
from scripts.stripe_sim.answering import Answer, AnsweringRequests, Request
from scripts.stripe_sim.control import Control
from scripts.stripe_sim.delivering import Delivering
from scripts.stripe_sim.errors import Conflict, Failed, RateLimited, Refused, Unavailable
from scripts.stripe_sim.faults import Faults
from scripts.stripe_sim.forms import tree_of
from scripts.stripe_sim.pages import Pages

Clock = Callable[[], datetime]
FOLLOW_EVERY = 0.05
"""Seconds between two looks at the clock that the account follows."""
_METHODS = ["GET", "POST", "DELETE"]


class StandIn:
    """An account as a server. With a `clock` its time is that clock's; without one somebody else moves it."""

    def __init__(self, account: Account, *, clock: Clock | None = None, faults: Faults | None = None) -> None:
        self._account = account
        self._clock = clock
        self._answering = AnsweringRequests(account.api)
        self.faults = faults or Faults()
        self.delivering = Delivering(account.api, self.faults)
        self._control = Control(
            account, self.faults, self.delivering, catch_up=self._catch_up, moves_clock=clock is None
        )
        self.app = Starlette(
            routes=[
                Route("/v1/{path:path}", self._api, methods=_METHODS),
                *self._control.routes,
                *Pages(account, self.faults).routes,
            ],
            lifespan=self._living,
        )

    @asynccontextmanager
    async def _living(self, app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.delivering.run())]
        if self._clock is not None:
            tasks.append(asyncio.create_task(self._follow()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _follow(self) -> None:
        while True:
            self._catch_up()
            await asyncio.sleep(FOLLOW_EVERY)

    def _catch_up(self) -> None:
        if self._clock is not None:
            self._account.advance_to(self._clock())

    async def _api(self, http: HttpRequest) -> Response:
        self._catch_up()
        request = await _read(http)
        about = {"method": request.method, "path": request.path}
        key = request.idempotency_key
        try:
            self._answering.begin(key)
        except Conflict as conflict:
            return _response(self._answering.answer(request, failing=conflict))
        try:
            answer = self._answering.answer(request, failing=self._failure(about))
            if slow := self.faults.strike("slow", **about):
                await asyncio.sleep(slow.seconds)
        finally:
            self._answering.end(key)
        return _Lost() if self.faults.strike("lost", **about) else _response(answer)

    def _failure(self, about: dict[str, str]) -> Refused | None:
        if self.faults.strike("conflict", **about):
            return Conflict("This request conflicts with another one.", code="idempotency_key_in_use")
        if self.faults.strike("rate_limit", **about):
            return RateLimited()
        if self.faults.strike("unavailable", **about):
            return Unavailable("Stripe is away for a moment (a fault of the stand-in).")
        if self.faults.strike("error", **about):
            return Failed("Something went wrong on Stripe's end (a fault of the stand-in).")
        return None


async def _read(http: HttpRequest) -> Request:
    body = (await http.body()).decode()
    query = http.url.query
    return Request(
        method=http.method,
        path=http.url.path,
        parameters={**tree_of(query), **tree_of(body)},
        credential=_credential(http.headers.get("authorization", "")),
        version=http.headers.get("stripe-version"),
        idempotency_key=http.headers.get("idempotency-key"),
    )


def _credential(header: str) -> str:
    """The key, as a bearer or as the user of basic authentication."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return b64decode(value).decode().partition(":")[0]
    return value if scheme.lower() == "bearer" else ""


def _response(answer: Answer) -> Response:
    body = json.dumps(answer.body, indent=2).encode()
    return Response(body, answer.status, answer.headers, media_type="application/json")


class _Lost(Response):
    """The connection ends without an answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"]["abort"]()
        await asyncio.sleep(0)  # until the server has noticed: to a connection that is gone it answers nothing


class _Protocol(HttpToolsProtocol):
    """Lets an answer end its connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"abort": self.transport.abort}


def run(account: Account, listening: socket.socket, *, clock: Clock | None = None, seed: int = 1) -> None:
    """Serve until SIGINT or SIGTERM; `account.api.url` is where the pages are."""
    _server(account, clock, Faults(seed)).run(sockets=[listening])


def _server(account: Account, clock: Clock | None, faults: Faults | None) -> uvicorn.Server:
    app = StandIn(account, clock=clock, faults=faults).app
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


@contextmanager
def serving(
    account: Account, *, port: int = 0, clock: Clock | None = None, faults: Faults | None = None
) -> Iterator[str]:
    """Serve an account of this process on loopback while the block runs; gives the base URL.

    `stripe.StripeClient("sk_test_…", base_addresses={"api": url})` talks to it. `faults` can be added to and cleared
    meanwhile.
    """
    with listening(port) as one:
        url = account.api.url = f"http://127.0.0.1:{one.getsockname()[1]}"
        server = _server(account, clock, faults)
        thread = Thread(target=server.run, kwargs={"sockets": [one]}, name="stripe-sim")
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        one.listen(128)
        yield one
