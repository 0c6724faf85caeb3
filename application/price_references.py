"""From our prices to the provider's and back, and from seats to the units that are bought."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from application.provider_commands import ProviderCommands
from application.store import Store
from domain.buying_errors import PriceNotAtProvider
from domain.entitlements import Entitlements
from domain.errors import Conflict, InvalidRequest, NotFound
from domain.ids import price_book_id
from domain.plan import Interval, PricedPlan
from domain.price_book import PriceBook, PriceLink
from domain.provider_answers import Running
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog

MOST_SEATS = 1_000_000


class Held(NamedTuple):
    """The line of a running subscription that our catalogue sells: its name and price at the provider, what it is."""

    item: str
    price: str
    quantity: int
    priced: PricedPlan


class PriceReferences:
    def __init__(self, store: Store, catalog: Catalog, commands: ProviderCommands, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._commands = commands
        self._clock = clock

    def on_sale(self, code: str) -> PricedPlan:
        """`InvalidRequest` for a price that is not sold, or not by subscription."""
        try:
            priced = self._catalog.price_on_sale(code)
        except NotFound:
            raise InvalidRequest.field("price", "is not on sale; GET /plans lists what is") from None
        if priced.price.interval is Interval.ONE_TIME:
            raise InvalidRequest.field("price", "is paid once; only subscriptions are sold here")
        return priced

    def reference(self, priced: PricedPlan) -> str:
        """The provider's price; asked for once, then known. `PriceNotAtProvider` when there is none."""
        tag = priced.price.tag
        if link := self._store.fetch(PriceBook, price_book_id()).link_to(priced.plan, tag):
            return link.reference
        found = self._commands.seller.price_like(priced.price)
        if found is None:
            raise PriceNotAtProvider(priced.price.code)
        link = PriceLink(found, priced.plan, tag)
        self._store.change(PriceBook, price_book_id(), lambda book: book.link([link], now=self._clock.now()))
        return found

    def held(self, subscription: Subscription, running: Running) -> Held:
        """`Conflict` when nothing of it is in our catalogue any more."""
        for item, line in running.items:
            for name in line.prices:
                if priced := self._catalog.terms_for_price(name):
                    return Held(item, line.prices[0], line.quantity, self._as_bought(subscription, priced))
        raise Conflict("This subscription is about nothing that our catalogue knows.")

    def seats(self, plan: str, version: int, quantity: int) -> int:
        """What so many units of a plan version grant."""
        return self._catalog.published(plan, version).terms.entitlements.seats_granted(quantity)

    def _as_bought(self, subscription: Subscription, priced: PricedPlan) -> PricedPlan:
        """In the plan version that the subscription keeps."""
        purchase = subscription.purchase
        if (purchase.plan, purchase.price) != (priced.plan, priced.price.code):
            return priced
        terms = self._catalog.published(purchase.plan, purchase.plan_version).terms
        return replace(priced, version=purchase.plan_version, terms=terms)

    @staticmethod
    def quantity(priced: PricedPlan, seats: int | None, held: Held | None = None) -> int:
        """How many units of the price make so many seats. Without a number: as many units as are held, or, where the
        plans count seats in different ways, as many as cover the seats; of a new purchase one.

        `InvalidRequest` for seats that cannot be had.
        """
        grants = priced.terms.entitlements
        if seats is not None:
            return _units(grants, seats)
        if held is None:
            return 1
        before = held.priced.terms.entitlements
        if (before.seats == "quantity") == (grants.seats == "quantity"):
            return held.quantity
        covered = before.seats_granted(held.quantity)
        return covered if grants.seats == "quantity" else -(-covered // grants.seats)


def _units(grants: Entitlements, seats: int) -> int:
    if not 1 <= seats <= MOST_SEATS:
        raise InvalidRequest.field("seats", f"must be from 1 to {MOST_SEATS:,}")
    if grants.seats == "quantity":
        return seats
    if seats % grants.seats:
        packs = ", ".join(str(grants.seats * n) for n in (1, 2, 3))
        raise InvalidRequest.field("seats", f"come in packs of {grants.seats} with this plan: {packs} and so on")
    return seats // grants.seats
