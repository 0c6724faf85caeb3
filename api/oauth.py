"""Routes that OAuth libraries call as well: they send forms, and read errors of the shape of RFC 6749, section 5.2."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from api.errors import rate_headers, status_of
from domain.errors import InvalidRequest, UsherError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


class OAuthRoute(APIRoute):
    """Give it as `route_class`. A JSON body is taken and refused as everywhere; a form is taken as the same body,
    without the fields that the route does not know (RFC 6749, section 3.2), and refused with `error` and
    `error_description`."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def either(request: Request) -> Response:
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
                return await handle(request)
            try:
                return await handle(_as_json(request, await request.body(), self._known()))
            except RequestValidationError as error:
                return _refusal(_invalid(error), "Some parameters are missing or not valid.", 400)
            except UsherError as error:
                return _of(error)

        return either

    def _known(self) -> frozenset[str]:
        assert self.body_field is not None
        return frozenset(self.body_field.field_info.annotation.model_fields)  # type: ignore[union-attr]


def _as_json(request: Request, body: bytes, known: frozenset[str]) -> Request:
    """The request with the form's fields as its JSON body. A field that comes twice is refused (section 3.2)."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("The form cannot be read.") from None
    given = [(name, value) for name, value in pairs if name in known]
    if len(given) != len(dict(given)):
        raise InvalidRequest("A parameter was sent twice.")
    content = json.dumps(dict(given)).encode()
    headers = [pair for pair in request.scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
    scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(scope, receive)


def _invalid(error: RequestValidationError) -> str:
    wrong = {str(problem["loc"][-1]) for problem in error.errors() if problem["type"] != "missing"}
    return "unsupported_grant_type" if "grant_type" in wrong else "invalid_request"


def _of(error: UsherError) -> Response:
    """What OAuth has no word for keeps our code and status."""
    status = status_of(error)
    refusal = _refusal(error.code, error.message, 400 if status == 422 else status)
    if error.retry_after is not None:
        refusal.headers["Retry-After"] = str(error.retry_after)
    if error.allowance is not None:
        refusal.headers.update(rate_headers(error.allowance))
    return refusal


def _refusal(code: str, description: str, status: int) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status)
