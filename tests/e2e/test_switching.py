"""Two API processes, and a Valkey that is stopped, killed and cut off from one of them: no client is told of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx

from tests.faults.installation import Installation, installation
from tests.switching_world import until

BASE = "/api/v1/licenses"


class Machines:
    """Machines that sit, each renewing its lease by both APIs in turn."""

    def __init__(self, place: Installation, key: str, size: int) -> None:
        self._apis = [f"http://127.0.0.1:{link.port}" for name, link in place.links.items() if "clients>" in name]
        self._key = key
        self._size = size
        self._is_over = False
        self._http = httpx.AsyncClient(timeout=30)
        self.longest = 0.0
        self.answers = 0

    async def __aenter__(self) -> Machines:
        for api in self._apis:
            while not await self._is_ready(api):
                await asyncio.sleep(0.1)
        self._living = [asyncio.create_task(self._live(number)) for number in range(self._size)]
        await self.until_answered()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._living)
        await self._http.aclose()

    async def until_answered(self) -> None:
        """Each of them twice more, or so."""
        wanted = self.answers + 2 * self._size
        await until(lambda: self.answers >= wanted or any(each.done() for each in self._living))
        assert not [each.exception() for each in self._living if each.done()]

    async def until_kept_in(self, pool: str) -> None:
        """As both APIs tell; and both are ready."""
        for api in self._apis:
            while f'usher_seat_pool{{pool="{pool}"}} 1.0' not in (await self._http.get(f"{api}/metrics")).text:
                await asyncio.sleep(0.1)
            ready = await self._http.get(f"{api}/health/ready")
            assert ready.is_success, ready.text

    async def acquire(self, number: int) -> Any:
        body = {"license_key": self._key, "fingerprint": f"the machine with number {number}"}
        return (await self._call("POST", number, f"{BASE}/acquire", json=body)).json()

    async def _live(self, number: int) -> None:
        said, turn = await self.acquire(number), number
        lease, beats = said["lease"], f"{BASE}/sessions/{said['session_id']}/heartbeat"
        while not self._is_over:
            turn += 1
            answer = await self._call("PATCH", turn, beats, headers={"Authorization": f"Lease {lease}"})
            lease = answer.json()["lease"]
            await asyncio.sleep(1)  # a machine may do so 20 times a minute

    async def _call(self, method: str, turn: int, path: str, **more: Any) -> httpx.Response:
        began = time.monotonic()
        answer = await self._http.request(method, f"{self._apis[turn % len(self._apis)]}{path}", **more)
        assert answer.is_success, answer.text
        self.longest = max(self.longest, time.monotonic() - began)
        self.answers += 1
        return answer

    async def _is_ready(self, api: str) -> bool:
        try:
            return (await self._http.get(f"{api}/health/ready")).is_success
        except httpx.TransportError:
            return False  # it does not listen yet


def harmed(place: Installation, harm: str) -> None:
    """Valkey goes away: is stopped, killed, or cut off from one of the APIs."""
    if harm == "stopped":
        place.pause("valkey")
    elif harm == "killed":
        place.kill("valkey")
    else:
        place.links["api-1>valkey"].refuse()


async def repaired(place: Installation, harm: str) -> None:
    if harm == "stopped":
        place.go_on("valkey")
    elif harm == "killed":
        await place.restart_server("valkey")
    else:
        await place.links["api-1>valkey"].open()


def test_no_client_is_told_that_valkey_went_away_and_came_back(capsys):
    longest: dict[str, float] = {}

    async def story() -> None:
        async with installation() as place:
            licence = next(each for each in await asyncio.to_thread(place.sell) if each.name == "ten")
            with place.services() as services:
                services.database.execute("update seat_pool_mode set steady = '0.5 s', since = clock_timestamp()")
            async with Machines(place, licence.key, 8) as machines:
                for number, harm in enumerate(("stopped", "killed", "cut off")):
                    machines.longest = 0.0
                    harmed(place, harm)
                    await machines.until_kept_in("postgres")
                    await machines.until_answered()
                    longest[harm] = machines.longest
                    if number < 2:
                        await machines.acquire(8 + number)
                    await repaired(place, harm)
                    await machines.until_kept_in("redis")
                    await machines.until_answered()
            told = Counter(row["topic"] for row in place.seat_events([licence]))
            assert told["seat.session_opened"] - told["seat.session_closed"] >= 8
            closed = [row["state"] for row in place.seat_events([licence]) if row["topic"] == "seat.session_closed"]
            assert {each["seat"] for each in closed} <= {9, 10}  # of those who sat down and were not heard of again
            assert (await place.verify())["ok"]

    asyncio.run(story())
    with capsys.disabled():
        print("\n  longest answers:", ", ".join(f"{harm} {each:.2f} s" for harm, each in longest.items()))
