"""The events of the last thirty days, and who is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import NotThere, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.operations import Operation
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

KEPT = 30 * 86_400
"""Seconds that Stripe lists an event."""


def _is_of(event: Json, type: str) -> bool:
    """`customer.subscription.updated`, or with a wildcard, `invoice.*`."""
    kind: str = event["type"]
    return kind.startswith(type[:-1]) if type.endswith("*") else kind == type


class RetryParams(TypedDict, total=False):
    """What the official command line's `stripe events resend` sends."""

    webhook_endpoint: str
    account: str
    for_stripecli: bool


class Events(Resource):
    kind, service = "event", "events"
    generic = ("list",)
    filters = {
        "type": _is_of,
        "types": lambda event, types: any(_is_of(event, type) for type in types),
        "delivery_success": lambda event, wanted: (event["pending_webhooks"] == 0) == wanted,
    }

    @answers("events.retrieve")
    def retrieve(self, id: str, given: Given) -> Json:
        for event in self.listed():
            if event["id"] == id:
                return event
        raise NotThere("event", id)

    @answers(
        Operation("POST", "/v1/events/{event}/retry", lambda: RetryParams),
        accepts="webhook_endpoint account for_stripecli",
    )
    def retry(self, id: str, given: Given) -> Json:
        """Deliver an event again."""
        event = self.retrieve(id, {})
        self.api.webhook_endpoints.deliver(event, only=given.get("webhook_endpoint"))
        return event

    def listed(self) -> Sequence[Json]:
        since = self.ledger.at - KEPT
        return [event for event in reversed(self.ledger.events) if event["created"] >= since]


class WebhookEndpoints(Resource):
    """Who is told. What has to be delivered is put into the account's outbox."""

    kind, service = "webhook_endpoint", "webhook_endpoints"

    @answers("webhook_endpoints.create", accepts="api_version description enabled_events metadata url")
    def create(self, given: Given) -> Json:
        return self.make(given)

    @answers("webhook_endpoints.update", accepts="description disabled enabled_events metadata url")
    def update(self, id: str, given: Given) -> Json:
        endpoint = self.get(id)
        copy_fields(endpoint, given, "description enabled_events metadata url")
        if "disabled" in given:
            endpoint["status"] = "disabled" if given["disabled"] else "enabled"
        return endpoint

    @answers("webhook_endpoints.delete")
    def delete(self, id: str, given: Given) -> Json:
        self.get(id)
        return self.ledger.add({"id": id, "object": "webhook_endpoint", "deleted": True})

    def make(self, given: Given, *, secret: str | None = None) -> Json:
        """The answer shows the secret, this once; `secret` sets one that is known already."""
        if not given["url"].startswith(("http://", "https://")):
            raise Refused(
                "Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
            )
        version = given.get("api_version")
        if version not in (None, objects.API_VERSION):
            raise Refused(f"The stand-in speaks {objects.API_VERSION} only.", code="not_simulated", param="api_version")
        endpoint = objects.webhook_endpoint(
            self.ledger.new_id("we"),
            at=self.ledger.at,
            url=given["url"],
            enabled_events=given["enabled_events"],
            api_version=version,
        )
        copy_fields(endpoint, given, "description metadata")
        self.ledger.hidden[endpoint["id"]]["secret"] = secret or f"whsec_{self.ledger.letters(32)}"
        self.ledger.add(endpoint)
        return {**endpoint, "secret": self.secret_of(endpoint["id"])}

    def secret_of(self, id: str) -> str:
        secret: str = self.ledger.hidden[id]["secret"]
        return secret

    def deliver(self, event: Json, *, only: str | None = None) -> None:
        """Put an event into the outbox for every endpoint that wants it."""
        for endpoint in self.ledger.all("webhook_endpoint", status="enabled"):
            wants = any(each in ("*", event["type"]) for each in endpoint["enabled_events"])
            if endpoint["id"] == only or (only is None and wants):
                event["pending_webhooks"] += 1
                self.api.outbox.put(event, endpoint)
