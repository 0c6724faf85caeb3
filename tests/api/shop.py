"""A provider whose customers buy from us: its webhooks are stored and processed as a worker does it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from adapters.bootstrap import Services
from domain.ids import license_id_for, subscription_id_for
from scripts.stripe_sim import StripeAccount

CATALOG = Path("docs/catalogs/coditect.yaml")
PRO = "price_coditect_pro_monthly"


class Shop:
    """`account` lives the customers' lives; `deliver` makes the engine know of what has happened since."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._delivered = 0
        self._woken: list[UUID] = []
        services.billing._wake = self._woken.append  # in place of the queue and its worker
        services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
        self.account = StripeAccount(seed=1, now=services.clock.now().replace(microsecond=0))
        self.account.price(PRO, amount=9900, lookup_key="pro-monthly")

    def buy(self, organization_id: UUID, **options: Any) -> str:
        """A purchase of CODITECT Pro, known to the engine; answers the provider's subscription id."""
        options = {"price": PRO, "email": f"{organization_id}@example.test", "name": "Buyer", **options}
        bought = self.account.checkout(client_reference_id=str(organization_id), **options)
        self.deliver()
        return bought.the("subscription")["id"]

    def deliver(self) -> None:
        new, self._delivered = self.account.events[self._delivered :], len(self.account.events)
        self.deliver_made(*new)

    def deliver_made(self, *events: dict[str, Any]) -> None:
        """Events that the account did not make itself."""
        for event in events:
            self._woken.append(self.receive(event))
            while self._woken:
                self._services.billing.process(self._woken.pop())

    def receive(self, event: dict[str, Any]) -> UUID:
        """Stores a webhook that nobody has processed yet."""
        received, rows = self._services.billing.receive(
            "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
        )
        self._services.store.add(received, rows=rows)
        return received.id


def subscription_of(reference: str) -> UUID:
    """Our id of the provider's subscription."""
    return subscription_id_for("stripe", reference)


def license_of(reference: str) -> UUID:
    """The licence of the provider's subscription."""
    return license_id_for(subscription_of(reference))
