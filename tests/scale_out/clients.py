"""Clients of one engine that note what they were promised: whatever fails meanwhile, it must be true afterwards."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx

from adapters.database import Database
from domain.lease import fingerprint_digest
from scripts.stripe_sim import StripeAccount, sign
from scripts.stripe_sim.lives import LIVES

BASE = "/api/v1"
AGAIN_AFTER = 0.25
"""Seconds until a client that was refused asks again; ten acquires a minute are its rate."""
SHUN_FOR = 3.0
"""Seconds for which an API that was silent is not asked."""


@dataclass
class Promises:
    """What was answered: `opened` and `closed` sessions, the provider's `received` events; which machine sat in which
    session; what was refused, by status or kind of silence."""

    kept: set[tuple[str, str]] = field(default_factory=set)
    sat: dict[str, str] = field(default_factory=dict)
    answered_at: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def first_after(self, moment: float) -> float:
        """Seconds from a moment of `time.monotonic()` to the next answered write."""
        return min(at for at in self.answered_at if at > moment) - moment


class Clients:
    """`urls` are the API's addresses; who gets no answer within `timeout` asks the next. Between two things that they
    do clients wait for `pause`. All in seconds."""

    def __init__(self, urls: list[str], key: str, secret: str, *, timeout: float, pause: float = 0.0) -> None:
        self.promises = Promises()
        self._pause = pause
        self._http = [httpx.AsyncClient(base_url=f"{url}{BASE}", timeout=timeout) for url in urls]
        self._key, self._secret = key, secret
        self._shunned: dict[httpx.AsyncClient, float] = {}
        self._events = events()
        self._numbers, self._turns = count(), count()
        self.is_over, self.are_gone = threading.Event(), threading.Event()

    async def close(self) -> None:
        for http in self._http:
            await http.aclose()
        self.are_gone.set()

    async def come_and_go(self) -> None:
        """A machine sits down and gets up, then the next one."""
        while not self.is_over.is_set():
            await self.release(await self.acquire())
            await asyncio.sleep(self._pause)

    async def post_webhooks(self) -> None:
        while not self.is_over.is_set():
            event = next(self._events)
            body, signature = sign(event, self._secret, datetime.now(UTC))
            answer, tries = await self._insist("POST", "/webhooks/stripe", content=body, headers=_signed(signature))
            assert answer.status_code == 200, answer.text
            assert tries > 1 or not answer.json()["duplicate"], f"{event['id']} was posted once, and is a duplicate"
            self.promises.kept.add(("received", event["id"]))
            await asyncio.sleep(self._pause)

    async def acquire(self) -> dict[str, Any]:
        """A seat for a machine that was never seen."""
        fingerprint = f"machine-{next(self._numbers):06}"
        body = {"license_key": self._key, "fingerprint": fingerprint}
        answer, tries = await self._insist("POST", "/licenses/acquire", json=body)
        assert answer.status_code in (200, 201), answer.text
        assert tries > 1 or answer.status_code == 201, f"{fingerprint} asked once, and sat already"
        seat: dict[str, Any] = answer.json()
        self.promises.sat[fingerprint] = seat["session_id"]
        self.promises.kept.add(("opened", seat["session_id"]))
        return seat

    async def heartbeat(self, seat: dict[str, Any]) -> httpx.Response:
        return await self._http[0].patch(f"/licenses/sessions/{seat['session_id']}/heartbeat", headers=_leased(seat))

    async def release(self, seat: dict[str, Any]) -> None:
        path = f"/licenses/sessions/{seat['session_id']}"
        answer, _ = await self._insist("DELETE", path, headers=_leased(seat))
        assert answer.status_code == 204, answer.text
        self.promises.kept.add(("closed", seat["session_id"]))

    def _in_turn(self) -> httpx.AsyncClient:
        """An API that is not known to be silent, as a load balancer would choose."""
        now = time.monotonic()
        good = [http for http in self._http if self._shunned.get(http, 0.0) < now] or self._http
        return good[next(self._turns) % len(good)]

    async def _insist(self, method: str, path: str, **options: Any) -> tuple[httpx.Response, int]:
        """Asks until it is answered; nothing but 503 and silence is asked again. Answers how often it was asked."""
        for tries in count(1):
            http = self._in_turn()
            try:
                answer = await http.request(method, path, **options)
            except httpx.TransportError as error:
                self._shunned[http] = time.monotonic() + SHUN_FOR
                self.promises.refused[type(error).__name__] += 1
                continue
            if answer.status_code == 503 or (answer.status_code == 429 and tries > 1):
                self.promises.refused[str(answer.status_code)] += 1
                await asyncio.sleep(AGAIN_AFTER)
                continue
            self.promises.answered_at.append(time.monotonic())
            return answer, tries
        raise AssertionError("it asks for ever")


def written(database: Database) -> set[tuple[str, str]]:
    """The same three kinds of facts, as the log has them."""
    rows = database.fetch_all(
        "select substring(topic from '[a-z]+$') as what,"
        " coalesce(state->>'session_id', state->>'event') as id"
        " from stored_events where topic like 'seat.session_%%' or topic = 'provider_event.received'"
    )
    return {(row["what"], row["id"]) for row in rows}


def check(promises: Promises, database: Database) -> None:
    """Everything that was promised is in the log, and a machine that asked until it sat was given one seat."""
    assert promises.kept <= written(database)
    rows = database.fetch_all(
        "select state->>'fingerprint_digest' as holder, state->>'session_id' as session from stored_events"
        " where topic = 'seat.session_opened'"
    )
    holders = {fingerprint_digest(fingerprint): session for fingerprint, session in promises.sat.items()}
    assert sorted((row["holder"], row["session"]) for row in rows) == sorted(holders.items())


def events() -> Iterator[dict[str, Any]]:
    """Customers' lives as the provider tells them, and when those are over, of others."""
    for seed in count(1):
        account = StripeAccount(seed=seed, now=datetime.now(UTC))
        account.price("price_coditect_pro_monthly", amount=9900)
        for live in LIVES.values():
            live(account, "price_coditect_pro_monthly")
        yield from account.events


def _leased(seat: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Lease {seat['lease']}"}


def _signed(signature: str) -> dict[str, str]:
    return {"Stripe-Signature": signature, "Content-Type": "application/json"}
