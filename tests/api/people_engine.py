"""The engine over real servers, and a client that calls it in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from adapters.bootstrap import Services
from adapters.passwords import Passwords
from adapters.settings import Settings


class PeopleEngine(Services):
    """Services as the composition root makes them; only hashing is made cheap. Whatever is asked of them runs in one
    event loop, as in a server: their lines to Redis and PostgreSQL belong to it."""

    def __init__(self, settings: Settings, portal: BlockingPortal) -> None:
        super().__init__(settings)
        self.passwords = Passwords(memory_kib=64, passes=1)
        self._portal = portal

    def in_loop(self, work: Awaitable[Any]) -> Any:
        """What `work` answers; several threads may ask at once."""
        return self._portal.call(_awaited, work)


@contextmanager
def people_engine(settings: Settings) -> Iterator[PeopleEngine]:
    with start_blocking_portal() as portal:
        services = PeopleEngine(settings, portal)
        yield services
        services.in_loop(services.aclose())
    services.close()


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


class Client:
    """Calls the application in the loop of its services, which `run` names if not they do; `bearer` is sent with every
    request. Several threads may call at once."""

    def __init__(self, app: FastAPI, bearer: str | None = None, run: Callable[..., Any] | None = None) -> None:
        self._app = app
        self._bearer = bearer
        self._run = run or app.state.services.in_loop

    def as_(self, bearer: str | None) -> Client:
        return Client(self._app, bearer, self._run)

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **request: Any) -> httpx.Response:
        """One request; a path that does not begin with `//` is under the base path."""
        headers = dict(headers or {})
        if self._bearer is not None:
            headers.setdefault("Authorization", f"Bearer {self._bearer}")
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        answer: httpx.Response = self._run(self._send(method, url, headers=headers, **request))
        return answer

    async def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app, client=("198.51.100.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            return await client.request(method, url, **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.call("GET", path, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.call("POST", path, **request)

    def patch(self, path: str, **request: Any) -> httpx.Response:
        return self.call("PATCH", path, **request)

    def delete(self, path: str, **request: Any) -> httpx.Response:
        return self.call("DELETE", path, **request)


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Checks that an answer is this refusal in the one shape; answers its error."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) <= {"code", "message", "retry_after", "details", "docs", "request_id"}
    assert error["code"] == code, error
    assert error["message"].endswith((".", "code.")) or ":" in error["message"]
    assert error["docs"].endswith(f"/docs/errors#{code}")
    assert error["request_id"] == response.headers["X-Request-Id"]
    return error
