"""The queue, as a desktop client sees it; docs/seat-policies.md states each outcome."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn

from adapters.bootstrap import Services
from api.app import create_app
from api.server import _Server
from domain.organization import Organization
from tests.api.shop import CATALOG
from tests.api.test_seats import BASE, acquire, code, machine, play, release

QUEUE = f"{BASE}/queue"
INVALID = (401, "ticket_invalid")


@pytest.fixture
def sell(services: Services) -> Callable[..., str]:
    """Call it for the key of a licence of one seat, each of another owner; two may wait for one of `starter`."""
    file = CATALOG.read_text().replace("seats: 3\n", "seats: 3\n      queue: {length: 2, collect: PT2M}\n", 1)
    services.catalog.apply(services.catalog.read(file.encode()))

    def sell(plan: str = "starter") -> str:
        owner = Organization.register(id=services.clock.new_id(), now=services.clock.now())
        services.store.add(owner)
        return services.licenses.issue(owner.id, plan, seats=1, expires_at=None).key.text

    return sell


@pytest.fixture
def key(sell: Callable[..., str]) -> str:
    return sell()


async def take(client: httpx.AsyncClient, key: str, number: int, **more: Any) -> httpx.Response:
    return await client.post(QUEUE, json={"license_key": key, "fingerprint": machine(number), **more})


async def ask(client: httpx.AsyncClient, place: dict[str, Any], **params: Any) -> httpx.Response:
    return await client.get(f"{QUEUE}/{place['ticket_id']}", params=params, headers=shown(place))


async def leave(client: httpx.AsyncClient, place: dict[str, Any]) -> httpx.Response:
    return await client.delete(f"{QUEUE}/{place['ticket_id']}", headers=shown(place))


def shown(place: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Ticket {place['ticket']}"}


def details(answer: httpx.Response) -> dict[str, Any]:
    return answer.json()["error"]["details"]


def test_a_machine_waits_is_told_that_its_seat_is_ready_and_collects_it(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        sat = (await acquire(client, key, 0)).json()
        refused = await acquire(client, key, 1)
        assert details(refused) == {"limit": 1, "used": 1, "queue": True}
        taken = await take(client, key, 1, hostname="ada-laptop")
        place = taken.json()
        assert taken.status_code == 201
        assert place == {
            "ticket_id": place["ticket_id"],
            "ticket": place["ticket"],
            "state": "waiting",
            "place": 1,
            "poll_within": 60,
            "collect_until": None,
        }
        waiting = asyncio.create_task(ask(client, place, wait=60))
        await release(client, sat)
        ready = (await waiting).json()
        assert ready.keys() == place.keys() - {"ticket"}
        assert (ready["state"], ready["place"], ready["poll_within"]) == ("ready", 1, 120)
        until = datetime.fromisoformat(ready["collect_until"])
        assert timedelta(seconds=100) < until - services.clock.now() <= timedelta(seconds=120)
        assert details(await acquire(client, key, 2)) == {"limit": 1, "used": 0, "axis": "queue", "queue": True}
        assert (await acquire(client, key, 1)).status_code == 201
        gone = await ask(client, place)
        assert code(gone) == (410, "ticket_closed") and details(gone) == {"reason": "collected"}

    play(services, story)


def test_asking_for_a_place_again_answers_the_one_there_is(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        await acquire(client, key, 0)
        first = await take(client, key, 1)
        assert first.headers["RateLimit-Limit"] == "10"
        again = await take(client, key, 1)
        assert (again.status_code, again.json()) == (200, first.json())
        assert code(await take(client, key, 0)) == (409, "conflict")

    play(services, story)


def test_who_waits_no_longer_makes_room_and_may_say_so_twice(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        await acquire(client, key, 0)
        first, second = (await take(client, key, 1)).json(), (await take(client, key, 2)).json()
        assert second["place"] == 2
        full = await take(client, key, 3)
        assert code(full) == (429, "queue_full") and details(full) == {"length": 2}
        assert int(full.headers["Retry-After"]) > 0
        assert [(await leave(client, first)).status_code for _ in range(2)] == [204, 204]
        assert details(await ask(client, first)) == {"reason": "left"}
        assert (await ask(client, second)).json()["place"] == 1
        assert (await take(client, key, 3)).status_code == 201

    play(services, story)


def test_a_place_that_nobody_asks_about_is_lost(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        await acquire(client, key, 0)
        place = (await take(client, key, 1)).json()
        await asyncio.to_thread(services.clock.advance, timedelta(seconds=61))
        assert details(await ask(client, place)) == {"reason": "lapsed"}
        again = (await take(client, key, 1)).json()
        assert again["ticket_id"] != place["ticket_id"]

    play(services, story)


@pytest.mark.parametrize("wait", ["-1", "-0.001", "60.1", "1e9", "9" * 400, "nan", "inf", "-inf", "soon", ""])
def test_a_wait_that_is_no_wait_is_refused_by_field(services, key, wait):
    async def story(client: httpx.AsyncClient) -> None:
        place = (await take(client, key, 1)).json()
        answer = await ask(client, place, wait=wait)
        assert code(answer) == (422, "invalid_request")
        assert [each["field"] for each in details(answer)["fields"]] == ["wait"]

    play(services, story)


def test_a_ticket_opens_nothing_but_itself(services, sell, key):
    foreign = sell()

    async def story(client: httpx.AsyncClient) -> None:
        own, neighbour = (await take(client, key, 1)).json(), (await take(client, key, 2)).json()
        tenant = (await take(client, foreign, 1)).json()
        forged = ("B" if own["ticket"][0] == "A" else "A") + own["ticket"][1:]
        for ticket in (neighbour["ticket"], tenant["ticket"], forged, own["ticket"] + "A", "x"):
            for act in (ask, leave):
                assert code(await act(client, {**own, "ticket": ticket})) == INVALID
        assert code(await ask(client, {**own, "ticket_id": str(uuid4())})) == INVALID
        for headers in ({}, {"Authorization": f"Lease {own['ticket']}"}, {"Authorization": "Ticket"}):
            answer = await client.get(f"{QUEUE}/{own['ticket_id']}", headers=headers)
            assert code(answer) == INVALID and answer.headers["WWW-Authenticate"] == "Ticket"
        assert (await ask(client, own)).json()["state"] == "ready"

    play(services, story)


def test_only_who_may_sit_may_wait(services, sell, key):
    plain = sell("pro")

    async def story(client: httpx.AsyncClient) -> None:
        assert code(await take(client, "CODI-00000-00000-00000-00000-00000", 1)) == (401, "license_key_invalid")
        assert code(await take(client, plain, 1)) == (409, "queue_not_offered")
        assert (await client.post(QUEUE, json={"license_key": key, "fingerprint": "short"})).status_code == 422
        place, license = (await take(client, key, 1)).json(), services.licenses.by_key(key)
        await asyncio.to_thread(services.licenses.suspend, license.id, reason="abuse")
        assert code(await take(client, key, 2)) == (403, "license_suspended")
        assert code(await ask(client, place)) == (403, "license_suspended")
        await asyncio.to_thread(services.licenses.revoke, license.id, reason="abuse")
        assert code(await take(client, key, 2)) == (403, "license_revoked")

    play(services, story)


def test_a_machine_that_asks_without_end_is_slowed_down(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        answers = [await take(client, key, 1) for _ in range(11)]
        assert code(answers[-1]) == (429, "rate_limited")
        polls = [await ask(client, answers[0].json()) for _ in range(31)]
        assert [each.status_code for each in polls] == [200] * 30 + [429]
        assert polls[0].headers["RateLimit-Limit"] == "30"

    play(services, story)


def test_a_client_that_hangs_up_is_waited_for_no_longer(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        await acquire(client, key, 0)
        place = (await take(client, key, 1)).json()
        hung_up, watchers = asyncio.Event(), services.seat_queue._rounds._watchers
        asking = asyncio.create_task(_get_raw(create_app(services), place, hung_up))
        async with asyncio.timeout(10):
            while not watchers:
                await asyncio.sleep(0.01)
            hung_up.set()
            await asking
        assert not watchers
        assert (await ask(client, place)).json()["place"] == 1

    play(services, story)


async def _get_raw(app: Any, place: dict[str, Any], hung_up: asyncio.Event) -> None:
    """A long poll whose client goes away."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{QUEUE}/{place['ticket_id']}",
        "query_string": b"wait=60",
        "headers": [(b"authorization", f"Ticket {place['ticket']}".encode())],
        "client": ("198.51.100.7", 5000),
        "server": ("usher.test", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (message := next(messages, None)) is not None:
            return message
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None: ...

    await app(scope, receive, send)


def test_a_process_that_is_asked_to_stop_answers_whoever_waits(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        await acquire(client, key, 0)
        place, watchers = (await take(client, key, 1)).json(), services.seat_queue._rounds._watchers
        config = uvicorn.Config(create_app(services), lifespan="off", log_config=None, ws="none")
        server = _Server(config, services)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url, timeout=60) as desktop, asyncio.timeout(60):
                waiting = asyncio.create_task(ask(desktop, place, wait=60))
                while not watchers:
                    await asyncio.sleep(0.01)
                server.should_exit = True
                answer = await waiting
            await serving
        assert (answer.status_code, answer.json()["state"]) == (200, "waiting")

    play(services, story)
