"""What surrounds every request: its id, the size limit, the attribution, the security headers, the access log.

Plain ASGI, since it is paid for by every heartbeat.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from itertools import count

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import InternalError, answer
from application.attribution import acting
from domain.errors import TooLarge, UsherError

log = structlog.get_logger()

LARGEST_BODY = 1024 * 1024
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ALWAYS = (
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_UNLESS_GIVEN = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_process, _number = secrets.token_hex(8), count(1)

OnAnswer = Callable[[Scope, int, float], None]
"""Told of every answer: scope (`route`, `request_id`), status, seconds."""


def access_log(scope: Scope, status: int, seconds: float) -> None:
    """One line a request, without the query: it can carry a link's token. `quiet` routes are logged when they fail."""
    if scope.get("quiet") and status < 500:
        return
    log.info(
        "http.answered",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
        request_id=scope["request_id"],
        actor=scope["attribution"].actor,
    )


class Frame:
    """Leaves in the scope: `request_id`, and `attribution`, whose `actor` is set once the credential is read."""

    def __init__(self, app: ASGIApp, *, docs: str, on_answer: OnAnswer = access_log) -> None:
        self._app = app
        self._docs = docs
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, length = _read(scope["headers"])
        scope["request_id"] = request_id
        with acting("anonymous", f"request:{request_id}") as attribution:
            scope["attribution"] = attribution
            await self._run(scope, receive, _Answering(send, request_id, scope), length)

    async def _run(self, scope: Scope, receive: Receive, answering: _Answering, length: bytes | None) -> None:
        began = time.perf_counter()
        try:
            if length is not None and _too_large(length):
                await self._refuse(TooLarge(), scope, receive, answering)
            elif length is None and scope["method"] in _WITH_BODY:
                await self._app(scope, _counted(receive), answering)
            else:
                await self._app(scope, receive, answering)
        except Exception as error:
            log.exception("http.failed", path=scope["path"], request_id=scope["request_id"], error=type(error).__name__)
            if answering.status:
                raise
            await self._refuse(InternalError(), scope, receive, answering)
        finally:
            self._on_answer(scope, answering.status, time.perf_counter() - began)

    async def _refuse(self, error: UsherError, scope: Scope, receive: Receive, answering: _Answering) -> None:
        refusal = answer(error, request_id=scope["request_id"], docs=self._docs)
        refusal.headers["Connection"] = "close"  # the rest of the body is not read
        await refusal(scope, receive, answering)


class _Answering:
    """Sends the answer on, with the headers that every answer carries."""

    __slots__ = ("_request_id", "_scope", "_send", "status")

    def __init__(self, send: Send, request_id: str, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self._request_id = request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = dict(message["headers"])
            message["headers"] = [
                *message["headers"],
                *_ALWAYS,
                *[header for header in _UNLESS_GIVEN if header[0] not in given],
                *_rate_headers(self._scope, given),
                (b"x-request-id", self._request_id.encode()),
            ]
        await self._send(message)


def _rate_headers(scope: Scope, given: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """What is left of the caller's rate, unless the answer tells of one that it was refused or paced by."""
    if "rate" not in scope or b"ratelimit-limit" in given:
        return []
    return [(name.lower().encode(), value.encode()) for name, value in scope["rate"].items()]


def _read(headers: list[tuple[bytes, bytes]]) -> tuple[str, bytes | None]:
    """The request's id (the client's, or a new one) and its content length."""
    request_id, length = "", None
    for name, value in headers:
        if name == b"x-request-id":
            request_id = _acceptable(value)
        elif name == b"content-length":
            length = value
    return request_id or f"{_process}{next(_number):08x}", length


def _acceptable(value: bytes) -> str:
    """A client's own id, when it is short and printable: it is repeated in logs, headers and the event log."""
    text = value.decode("latin-1")
    return text if len(text) <= 128 and text.isascii() and text.isprintable() and " " not in text else ""


def _too_large(length: bytes) -> bool:
    return len(length) > 7 or not length.isdigit() or int(length) > LARGEST_BODY


def _counted(receive: Receive) -> Receive:
    """Stops a body of unknown length at the limit."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message: Message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            raise HTTPException(413)
        return message

    return limited
