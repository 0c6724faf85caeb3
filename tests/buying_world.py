"""A vendor that sells through Stripe: the engine, and the stand-in behind Stripe's own client, in one time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from adapters.bootstrap import Services
from adapters.stripe_client import Patience, Stripe
from domain.ids import license_id_for, provider_desk_id, provider_event_id, subscription_id_for
from domain.license import License
from domain.organization import Organization
from domain.provider_desk import ProviderDesk
from domain.provider_event import ProviderEvent
from domain.subscription import Subscription
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.cards import CARDS
from scripts.stripe_sim.faults import Faults
from scripts.stripe_sim.server import serving

START = datetime(2026, 12, 1, 12, tzinfo=UTC)
SHOP = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/plans"}
CATALOG = """
version: 1
products:
  - {code: coditect, name: CODITECT, license_key_prefix: CODI}
plans:
  - code: starter
    product: coditect
    name: Starter
    trial_days: 14
    entitlements: {seats: 3}
    prices:
      - {code: starter-monthly, amount: 2900, currency: usd, interval: month}
  - code: pro
    product: coditect
    name: Pro
    entitlements: {seats: 10}
    prices:
      - {code: pro-monthly, amount: 9900, currency: usd, interval: month}
      - {code: pro-yearly, amount: 99000, currency: usd, interval: year}
      - {code: pro-monthly-eur, amount: 9500, currency: eur, interval: month}
  - code: team
    product: coditect
    name: Team
    entitlements: {seats: quantity}
    prices:
      - {code: team-monthly, amount: 900, currency: usd, interval: month}
"""
PRICES = {
    "starter-monthly": (2900, "usd", "month"),
    "pro-monthly": (9900, "usd", "month"),
    "pro-yearly": (99000, "usd", "year"),
    "pro-monthly-eur": (9500, "eur", "month"),
    "team-monthly": (900, "usd", "month"),
}


class Vendor:
    """The engine's clock is Stripe's. `deliver` brings the webhooks that came about; until then the engine knows only
    what it was answered."""

    def __init__(self, services: Services, account: StripeAccount, url: str, faults: Faults) -> None:
        self.services, self.account, self.faults, self.url = services, account, faults, url
        self.late = timedelta(0)
        services.clock.now = lambda: self.now  # type: ignore[method-assign]
        vars(services)["stripe_account"] = Stripe(
            "sk_test_x", services.clock, api_base=url, patience=Patience(answer=2.0, total=4.0, pauses=(0.01, 0.05))
        )
        services.catalog.apply(services.catalog.read(CATALOG.encode()))
        self.told: list[UUID] = []  # desks whose command has no outcome
        self._delivered = 0
        self._woken: list[UUID] = []
        services.billing._wake = self._woken.append  # in place of the queue and its worker
        services.provider_commands._finish_soon = self.told.append

    @property
    def now(self) -> datetime:
        return self.account.now + self.late

    def organization(self, *, email: str = "ada@example.com") -> UUID:
        made = Organization.register(id=self.services.clock.new_id(), now=self.now)
        people = self.services.personal_data
        self.services.store.add(
            made, rows=[people.introduce(made.id, email=email, name="Ada", company_name="Ada Ltd", now=self.now)]
        )
        return made.id

    def checkout(self, organization_id: UUID, price: str = "pro-monthly", **options: Any) -> dict[str, Any]:
        """The page that was opened, as Stripe has it."""
        given = {"seats": None, "promotion_code": None, **SHOP, **options}
        opened = self.services.buying.checkout(organization_id, price=price, **given)
        return self.account.retrieve("checkout.session", opened.reference)

    def pay(self, session: dict[str, Any], card: str = "visa") -> str:
        """The buyer pays on the page; answers Stripe's name of the subscription."""
        page = {"payment_method": self.account.api.payment_methods.of_card(CARDS[card])["id"]}
        self.account.post(f"payment_pages/{session['id']}/confirm", page)
        return str(self.account.retrieve("checkout.session", session["id"])["subscription"])

    def sell(self, organization_id: UUID, price: str = "pro-monthly", **options: Any) -> UUID:
        """A subscription that is bought, paid and known."""
        reference = self.pay(self.checkout(organization_id, price, **options))
        self.deliver()
        return subscription_id_for("stripe", reference)

    def deliver(self, events: list[dict[str, Any]] | None = None) -> list[ProviderEvent]:
        """All webhooks since the last time, or these; answers what became of them."""
        if events is None:
            events, self._delivered = self.account.events[self._delivered :], len(self.account.events)
        for event in events:
            self.receive(event)
        ids = [provider_event_id("stripe", event["id"]) for event in events]
        return [self.services.store.fetch(ProviderEvent, id) for id in ids]

    def receive(self, event: dict[str, Any]) -> None:
        store = self.services.store
        received, rows = self.services.billing.receive(
            "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
        )
        if store.find(ProviderEvent, received.id) is None:
            store.add(received, rows=rows)
        self._woken.append(received.id)
        while self._woken:
            self.services.billing.process(self._woken.pop())

    def forget_deliveries(self) -> list[dict[str, Any]]:
        """What came about since the last time is never delivered; answers it."""
        lost, self._delivered = self.account.events[self._delivered :], len(self.account.events)
        return lost

    def subscription(self, id: UUID) -> Subscription:
        return self.services.store.fetch(Subscription, id)

    def license(self, subscription_id: UUID) -> License:
        return self.services.store.fetch(License, license_id_for(subscription_id))

    def at_stripe(self, subscription_id: UUID) -> dict[str, Any]:
        return self.account.retrieve("subscription", self.subscription(subscription_id).provider_id)

    def card(self, subscription_id: UUID, card: str) -> None:
        """From now on the bank treats the subscription's card as it treats this one."""
        method = self.at_stripe(subscription_id)["default_payment_method"]
        with self.account.lock:
            thing = self.account.get("payment_method", method)
            self.account.api.payment_methods.behave(thing, CARDS[card].behaviour)

    def invoices(self) -> list[dict[str, Any]]:
        """Newest first."""
        return self.account.find("invoice")

    def times(self, type: str) -> int:
        """How often something has come about at Stripe; what is only answered again has not."""
        return sum(1 for each in self.account.events if each["type"] == type)

    def catch_up(self) -> None:
        """The read models take everything that happened so far."""
        models, url = read_models(), self.services.settings.database_url
        assert url
        with connect(url) as connection:
            Followers(url, self.services.codec.to_domain_event, models).catch_up(connection)
            failed = connection.execute("select name, error from follower_positions where error is not null").fetchall()
        assert failed == []

    def commands(self, subject: UUID) -> int:
        """How many were given about a subject."""
        desk = self.services.provider_commands.desk(subject)
        return desk.number if desk else 0

    def desk(self, subject: UUID) -> ProviderDesk:
        return self.services.store.fetch(ProviderDesk, provider_desk_id("stripe", subject))


@contextmanager
def selling(services: Services) -> Iterator[Vendor]:
    with connect(services.settings.database_url or "") as connection:
        prepare(connection, read_models())
    account, faults = StripeAccount(seed=1, now=START), Faults(seed=1)
    for code, (amount, currency, interval) in PRICES.items():
        account.price(
            f"price_{code.replace('-', '')}", amount=amount, currency=currency, interval=interval, lookup_key=code
        )
    with serving(account, faults=faults) as url:
        yield Vendor(services, account, url, faults)
