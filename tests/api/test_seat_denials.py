"""Who was refused a seat, and why: in the audit for whoever owns the licence, in the metrics for whoever runs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.server import application
from domain.lease import fingerprint_digest
from tests.api.house import House, ask, full, sit
from tests.api.test_seat_moves import ask as ask_about
from tests.api.test_seats import code, machine, play


@pytest.fixture
def house(services, ann) -> House:
    return House(services, ann)


def denials(client: Any, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/audit/events", params={"type": "seat_denial.denied", "limit": 100, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def once_a_minute(found: list[dict[str, Any]]) -> Counter[str]:
    """Reason → machines that were refused for it; checks that no machine is there twice in a minute."""
    minutes = Counter((e["data"]["fingerprint_digest"], e["data"]["reason"], e["occurred_at"][:16]) for e in found)
    assert set(minutes.values()) <= {1}
    return Counter(reason for _, reason in {(machine, reason) for machine, reason, _ in minutes})


def test_the_owner_reads_who_was_refused_and_why(services, house, bob, admin, caught_up):
    sold = house.sell(seats=1)

    async def story(client: httpx.AsyncClient) -> None:
        await sit(client, sold, 1)
        for _ in range(3):
            full(await ask(client, sold, 2))
        assert code(await ask(client, sold._replace(key="nonsense"), 3)) == (401, "license_key_invalid")

    play(services, story)
    caught_up()
    found = denials(house.owner.client)
    assert once_a_minute(found) == {"exhausted": 1}
    (event, *_) = found
    who, where = fingerprint_digest(machine(2))[:8], sold.id.hex[-8:]
    assert event["sentence"] == f"Machine {who}… got no seat of licence …{where}: all its seats are taken (1)"
    assert (event["stream"], event["version"], event["actor"]) == ("seat_denial", 1, f"license:{sold.id}")
    assert event["cause"].startswith("request:")
    assert denials(bob.client) == []
    assert denials(admin, organization_id=str(house.owner.organization_id)) == found
    past = house.owner.client.get(f"/audit/seat_denial/{event['stream_id']}").json()
    assert (past["state"]["reason"], past["state"]["limit"]) == ("exhausted", 1)


def test_each_reason_is_told_apart_and_the_log_stays_sound(services, house, caught_up):
    groups = {"design": {"reserved": 1}, "interns": {"limit": 1}}
    sold = house.sell(seats=6, seats_per_user=2, groups=groups, borrow={"longest": "P7D", "keep": 5})
    everybody = {"design": {"users": ["dora"]}, "interns": {"users": ["ian", "ivo"]}}

    async def story(client: httpx.AsyncClient) -> None:
        await asyncio.to_thread(house.rule, sold, groups=everybody, exclude={"users": ["eve"]})
        seats = [await sit(client, sold, number, "ada") for number in (1, 2)]
        full(await ask(client, sold, 3, "ada"))
        await sit(client, sold, 4, "ian")
        full(await ask(client, sold, 5, "ivo"))
        assert code(await ask(client, sold, 6, "eve")) == (403, "seat_not_allowed")
        for number in (7, 8):
            await sit(client, sold, number, f"guest {number}")
        assert full(await ask(client, sold, 9, "guest 9"))["axis"] == "reserved"
        await sit(client, sold, 10, "dora")
        full(await ask(client, sold, 9, "guest 9"))
        assert (await ask_about(client, seats[0], "borrow", duration="P1D")).status_code == 201
        assert code(await ask_about(client, seats[1], "borrow", duration="P1D")) == (429, "borrow_exhausted")
        await asyncio.to_thread(services.licenses.suspend, sold.id, reason="unpaid")
        assert code(await ask(client, sold, 11, "late")) == (403, "license_suspended")
        await asyncio.to_thread(services.licenses.reinstate, sold.id, reason="paid")
        soon = services.clock.now() + timedelta(minutes=1)
        await asyncio.to_thread(services.licenses.extend, sold.id, soon, reason="notice")
        await asyncio.to_thread(services.clock.advance, timedelta(minutes=2))
        assert code(await ask(client, sold, 11, "late")) == (403, "license_expired")
        await asyncio.to_thread(services.licenses.revoke, sold.id, reason="fraud")
        assert code(await ask(client, sold, 11, "late")) == (403, "license_revoked")

    play(services, story)
    caught_up()
    reasons = ("user", "group", "not_allowed", "reserved", "exhausted", "borrowed", "suspended", "expired", "revoked")
    assert once_a_minute(denials(house.owner.client)) == dict.fromkeys(reasons, 1)
    assert services.verification.run().ok


def test_every_denial_is_counted(services, house):
    sold = house.sell(seats=1)

    async def story() -> None:
        transport = httpx.ASGITransport(app=application(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            await sit(client, sold, 1)
            for _ in range(4):
                full(await ask(client, sold, 2))
            shown = (await client.get("/metrics")).text
        await services.aclose()
        counted = {
            sample.labels.get("reason", ""): sample.value
            for family in text_string_to_metric_families(shown)
            for sample in family.samples
            if sample.name in ("usher_seat_denials_total", "usher_seat_denials_dropped_total")
        }
        assert (counted["exhausted"], counted["user"], counted[""]) == (4, 0, 0)

    services.in_loop(story())
