"""Webhooks are sent: signed, one after the other, tried again with growing pauses; unless a fault says otherwise."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from scripts.stripe_sim.api import Api
from scripts.stripe_sim.faults import Faults
from scripts.stripe_sim.outbox import Delivery
from scripts.stripe_sim.signing import sign

TIMEOUT = 20.0
STALE = 3600
_TURN = 0.5
"""Seconds until the outbox is looked at again, should nobody have said that there is something."""


class Delivering:
    """Signatures are of the system's time, which receivers compare them with, whatever the account's time is."""

    def __init__(self, api: Api, faults: Faults) -> None:
        self._api = api
        self._faults = faults
        self._wake = asyncio.Event()
        self._shuffled: set[int] = set()

    async def run(self) -> None:
        """Deliver until it is cancelled."""
        loop, listeners = asyncio.get_running_loop(), self._api.ledger.listeners

        def heard(event: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self._wake.set)  # events come about in any thread

        listeners.append(heard)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
                while True:
                    self._wake.clear()
                    await self._turn(client)
                    await self._pause()
        finally:
            listeners.remove(heard)

    def wake(self) -> None:
        self._wake.set()

    async def settled(self, within: float) -> bool:
        """Whether nothing is left to deliver, waiting so many seconds for it."""
        deadline = time.monotonic() + within
        while self._api.outbox.open and time.monotonic() < deadline:
            self.wake()
            await asyncio.sleep(0.01)
        return not self._api.outbox.open

    async def _turn(self, client: httpx.AsyncClient) -> None:
        while due := self._api.outbox.due(time.monotonic()):
            delivery = due[0]
            if not self._held_back(delivery):
                await self._deliver(client, delivery)

    async def _pause(self) -> None:
        due = self._api.outbox.next_due()
        seconds = _TURN if due is None else min(max(due - time.monotonic(), 0.0), _TURN)
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    def _held_back(self, delivery: Delivery) -> bool:
        """Whether a fault lets it wait, or be forgotten; each delivery is held back once at most."""
        now, event = time.monotonic(), delivery.event["type"]
        if self._faults.strike("drop", event=event):
            self._api.outbox.drop(delivery, now)
            return True
        if delivery.number in self._shuffled or delivery.attempts:
            return False
        self._shuffled.add(delivery.number)
        if delay := self._faults.strike("delay", event=event):
            delivery.due = now + delay.seconds
        elif reorder := self._faults.strike("reorder", event=event):
            delivery.due = now + reorder.seconds * self._faults.random()
        return delivery.due > now

    async def _deliver(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        event, began = delivery.event["type"], time.monotonic()
        status = await self._post(client, delivery)
        took = time.monotonic() - began
        if status.startswith("2") and self._faults.strike("duplicate", event=event):
            status = await self._post(client, delivery)
        done = self._api.outbox.delivered if status.startswith("2") else self._api.outbox.failed
        done(delivery, time.monotonic(), status, took)

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> str:
        """The status that the endpoint answers, or what kept it from answering."""
        endpoint = self._api.ledger.get("webhook_endpoint", delivery.endpoint)
        if endpoint.get("deleted"):
            return "200 (the endpoint is gone)"
        body, signature = self._signed(delivery)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        try:
            answer = await client.post(endpoint["url"], content=body, headers={**headers, "User-Agent": "Stripe/1.0"})
        except httpx.HTTPError as error:
            return f"{type(error).__name__}"
        return str(answer.status_code)

    def _signed(self, delivery: Delivery) -> tuple[bytes, str]:
        event, secret = delivery.event, self._api.webhook_endpoints.secret_of(delivery.endpoint)
        at = time.time()
        if self._faults.strike("stale_signature", event=event["type"]):
            at -= STALE
        if self._faults.strike("bad_signature", event=event["type"]):
            secret = "whsec_of_somebody_else"
        return sign(event, secret, datetime.fromtimestamp(at, UTC))
