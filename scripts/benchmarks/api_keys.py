"""What a warm API key costs a request: the same route with it and without, in one process, one call after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from adapters.bootstrap import Services
from api.access import Rule, Who, of_member
from api.app import create_app
from api.auth import admit, identify
from api.hot import HotRoute, answer_json, operation
from domain.api_key import Scope
from domain.rate import RateClass
from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure

_CALLS = 200
"""In a row, before it is the other route's turn."""
_KEYED = of_member(Scope.USAGE_WRITE, rate=RateClass.INTAKE)


def keys(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """An API key of the vendor that the process knows: identified; then counted by its rate and checked, too."""
    services = installation.services
    issued = services.api_keys.issue(name="warm", scopes=[Scope.USAGE_WRITE], organization_id=None)
    yield from uvloop.run(_measure(services, issued.secret, effort))


async def _measure(services: Services, secret: str, effort: Effort) -> list[Figure]:
    app = create_app(services, at_root=(), first=_routes())
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    paths = "/open", "/identified", "/admitted"
    for path in paths:
        await _calls(app, path, headers, 10)
    before = services.unwalled.asked
    rounds = [[await _calls(app, path, headers, _CALLS) for path in paths] for _ in range(8 * effort.rounds)]
    asked = services.unwalled.asked - before
    await services.aclose()
    identified, admitted = (_more("api-key" if n == 1 else "api-key-and-rate", rounds, n) for n in (1, 2))
    details = {**identified.details, "postgres_calls": asked, "calls": 2 * len(rounds) * _CALLS}
    return [replace(identified, goal=0.2, details=details), admitted]


def _more(name: str, rounds: Sequence[Sequence[tuple[float, float]]], place: int) -> Figure:
    """What the route at a place costs more than the open one right before it."""
    waited, worked = ([of[place][n] - of[0][n] for of in rounds] for n in (0, 1))
    details = {"cpu_ms": round(median(worked), 3), "without_ms": round(median(of[0][0] for of in rounds), 3)}
    return Figure(name, median(waited), "ms more for a request", at_most=True, details=details)


def _routes() -> list[HotRoute]:
    async def answer(request: Request) -> Response:
        request.scope["quiet"] = True
        return answer_json({"allowed": True})

    async def answer_identified(request: Request) -> Response:
        await identify(request)
        return await answer(request)

    async def answer_admitted(request: Request) -> Response:
        await admit(request, _KEYED)
        return await answer(request)

    said = operation("Measured", {})
    return [
        HotRoute("POST", "/open", answer, rule=Rule(Who.ANYBODY), operation=said, models=[]),
        HotRoute("POST", "/identified", answer_identified, rule=_KEYED, operation=said, models=[]),
        HotRoute("POST", "/admitted", answer_admitted, rule=_KEYED, operation=said, models=[]),
    ]


async def _calls(app: ASGIApp, path: str, headers: list[Any], times: int) -> tuple[float, float]:
    """Milliseconds and milliseconds of processor time for each."""
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    scope["client"] = ("198.51.100.7", 5000)
    statuses: set[int] = set()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        statuses.add(message.get("status", 200))

    began, busy = time.perf_counter(), time.thread_time()
    for _ in range(times):
        await app({**scope}, receive, send)
    waited, worked = time.perf_counter() - began, time.thread_time() - busy
    if statuses != {200}:
        raise RuntimeError(f"measured something else: {sorted(statuses)}")
    return waited / times * 1000, worked / times * 1000
