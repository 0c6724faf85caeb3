"""A customer whose people share the seats of a licence, under policies that a test chooses."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from adapters.bootstrap import Services
from domain.lease import fingerprint_digest
from tests.api.conftest import Member
from tests.api.test_seats import BASE, machine

LEASE = {"lease": "PT6M", "heartbeat": "PT5M", "offline_grace": "PT30M"}


class Sold(NamedTuple):
    id: UUID
    key: str


class House:
    """The organization of `owner`."""

    def __init__(self, services: Services, owner: Member) -> None:
        self.services = services
        self.owner = owner

    def sell(self, **entitlements: Any) -> Sold:
        """A licence of a plan with these entitlements, as a catalogue file says them."""
        terms = {"seats": 10, **LEASE, **entitlements}
        price = {"code": "studio-monthly", "amount": 100, "currency": "usd", "interval": "month"}
        plan = {"code": "studio", "product": "studio", "name": "Studio", "entitlements": terms, "prices": [price]}
        product = {"code": "studio", "name": "Studio", "license_key_prefix": "STUD"}
        file = json.dumps({"version": 1, "products": [product], "plans": [plan]})
        self.services.catalog.apply(self.services.catalog.read(file))
        issued = self.services.licenses.issue(self.owner.organization_id, "studio", seats=None, expires_at=None)
        return Sold(issued.license.id, issued.key.text)

    def rule(self, sold: Sold, **rules: Any) -> httpx.Response:
        """Sets the rules, as the customer does; call it from a thread when an event loop runs."""
        body = {"reason": "as the team is now", **rules}
        return self.owner.client.call("PUT", f"/licenses/{sold.id}/seat-rules", json=body)

    def rules(self, sold: Sold) -> dict[str, Any]:
        answer = self.owner.client.get(f"/licenses/{sold.id}/seat-rules")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def opened(self) -> list[dict[str, Any]]:
        """What the log says of each session that began, in its order."""
        rows = self.services.database.fetch_all(
            "select state from stored_events where topic = 'seat.session_opened' order by notification_id"
        )
        return [row["state"] for row in rows]

    def most_at_once(self, name: str) -> int:
        """The most sessions that ever counted for this limit at the same time, by the log alone."""
        rows = self.services.database.fetch_all(
            "select topic, state from stored_events where topic like 'seat.session_%%' order by notification_id"
        )
        sitting: set[str] = set()
        most = 0
        for row in rows:
            state = row["state"]
            if row["topic"] == "seat.session_closed":
                sitting.discard(state["session_id"])
            elif name in state["counts_for"]:
                sitting.add(state["session_id"])
            most = max(most, len(sitting))
        return most


async def ask(client: httpx.AsyncClient, sold: Sold, number: int, user: str | None = None) -> httpx.Response:
    """Machine `number` asks for a seat, for this user."""
    named = {} if user is None else {"user": user}
    return await client.post(f"{BASE}/acquire", json={"license_key": sold.key, "fingerprint": machine(number), **named})


async def sit(client: httpx.AsyncClient, sold: Sold, number: int, user: str | None = None) -> dict[str, Any]:
    """A seat that the machine gets."""
    answer = await ask(client, sold, number, user)
    assert answer.status_code == 201, answer.text
    seat: dict[str, Any] = answer.json()
    return seat


def full(answer: httpx.Response) -> dict[str, Any]:
    """What was exhausted."""
    assert answer.status_code == 429, answer.text
    error = answer.json()["error"]
    assert error["code"] == "seats_exhausted"
    details: dict[str, Any] = error["details"]
    return details


def digest(number: int) -> str:
    return fingerprint_digest(machine(number))
