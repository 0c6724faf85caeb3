"""Routes that are called all day by every client: plain Starlette, documented by hand.

A FastAPI route costs 60 µs before its function runs; a heartbeat does its whole work in less.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import Rule
from api.errors import RESPONSES

M = TypeVar("M", bound=BaseModel)

_GONE = "The seat session has ended; details.reason says why"

Endpoint = Callable[[Request], Awaitable[Response]]


class HotRoute(Route):
    """A raw route with its part of the OpenAPI document; refusals become answers like everywhere. `rule` says who may
    call it; the endpoint enforces it, for what opens these routes is no account."""

    def __init__(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        *,
        rule: Rule,
        operation: dict[str, Any],
        models: Sequence[type[BaseModel]],
    ) -> None:
        super().__init__(path, endpoint, methods=[method], name=endpoint.__name__)
        self.method = method
        self.rule = rule
        self.operation = operation
        self.models = models


class HotRoutes:
    """Answers hot requests, in a `frame` of their own, before the framework's router and its middleware, which cost
    45 µs; passes all others on."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[HotRoute], frame: Callable[[ASGIApp], ASGIApp]) -> None:
        self._app = app
        self._framed = frame(_answer_hot)
        self._fixed = {(route.method, route.path): route for route in routes if not route.param_convertors}
        self._open = [route for route in routes if route.param_convertors]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._find(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"], scope["route"] = route.endpoint, route
        await self._framed(scope, receive, send)

    def _find(self, scope: Scope) -> HotRoute | None:
        method, path = scope["method"], scope["path"]
        if route := self._fixed.get((method, path)):
            return route
        for route in self._open:
            if route.method == method and (found := route.path_regex.match(path)):
                scope["path_params"] = found.groupdict()
                return route
        return None


def answer_first(app: FastAPI, routes: Sequence[BaseRoute], frame: Callable[[ASGIApp], ASGIApp]) -> None:
    """Has the hot ones of these routes answered before anything of the application's. They must be in its router too:
    for what is not allowed at their addresses, and for the document."""
    make, hot = app.build_middleware_stack, [route for route in routes if isinstance(route, HotRoute)]
    app.build_middleware_stack = lambda: HotRoutes(make(), routes=hot, frame=frame)  # type: ignore[method-assign]


async def _answer_hot(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    try:
        answer = await scope["endpoint"](request)
    except Exception as refusal:
        answer = await _refused(request, refusal)
    await answer(scope, receive, send)


async def _refused(request: Request, refusal: Exception) -> Response:
    """As the application answers it everywhere; what is no refusal is raised again."""
    handlers = request.app.exception_handlers
    handler = next((handlers[kind] for kind in type(refusal).__mro__ if kind in handlers), None)
    if handler is None:
        raise refusal
    answer: Response | Awaitable[Response] = handler(request, refusal)
    return answer if isinstance(answer, Response) else await answer


async def read_body(request: Request, model: type[M]) -> M:
    """The body as `model`; refused like a FastAPI body when it does not fit."""
    return validated(model, await request.body())


def validated(model: type[M], told: bytes | dict[str, str]) -> M:
    """JSON, or the fields of a form, as `model`."""
    try:
        return model.model_validate(told) if isinstance(told, dict) else model.model_validate_json(told)
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_url=False)]
        raise RequestValidationError(problems) from None


class _Json(Response):
    """A JSON body; the framework asks each given header whether it is one of those that it sets itself."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()),
        ]


def answer_json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Times with `Z`, ids as text."""
    return _Json(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers)


def operation(
    summary: str,
    answers: dict[int, tuple[str, type[BaseModel] | None]],
    *,
    body: type[BaseModel] | None = None,
    security: str | None = None,
    refusals: Sequence[int] = (),
    path: Sequence[str] = (),
    tag: str = "seats",
) -> dict[str, Any]:
    """One operation of the OpenAPI document; `path` names UUID path parameters."""
    documented: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        "responses": {str(status): _answer(text, model) for status, (text, model) in answers.items()},
    }
    for status in (405, 413, *refusals):
        documented["responses"][str(status)] = {
            "description": _GONE if status == 410 else RESPONSES[status]["description"],
            "content": _content("ErrorAnswer"),
        }
    if body is not None:
        documented["requestBody"] = {"required": True, "content": _content(body.__name__)}
    if security is not None:
        documented["security"] = [{security: []}]
    if path:
        documented["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
            for name in path
        ]
    return documented


def document(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Adds the hot routes to the application's OpenAPI document."""
    make = app.openapi

    def with_hot_routes() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = make()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for route in routes:
            if isinstance(route, HotRoute):
                for model in route.models:
                    found = model.model_json_schema(ref_template="#/components/schemas/{model}")
                    schemas.update(found.pop("$defs", {}))
                    schemas[model.__name__] = found
                for method in (route.methods or set()) - {"HEAD"}:
                    schema["paths"].setdefault(route.path, {})[method.lower()] = route.operation
        for name, scheme in (("lease", "Lease"), ("license_key", "License")):
            schema["components"].setdefault("securitySchemes", {})[name] = {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": f"`{scheme} …`",
            }
        return schema

    app.openapi = with_hot_routes  # type: ignore[method-assign]


def _answer(text: str, model: type[BaseModel] | None) -> dict[str, Any]:
    return {"description": text} | ({"content": _content(model.__name__)} if model else {})


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
