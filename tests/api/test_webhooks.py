"""Stripe's webhooks at the door: genuine ones are stored once, the others leave no trace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.bootstrap import Services
from api.app import create_app
from domain.ids import provider_event_id
from domain.provider_event import ProviderEvent
from scripts.stripe_sim import StripeAccount, sign
from tests.api.people_engine import people_engine

PATH = "/api/v1/webhooks/stripe"
CURRENT, FORMER = "whsec_test_current", "whsec_test_former"
Story = Callable[[httpx.AsyncClient], Awaitable[None]]


def play(services: Services, story: Story) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            await story(client)

    services.in_loop(run())


@pytest.fixture(scope="module")
def event() -> dict[str, Any]:
    stripe = StripeAccount(seed=1, now=datetime.now(UTC))
    stripe.customer(email="ada@example.com", name="Ada")
    return stripe.events[0]


async def post(client: httpx.AsyncClient, body: bytes, signature: str | None) -> httpx.Response:
    headers = {"Stripe-Signature": signature} if signature is not None else {}
    return await client.post(PATH, content=body, headers=headers)


def stored(services: Services) -> int:
    return services.store.recorder.max_notification_id() or 0


@pytest.mark.parametrize("secret", [CURRENT, FORMER])
def test_a_genuine_event_is_stored_with_its_body_and_a_second_delivery_is_a_duplicate(services, event, secret):
    async def story(client: httpx.AsyncClient) -> None:
        body, signature = sign(event, secret, at=datetime.now(UTC))
        first, second = await post(client, body, signature), await post(client, body, signature)
        assert first.json() == {"received": True, "event": event["id"], "duplicate": False}
        assert second.json() == {"received": True, "event": event["id"], "duplicate": True}
        id = provider_event_id("stripe", event["id"])
        assert services.store.fetch(ProviderEvent, id).type == "customer.created"
        webhook = services.provider_records.webhook(id)
        assert webhook is not None and webhook.body == body

    play(services, story)


def test_what_is_not_signed_by_us_is_refused_and_leaves_no_trace(services, event):
    async def story(client: httpx.AsyncClient) -> None:
        before, now = stored(services), datetime.now(UTC)
        body, signature = sign(event, CURRENT, at=now)
        _, stale = sign(event, CURRENT, at=now - timedelta(minutes=6))
        _, forged = sign(event, "whsec_somebody_else", at=now)
        for wrong in (None, "", "t=1,v1=00", "nonsense", stale, forged, f"t={int(time.time())}"):
            answer = await post(client, body, wrong)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "signature_invalid")
        altered = await post(client, body + b" ", signature)
        assert altered.status_code == 400
        assert stored(services) == before

    play(services, story)


def test_a_signed_body_that_is_no_event_is_refused(services):
    async def story(client: httpx.AsyncClient) -> None:
        body, signature = sign({"hello": "world"}, CURRENT, at=datetime.now(UTC))
        answer = await post(client, body, signature)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")

    play(services, story)


def test_without_a_secret_there_is_no_endpoint(settings, event):
    async def story(client: httpx.AsyncClient) -> None:
        body, signature = sign(event, "", at=datetime.now(UTC))
        assert (await post(client, body, signature)).status_code == 404

    with people_engine(replace(settings, stripe_webhook_secrets=())) as services:
        play(services, story)


def test_deliveries_at_the_same_moment_are_stored_once(services, event):
    async def story(client: httpx.AsyncClient) -> None:
        body, signature = sign(event, CURRENT, at=datetime.now(UTC))
        answers = await asyncio.gather(*(post(client, body, signature) for _ in range(20)))
        assert [answer.status_code for answer in answers] == [200] * 20
        assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 19

    play(services, story)


THIN = {
    "id": "evt_thin_1",
    "object": "v2.core.event",
    "type": "v1.billing.meter.no_meter_found",
    "created": "2027-01-15T06:20:52.246Z",
    "livemode": False,
    "related_object": None,
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (THIN, "nothing follows from events of this kind"),
        ({"livemode": True}, "an event of Stripe's live mode, and this engine is of the test mode"),
    ],
)
def test_a_thin_event_and_one_of_the_other_mode_are_stored_answered_and_ignored_with_the_reason(
    services, event, changes, problem
):
    async def story(client: httpx.AsyncClient) -> None:
        told = {**event, **changes} if "object" not in changes else changes
        body, signature = sign(told, CURRENT, at=datetime.now(UTC))
        answer = await post(client, body, signature)
        assert (answer.status_code, answer.json()["event"]) == (200, told["id"])

    play(services, story)
    id = provider_event_id("stripe", changes.get("id", event["id"]))
    services.billing.process(id)
    stored = services.store.fetch(ProviderEvent, id)
    assert (stored.status.value, stored.problem) == ("ignored", problem)
