"""Stripe's part: the stand-in that `usher up` has started. Requests go through Stripe's own library, a person clicks on
the stand-in's pages, and its webhooks come to the engine as badly as we want."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import stripe

from scripts.story.door import BASE, PATIENCE, Door, Json
from scripts.story.engine import Engine, check

PRICE = "price_coditect_pro_monthly"
RETRIES = (3 * 86_400, 2 * 86_400)
"""Seconds after which a failed payment is tried again, each counted from the failure before it."""
DECLINED = {"works": False, "decline_code": "expired_card"}


class Payments:
    """The stand-in's time is the engine's; signatures are of the real time, which the engine compares them with."""

    def __init__(self, door: Door, engine: Engine) -> None:
        known = json.loads((engine.data_dir / "stripe-stand-in.json").read_text())
        stripe.enable_telemetry = False
        self.stripe = stripe.StripeClient(known["secret_key"], base_addresses={"api": known["url"]}).v1
        self._door = door
        self._secret = engine.webhook_secret
        self._web = httpx.AsyncClient(base_url=known["url"], timeout=30)
        self._last: str | None = None

    async def close(self) -> None:
        await self._web.aclose()

    async def sells(self) -> None:
        """The vendor's price is at Stripe, under the name that the catalogue knows; and the dunning is set there."""
        product = self.stripe.products.create({"name": "CODITECT Pro"})
        self.stripe.prices.create(
            {
                "product": product.id,
                "currency": "usd",
                "unit_amount": 9900,
                "recurring": {"interval": "month"},
                "lookup_key": PRICE,
            }
        )
        await self._control("settings", {"retries": RETRIES})
        self.events()

    async def checkout(self, organization: str, email: str, name: str) -> str:
        """A shop opens a checkout session, she pays on its page; answers the id of the subscription."""
        price = self.stripe.prices.list({"lookup_keys": [PRICE]}).data[0].id
        session = self.stripe.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": price, "quantity": 1}],
                "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
                "client_reference_id": organization,
            }
        )
        paid = await self._web.post(f"/checkout/{session.id}", data={"do": "pay", "email": email, "name": name})
        check(
            paid.headers.get("location", "").endswith(session.id), "she pays on the page and is sent back to the shop"
        )
        return str(self.stripe.checkout.sessions.retrieve(session.id).subscription)

    async def pays_invoice(self, invoice: str) -> None:
        """She pays an open invoice on its page, with a new card."""
        paid = await self._web.post(f"/invoice/{invoice}", data={"card": "visa"})
        check(paid.status_code == 303, "the invoice is paid on its page")

    async def card_expires(self, subscription: str) -> None:
        card = self.stripe.subscriptions.retrieve(subscription).default_payment_method
        await self._control(f"cards/{card}", DECLINED)

    async def fault(self, kind: str, **options: Any) -> None:
        """From now on webhooks come so."""
        await self._control("faults", {"kind": kind, **options})

    async def no_faults(self) -> None:
        await self._web.delete("/_sim/faults")

    async def release(self) -> None:
        """What a fault holds back is delivered now."""
        await self._control("deliveries/retry", {})

    def events(self) -> list[Json]:
        """What Stripe has told since we looked last, in the order in which it came about."""
        after = {"ending_before": self._last} if self._last else {}
        found = [event.to_dict() for event in self.stripe.events.list({"limit": 100, **after}).data]
        if found:
            self._last = found[0]["id"]
        return found[::-1]

    async def milliseconds(self, events: list[Json]) -> float:
        """How long the engine took to answer these webhooks, on average."""
        wanted = {event["id"] for event in events}
        deliveries = (await self._web.get("/_sim/deliveries")).json()["deliveries"]
        took = [each["milliseconds"][-1] for each in deliveries if each["event"] in wanted]
        check(len(took) == len(wanted), "each event is delivered")
        return sum(took) / len(took)

    async def post(self, event: Json, secret: str | None = None) -> httpx.Response:
        """Deliver an event once more, or as somebody who does not know the secret."""
        body = json.dumps(event, default=str)
        signature = stripe.WebhookSignature.generate_signature_header(
            body, secret or self._secret, timestamp=int(time.time())
        )
        return await self._door.client.post(
            f"{BASE}/webhooks/stripe", content=body, headers={"Stripe-Signature": signature}
        )

    async def settled(self) -> None:
        """Returns when everything has been delivered and has come to its end."""
        check((await self._control("settled", {"within": PATIENCE}))["settled"], "every webhook is taken")

        async def look() -> bool:
            open_ones = [
                await self._door.get("/admin/provider-events", status=status)
                for status in ("received", "deferred", "failed")
            ]
            return not any(page["data"] for page in open_ones)

        await self._door.until(look, "every webhook that was taken has been processed")

    async def told(self) -> None:
        """Returns when nothing waits to be delivered; what was delivered may still be in work."""
        check((await self._control("settled", {"within": PATIENCE}))["settled"], "every webhook is taken")

    def invoice_of(self, subscription: str) -> Json:
        """The latest invoice."""
        expand = {"expand": ["latest_invoice"]}
        invoice: Json = self.stripe.subscriptions.retrieve(subscription, expand).to_dict()["latest_invoice"]
        return invoice

    def period_end(self, subscription: str) -> datetime:
        end = self.stripe.subscriptions.retrieve(subscription)["items"].data[0].current_period_end
        return datetime.fromtimestamp(end, UTC)

    def next_attempt(self, subscription: str) -> datetime:
        return datetime.fromtimestamp(self.invoice_of(subscription)["next_payment_attempt"], UTC)

    async def _control(self, what: str, given: Any) -> Json:
        answer = await self._web.post(f"/_sim/{what}", json=given)
        check(answer.status_code == 200, f"the stand-in does {what} ({answer.text[:200]})")
        said: Json = answer.json()
        return said
