"""Seats, as a desktop client sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.bootstrap import Services
from api.app import create_app
from domain.organization import Organization

BASE = "/api/v1/licenses"
Story = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def key(services: Services) -> str:
    """The key of a licence of three seats."""
    services.catalog.apply(services.catalog.read(Path("docs/catalogs/coditect.yaml").read_bytes()))
    owner = Organization.register(id=UUID(int=1), now=services.clock.now())
    services.store.add(owner)
    return services.licenses.issue(owner.id, "starter", seats=None, expires_at=None).key.text


def play(services: Services, story: Story) -> None:
    """Runs a story against the application, in one event loop as in production."""

    async def run() -> None:
        transport = httpx.ASGITransport(app=create_app(services), client=("198.51.100.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            await story(client)
        await services.aclose()

    services.in_loop(run())


def machine(number: int) -> str:
    return f"machine-{number:06}"


async def acquire(client: httpx.AsyncClient, key: str, number: int, **more: Any) -> httpx.Response:
    return await client.post(f"{BASE}/acquire", json={"license_key": key, "fingerprint": machine(number), **more})


async def heartbeat(client: httpx.AsyncClient, seat: dict[str, Any]) -> httpx.Response:
    return await client.patch(
        f"{BASE}/sessions/{seat['session_id']}/heartbeat", headers={"Authorization": f"Lease {seat['lease']}"}
    )


async def release(client: httpx.AsyncClient, seat: dict[str, Any]) -> httpx.Response:
    return await client.delete(
        f"{BASE}/sessions/{seat['session_id']}", headers={"Authorization": f"Lease {seat['lease']}"}
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_machine_sits_keeps_its_seat_and_leaves(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        answer = await acquire(client, key, 1, hostname="ada-laptop", platform="linux", app_version="2.1")
        seat = answer.json()
        assert answer.status_code == 201
        assert (seat["seat"], seat["seats"], seat["heartbeat_interval"]) == (1, {"limit": 3, "used": 1}, 300)
        assert seat["expires_at"].endswith("Z")
        assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("10", "9")
        renewed = await heartbeat(client, seat)
        assert renewed.status_code == 200 and renewed.json().keys() == {"lease", "expires_at", "heartbeat_interval"}
        assert (await release(client, {**seat, **renewed.json()})).status_code == 204
        assert (await release(client, seat)).status_code == 204
        assert code(await heartbeat(client, seat)) == (410, "session_closed")
        assert (await heartbeat(client, seat)).json()["error"]["details"] == {"reason": "released"}

    play(services, story)


def test_the_same_machine_again_gets_its_own_seat(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        first = await acquire(client, key, 1)
        again = await acquire(client, key, 1)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["session_id"] == first.json()["session_id"]

    play(services, story)


def test_the_fourth_machine_on_three_seats_is_told_how_many_there_are(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(acquire(client, key, number) for number in range(20)))
        refused = [answer for answer in answers if answer.status_code != 201]
        assert len(refused) == 17
        for answer in refused:
            assert code(answer) == (429, "seats_exhausted")
            assert answer.json()["error"]["details"] == {"limit": 3, "used": 3}
            assert int(answer.headers["Retry-After"]) > 0

    play(services, story)


def test_a_suspended_licence_seats_nobody_and_ends_heartbeats_at_once(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        seat = (await acquire(client, key, 1)).json()
        license = services.licenses.by_key(key)
        await asyncio.to_thread(services.licenses.suspend, license.id, reason="abuse")
        assert code(await acquire(client, key, 2)) == (403, "license_suspended")
        answer = await heartbeat(client, seat)
        assert code(answer) == (410, "session_closed")
        assert answer.json()["error"]["details"] == {"reason": "suspended"}
        await asyncio.to_thread(services.licenses.reinstate, license.id, reason="cleared")
        assert (await acquire(client, key, 2)).status_code == 201

    play(services, story)


def test_the_eleventh_call_of_a_machine_in_a_minute_is_too_many(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        for _ in range(10):
            assert (await acquire(client, key, 1)).status_code in (200, 201)
        answer = await acquire(client, key, 1)
        assert code(answer) == (429, "rate_limited")
        assert answer.headers["RateLimit-Remaining"] == "0"

    play(services, story)


@pytest.mark.parametrize("wrong", ["CODI-00000-00000-00000-00000-00000", "nonsense", "CODI"])
def test_an_unknown_key_is_not_told_from_a_misspelt_one(services, key, wrong):
    async def story(client: httpx.AsyncClient) -> None:
        assert code(await acquire(client, wrong, 1)) == (401, "license_key_invalid")

    play(services, story)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"license_key": "x"}',
        b'{"license_key": "x", "fingerprint": "short"}',
        b'{"license_key": "x", "fingerprint": "long enough\\u0007"}',
        b'{"license_key": "x", "fingerprint": "long enough", "extra": 1}',
        b'{"license_key": 1, "fingerprint": "long enough"}',
        b"\xff\xfe",
        b"",
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_field(services, key, body):
    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(f"{BASE}/acquire", content=body)
        assert code(answer) == (422, "invalid_request")
        assert answer.json()["error"]["details"]["fields"]

    play(services, story)


def test_a_lease_is_good_for_its_own_session_only(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        one, two = (await acquire(client, key, 1)).json(), (await acquire(client, key, 2)).json()
        for lease in (two["lease"], one["lease"][:-2], "eyJhbGciOiJub25lIn0.e30.", "", "x" * 9000):
            answer = await heartbeat(client, {"session_id": one["session_id"], "lease": lease})
            assert code(answer) == (401, "lease_invalid")
        assert code(await heartbeat(client, {"session_id": "nonsense", "lease": one["lease"]})) == (
            401,
            "lease_invalid",
        )
        no_lease = await client.delete(f"{BASE}/sessions/{one['session_id']}")
        assert code(no_lease) == (401, "lease_invalid")

    play(services, story)


def test_a_machine_that_falls_silent_loses_its_seat_to_the_next(services, key):
    async def story(client: httpx.AsyncClient) -> None:
        seats = [(await acquire(client, key, number)).json() for number in range(3)]
        await asyncio.to_thread(services.clock.advance, timedelta(minutes=7))
        taken = await acquire(client, key, 4)
        assert taken.status_code == 201
        lost = next(seat for seat in seats if seat["seat"] == taken.json()["seat"])
        assert code(await heartbeat(client, lost)) == (410, "session_closed")

    play(services, story)
