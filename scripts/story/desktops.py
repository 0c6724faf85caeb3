"""Desktop clients: each asks for a seat with the licence key, keeps it with heartbeats, and gives it back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import httpx

from scripts.story.door import BASE, Json

AGAIN_AFTER = 0.1
"""Seconds after which a client asks again that was answered 503."""


class Answer(NamedTuple):
    """`code` is the error's code, empty when there is none."""

    status: int
    code: str
    body: Json
    milliseconds: float


class Desktop:
    """One machine. `seat` and `session` are what it was last told."""

    def __init__(self, name: str, client: httpx.AsyncClient, license_key: str) -> None:
        self.name = name
        self.seat: int | None = None
        self.session: str | None = None
        self.lease = ""
        self.put_off = 0  # how often it heard 503 and asked again
        self._client = client
        self._key = license_key
        self._fingerprint = f"fingerprint-of-{name}"

    async def sit_down(self) -> Answer:
        """Asks for a seat; asking again while seated is answered with the same seat."""
        body = {"license_key": self._key, "fingerprint": self._fingerprint, "hostname": self.name, "platform": "linux"}
        answer = await self._ask("POST", "/licenses/acquire", json=body)
        if answer.status in (200, 201):
            self.seat, self.session = answer.body["seat"], answer.body["session_id"]
            self.lease = answer.body["lease"]
        return answer

    async def beat(self) -> Answer:
        """A heartbeat: another lease for the same seat."""
        answer = await self._ask(
            "PATCH", f"/licenses/sessions/{self.session}/heartbeat", headers={"Authorization": f"Lease {self.lease}"}
        )
        self.lease = answer.body.get("lease", self.lease)
        return answer

    async def leave(self) -> Answer:
        answer = await self._ask(
            "DELETE", f"/licenses/sessions/{self.session}", headers={"Authorization": f"Lease {self.lease}"}
        )
        self.seat = self.session = None
        return answer

    async def _ask(self, method: str, path: str, **request: object) -> Answer:
        while True:
            began = time.perf_counter()
            answer = await self._client.request(method, BASE + path, **request)  # type: ignore[arg-type]
            took = (time.perf_counter() - began) * 1000
            if answer.status_code != 503:
                body = answer.json() if answer.content else {}
                return Answer(answer.status_code, body.get("error", {}).get("code", ""), body, took)
            self.put_off += 1
            await asyncio.sleep(AGAIN_AFTER)


async def sit_down(desktops: Iterable[Desktop]) -> list[Answer]:
    """All at once."""
    return list(await asyncio.gather(*(desktop.sit_down() for desktop in desktops)))


async def beat(desktops: Iterable[Desktop]) -> list[Answer]:
    return list(await asyncio.gather(*(desktop.beat() for desktop in desktops)))


async def leave(desktops: Iterable[Desktop]) -> list[Answer]:
    return list(await asyncio.gather(*(desktop.leave() for desktop in desktops)))


def statuses(answers: Iterable[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def median(answers: Sequence[Answer]) -> float:
    """Milliseconds."""
    return sorted(answer.milliseconds for answer in answers)[len(answers) // 2]


def seat_map(desktops: Iterable[Desktop], across: int = 5) -> list[str]:
    """Who sits where, five seats a line."""
    seated = sorted((each for each in desktops if each.seat), key=lambda each: each.seat or 0)
    cells = [f"[dim]{each.seat:>2}[/] [green]{each.name}[/]" for each in seated]
    return ["      ".join(cells[row : row + across]) for row in range(0, len(cells), across)]
