"""The engine's HTTP door: what the people of the story ask, and what they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from scripts.story.engine import Engine, StoryBroken

T = TypeVar("T")
Json = dict[str, Any]
BASE = "/api/v1"
PATIENCE = 15.0
"""Seconds in which what happens behind an answer (a mail, a read model) has to be seen."""


class Door:
    """`token` is whose credential is shown; the vendor's admin key when it is left out."""

    def __init__(self, engine: Engine) -> None:
        self._admin = engine.admin_key
        self.client = httpx.AsyncClient(base_url=engine.url, timeout=20, limits=httpx.Limits(max_connections=60))

    async def ask(self, method: str, path: str, *, token: str | None = None, expect: int = 200, **request: Any) -> Any:
        """The answer's JSON. Raises `StoryBroken` for any other status than the expected one."""
        headers = {"Authorization": f"Bearer {token or self._admin}", **request.pop("headers", {})}
        answer = await self.client.request(method, BASE + path, headers=headers, **request)
        if answer.status_code != expect:
            raise StoryBroken(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    async def get(self, path: str, *, token: str | None = None, **query: Any) -> Any:
        return await self.ask("GET", path, token=token, params=query)

    async def everything(self, path: str, **query: Any) -> list[Json]:
        """All pages of a list."""
        page = await self.get(path, limit=100, **query)
        found = page["data"]
        while page["next"]:
            page = await self.get(path, limit=100, after=page["next"], **query)
            found += page["data"]
        return found

    async def now(self) -> datetime:
        """The engine's time."""
        return datetime.fromisoformat((await self.get("/sandbox/clock"))["now"])

    async def move_clock(self, to: datetime) -> datetime:
        moved = await self.ask("POST", "/sandbox/clock", json={"to": to.isoformat().replace("+00:00", "Z")})
        return datetime.fromisoformat(moved["now"])

    async def mail(self, to: str, subject: str) -> Json:
        """The newest mail to this address whose subject begins so; waits until it was sent."""

        async def look() -> Json | None:
            found = (await self.get("/sandbox/mails", to=to))["data"]
            return next((mail for mail in found if mail["subject"].startswith(subject)), None)

        return await self.until(look, f"a mail “{subject}…” is sent to {to}")

    async def until(self, look: Callable[[], Awaitable[T | None]], claim: str) -> T:
        """What `look` finds, as soon as it finds something true."""
        deadline = time.monotonic() + PATIENCE
        while not (found := await look()):
            if time.monotonic() > deadline:
                raise StoryBroken(f"this should be so within {PATIENCE:.0f} seconds and is not: {claim}")
            await asyncio.sleep(0.05)
        return found

    async def follow(self, link: str) -> httpx.Response:
        """Opens a link of a mail as a browser does."""
        url = urlsplit(link)
        return await self.client.get(f"{url.path}?{url.query}", headers={"Accept": "text/html"})
