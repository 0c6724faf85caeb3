"""Refusals become answers: the one table from domain error to HTTP status, and the one shape of an error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from eventsourcing.persistence import IntegrityError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from domain import buying_errors, errors
from domain.errors import UsherError
from domain.rate import Allowance
from domain.sign_in_errors import AccessDenied, AuthorizationPending, ExpiredToken, SlowDown
from domain.usage_errors import QuotaExceeded

STATUS: dict[type[UsherError], int] = {
    errors.SignatureInvalid: 400,
    errors.NotAuthenticated: 401,
    QuotaExceeded: 402,
    buying_errors.PaymentRequired: 402,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.SessionClosed: 410,
    errors.TicketClosed: 410,
    errors.TooLarge: 413,
    errors.InvalidRequest: 422,
    errors.SeatsExhausted: 429,
    errors.QueueFull: 429,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    **dict.fromkeys((AuthorizationPending, SlowDown, AccessDenied, ExpiredToken), 400),  # RFC 8628, section 3.5
    UsherError: 400,
}
"""A class without a line of its own has the status of its nearest base."""

SCHEMES: dict[type[UsherError], str] = {
    errors.LicenseKeyInvalid: "License",
    errors.LeaseInvalid: "Lease",
    errors.TicketInvalid: "Ticket",
    errors.NotAuthenticated: "Bearer",
}
_MOST_FIELDS = 20


class MethodNotAllowed(UsherError):
    code = "method_not_allowed"
    sentence = "This address does not take this method."


class InternalError(UsherError):
    code = "internal_error"
    sentence = "Something went wrong on our side; it has been noted. Try again later."


STATUS |= {MethodNotAllowed: 405, InternalError: 500}


class ErrorBody(BaseModel):
    """What every refusal carries."""

    code: str
    message: str
    retry_after: int | None = None
    details: dict[str, Any] | None = None
    docs: str
    request_id: str


class ErrorAnswer(BaseModel):
    error: ErrorBody


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "The signature does not hold",
        401: "No credential, or one that does not hold",
        402: "It has to be paid first, or is more than the plan allows",
        403: "A good credential without the right",
        404: "There is no such thing for this caller",
        405: "This address does not take this method",
        409: "The thing is not in a state that allows this",
        413: "The body is over 1 MiB",
        422: "The input is wrong; details.fields says where",
        429: "Too many requests, or nothing left",
        503: "A part of the service is away; nothing was done",
    }.items()
}


def status_of(error: UsherError) -> int:
    return next(STATUS[base] for base in type(error).__mro__ if base in STATUS)


def answer(error: UsherError, *, request_id: str, docs: str) -> Response:
    """The error in the one shape; `docs` is the address of the page that explains all codes."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    if error.details:
        body["details"] = error.details
    body |= {"docs": f"{docs}#{error.code}", "request_id": request_id}
    status, headers = status_of(error), {}
    if status in (429, 503):
        headers["Retry-After"] = str(error.retry_after or 1)
    if status == 401:
        headers["WWW-Authenticate"] = next(SCHEMES[base] for base in type(error).__mro__ if base in SCHEMES)
    if error.allowance is not None:
        headers |= rate_headers(error.allowance)
    content = json.dumps({"error": body}, default=_text, ensure_ascii=True).encode()
    return Response(content, status, headers, media_type="application/json")


def _text(value: object) -> str:
    """What JSON has no type for; times as everywhere in answers."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def rate_headers(allowance: Allowance) -> dict[str, str]:
    """What is left of a caller's rate, for every answer of a limited route."""
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(allowance.reset),
    }


def install(app: FastAPI) -> None:
    """Makes every refusal, whoever raised it, an answer of the one shape."""
    app.add_exception_handler(UsherError, lambda request, error: answered(request, error))
    app.add_exception_handler(RequestValidationError, lambda request, error: answered(request, _invalid(error)))
    app.add_exception_handler(HTTPException, lambda request, error: answered(request, _of_http(error), error))
    app.add_exception_handler(
        IntegrityError, lambda request, _: answered(request, errors.ConcurrentChange(retry_after=1))
    )


def all_errors() -> Iterator[tuple[str, int, str]]:
    """Code, status and sentence of every error there is, for the page that explains them."""
    for kind in sorted({*_below(UsherError)}, key=lambda kind: kind.code):
        status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
        yield kind.code, status, kind.sentence


def answered(request: Request, error: Any, original: Any = None) -> Response:
    """The answer to a request that was refused; `original` is the framework's own error, whose headers it keeps."""
    request.scope["refused"] = error.code
    given = answer(error, request_id=request.scope.get("request_id", ""), docs=request.app.state.docs)
    for name, value in (getattr(original, "headers", None) or {}).items():
        given.headers[name] = value
    return given


def _invalid(error: Any) -> errors.InvalidRequest:
    """Names the fields; never repeats what was sent, which may be a password."""
    problems: Sequence[dict[str, Any]] = error.errors()
    fields = [_problem(problem) for problem in problems[:_MOST_FIELDS]]
    return errors.InvalidRequest(details={"fields": fields})


def _problem(problem: dict[str, Any]) -> dict[str, str]:
    where = [str(part)[:100] for part in problem["loc"]]
    if problem["type"] == "json_invalid":
        return {"field": "body", "message": f"not valid JSON, at character {where[-1]}"}
    named = where[1:] if where[0] in ("body", "query", "path", "header") and len(where) > 1 else where
    return {"field": ".".join(named), "message": problem["msg"].removeprefix("Value error, ")}


def _of_http(error: Any) -> UsherError:
    """The framework's own refusals: no such address, wrong method, a body that cannot be read."""
    match error.status_code:
        case 401:
            return errors.NotAuthenticated()
        case 403:
            return errors.NotAllowed()
        case 404:
            return errors.NotFound("There is nothing at this address.")
        case 405:
            return MethodNotAllowed()
        case 413:
            return errors.TooLarge()
        case status if status < 500:
            return errors.InvalidRequest("The request could not be read.")
        case _:
            return InternalError()


def _below(kind: type[UsherError]) -> Iterator[type[UsherError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)
