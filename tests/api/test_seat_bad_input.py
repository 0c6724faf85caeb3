"""What is presented as a lease or a fingerprint and is not quite one; docs/seat-policies.md states each outcome."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.signing_key import Algorithm
from tests.api.test_seat_moves import Shop, ask, reason, sit
from tests.api.test_seats import BASE, acquire, code, heartbeat, play, release

INVALID = (401, "lease_invalid")


@pytest.fixture
def shop(services: Any) -> Shop:
    return Shop(services)


def encoded(said: object) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=="))
    return found


def forgeries(lease: str) -> dict[str, str]:
    header, payload, signature = lease.split(".")
    said, algorithm = decoded(payload), decoded(header)
    return {
        "edited claims": f"{header}.{encoded(said | {'seat': said['seat'] + 1})}.{signature}",
        "a later end": f"{header}.{encoded(said | {'exp': said['exp'] + 86_400})}.{signature}",
        "alg none": f"{encoded(algorithm | {'alg': 'none'})}.{payload}.",
        "alg none, signature kept": f"{encoded(algorithm | {'alg': 'none'})}.{payload}.{signature}",
        "alg HS256": f"{encoded(algorithm | {'alg': 'HS256'})}.{payload}.{signature}",
        "an unknown kid": f"{encoded(algorithm | {'kid': 'nobodys-kid'})}.{payload}.{signature}",
        "no kid": f"{encoded({'alg': 'EdDSA', 'typ': 'JWT'})}.{payload}.{signature}",
        "no signature": f"{header}.{payload}.",
        "half of it": lease[: len(lease) // 2],
        "too much of it": lease + "A" * 10_000,
    }


@pytest.mark.parametrize("kind", list(forgeries("e30.eyJzZWF0IjoxLCJleHAiOjF9.c2ln")))
def test_a_forged_lease_opens_nothing_and_harms_nobody(shop, kind):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        forged = {**seat, "lease": forgeries(seat["lease"])[kind]}
        assert code(await heartbeat(client, forged)) == INVALID
        assert code(await release(client, forged)) == INVALID
        assert code(await ask(client, forged, "swap", fingerprint="another machine", user="ann")) == INVALID
        assert code(await ask(client, forged, "borrow", duration="P1D")) == INVALID
        assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


def test_a_lease_of_another_licence_is_no_lease_of_this_session(shop):
    ours, theirs = shop.sell(), shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat, other = await sit(client, ours, 1), await sit(client, theirs, 1)
        crossed = {**seat, "lease": other["lease"]}
        for answer in (await heartbeat(client, crossed), await release(client, crossed)):
            assert code(answer) == INVALID
        assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


def test_a_lease_that_is_replayed_after_its_release_finds_the_session_closed(shop):
    key = shop.sell(seats=8)

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        assert (await release(client, seat)).status_code == 204
        next_one = await sit(client, key, 2)
        assert next_one["seat"] == seat["seat"]
        assert reason(await heartbeat(client, seat)) == (410, "released")
        assert reason(await ask(client, seat, "borrow", duration="P1D")) == (410, "released")
        assert (await release(client, seat)).status_code == 204, "and the one who sits there now stays"
        assert (await heartbeat(client, next_one)).status_code == 200

    play(shop.services, story)


def test_a_lease_of_a_retired_key_counts_until_the_overlap_is_over(shop):
    key, services = shop.sell(), shop.services

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        services.signing.rotate(Algorithm.ED25519, services.clock.now(), overlap=timedelta(minutes=5))
        renewed = await heartbeat(client, seat)
        assert renewed.status_code == 200
        services.signing.rotate(Algorithm.ED25519, services.clock.now(), overlap=timedelta(0))
        for lease in (seat["lease"], renewed.json()["lease"]):
            assert code(await heartbeat(client, {**seat, "lease": lease})) == INVALID
        again = await acquire(client, key, 1, user="ann")
        assert (again.status_code, again.json()["session_id"]) == (200, seat["session_id"]), "the machine is known"
        assert (await heartbeat(client, again.json())).status_code == 200

    play(services, story)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("machine-abcdef", "MACHINE-ABCDEF"),
        ("machine-abcdef", "ｍａｃｈｉｎｅ-ａｂｃｄｅｆ"),
        ("machine-\u00e9-abcdef", "machine-e\u0301-abcdef"),
        ("machine-abcdef", " machine-abcdef"),
    ],
)
def test_fingerprints_are_compared_to_the_letter(shop, one, other):
    """Who makes fingerprints decides what is the same machine; the client library writes hexadecimal digits."""
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        sessions = [
            (await client.post(f"{BASE}/acquire", json={"license_key": key, "fingerprint": each, "user": "ann"})).json()
            for each in (one, other, one)
        ]
        assert sessions[0]["session_id"] == sessions[2]["session_id"] != sessions[1]["session_id"]

    play(shop.services, story)


@pytest.mark.parametrize("fingerprint", ["short", "x" * 129, "line\nbreak-and-more", "bell\x07-and-more", "", None, 7])
def test_what_is_no_fingerprint_is_refused_by_its_field(shop, fingerprint):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        body = {"license_key": key, "fingerprint": fingerprint, "user": "ann"}
        refused = await client.post(f"{BASE}/acquire", json=body)
        assert code(refused) == (422, "invalid_request")
        assert refused.json()["error"]["details"]["fields"][0]["field"] == "fingerprint"

    play(shop.services, story)
