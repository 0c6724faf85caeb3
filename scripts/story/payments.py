"""Stripe's part: an account in memory lives the customer's life, its events are signed and posted as webhooks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from scripts.story.door import BASE, Door, Json
from scripts.story.engine import Engine, check
from scripts.stripe_sim import StripeAccount, sign

PRICE = "price_coditect_pro_monthly"


class Delivered(NamedTuple):
    """`duplicates` are the ids that were known before; `milliseconds` is how long an answer took, on average."""

    count: int
    duplicates: list[str]
    milliseconds: float


class Payments:
    """`account` lives in the engine's time; signatures are of the real time, which the engine compares them with."""

    def __init__(self, door: Door, engine: Engine, now: datetime) -> None:
        self._door = door
        self._secret = engine.webhook_secret
        self.account = StripeAccount(seed=7, now=now)
        self.account.price(PRICE, amount=9900, lookup_key="pro-monthly")
        self.account.retries = (timedelta(days=3), timedelta(days=2))

    async def deliver(self, events: Sequence[Json]) -> Delivered:
        """Posts them one after the other; each must be taken."""
        duplicates, began = [], time.perf_counter()
        for event in events:
            body, signature = sign(event, self._secret, datetime.now(UTC))
            answer = await self._door.client.post(
                f"{BASE}/webhooks/stripe", content=body, headers={"Stripe-Signature": signature}
            )
            check(answer.status_code == 200, f"the webhook {event['type']} is taken ({answer.text[:200]})")
            if answer.json()["duplicate"]:
                duplicates.append(event["id"])
        return Delivered(len(events), duplicates, (time.perf_counter() - began) * 1000 / len(events))

    async def forge(self, event: Json) -> int:
        """The status that an event gets which somebody else has signed."""
        body, signature = sign(event, "whsec_somebody_else", datetime.now(UTC))
        answer = await self._door.client.post(
            f"{BASE}/webhooks/stripe", content=body, headers={"Stripe-Signature": signature}
        )
        return answer.status_code

    async def settled(self) -> None:
        """Returns when every event that was taken has come to its end."""

        async def look() -> bool:
            open_ones = [
                await self._door.get("/admin/provider-events", status=status)
                for status in ("received", "deferred", "failed")
            ]
            return not any(page["data"] for page in open_ones)

        await self._door.until(look, "every webhook that was taken has been processed")
