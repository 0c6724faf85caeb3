"""Repeatable writes: the first answer to an Idempotency-Key is stored and given again for 24 hours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.access import Rule, Who, rule_of
from api.auth import admit
from domain.errors import InvalidRequest, UsherError

if TYPE_CHECKING:
    from adapters.bootstrap import Services

_LONGEST_KEY = 255
_KEPT_HEADERS = ("content-type", "location", "x-log-position")
_REFUSALS = (UsherError, HTTPException, RequestValidationError)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RepeatableRoute(APIRoute):
    """Give it as `route_class` to a router whose POST routes honour `Idempotency-Key`.

    Only successes are stored: a refused request did nothing, and may be asked again once its cause is gone.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await handle(request)
            caller = await _caller(request, rule_of(self))
            return await _once(request, caller, _checked(key), handle)

        return once


async def _once(request: Request, caller: str, key: str, handle: Handler) -> Response:
    services: Services = request.app.state.services
    answers, claim = services.stored_answers, uuid4()
    question = answers.question(
        caller=caller,
        route=f"{request.method} {request.url.path}",
        key=key,
        request=hashlib.sha256(await request.body()).hexdigest(),
    )
    first = await run_in_threadpool(answers.claim, question, claim, now=services.clock.now())
    if first is not None:
        return Response(first.body, first.status, {**first.headers, "Idempotent-Replayed": "true"})
    try:
        response = await handle(request)
    except _REFUSALS:
        await run_in_threadpool(answers.release, question, claim)
        raise
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    await run_in_threadpool(answers.keep, question, claim, response.status_code, headers, bytes(response.body))
    return response


async def _caller(request: Request, rule: Rule | None) -> str:
    """Who asks, and for which organization: whoever may not act any more is not given what was answered before."""
    if rule is None or rule.who in (Who.ANYBODY, Who.HOLDER):
        return "anonymous"
    caller = await admit(request, rule)
    return f"{caller.actor} {caller.organization_id or ''}".strip()


def _checked(key: str) -> str:
    if not 1 <= len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidRequest.field("Idempotency-Key", f"use 1 to {_LONGEST_KEY} printable ASCII characters")
    return key
