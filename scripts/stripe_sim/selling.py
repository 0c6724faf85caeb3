"""What is sold and to whom: products, prices, customers."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json, Ledger, NotThere, Refused, verb


class Selling(Ledger):
    """Verbs about the catalogue and the customers."""

    @verb
    def product(self, name: str, *, id: str | None = None) -> None:
        """A product that prices can belong to."""
        with self._by_request():
            self._new_product(name, id or self._id("prod"))

    @verb
    def price(
        self,
        id: str | None = None,
        *,
        amount: int,
        currency: str = "usd",
        interval: str = "month",
        interval_count: int = 1,
        lookup_key: str | None = None,
        product: str | None = None,
    ) -> None:
        """A recurring price per seat in minor units; without `product` it gets one of its own."""
        with self._by_request():
            of = self._get("product", product) if product else self._new_product(id or "Product", self._id("prod"))
            price = objects.price(
                id or self._id("price"),
                at=self.at,
                product=of["id"],
                amount=amount,
                currency=currency,
                interval=interval,
                interval_count=interval_count,
                lookup_key=lookup_key,
            )
            self._emit("plan.created", objects.plan(self._add(price)))
            self._emit("price.created", price)

    @verb
    def customer(
        self, email: str, *, name: str | None = None, metadata: dict[str, str] | None = None, id: str | None = None
    ) -> None:
        """A customer with an address for mail and no card."""
        with self._by_request():
            self._new_customer(email, name, metadata, id)

    @verb
    def update_customer(self, customer: str, /, **changes: Any) -> None:
        """Change fields of a customer, such as `email`, `name`, `metadata`; unknown fields are refused."""
        thing = self._living_customer(customer)
        if unknown := sorted(changes.keys() - thing.keys()):
            raise Refused(f"Received unknown parameter: {unknown[0]}")
        with self._by_request(), self._changing(thing, "customer.updated"):
            thing.update(changes)

    @verb
    def attach_card(self, customer: str) -> None:
        """A card that the customer pays with from now on, also for running subscriptions that have none."""
        thing = self._living_customer(customer)
        with self._by_request():
            card = self._new_card(thing)
            with self._changing(thing, "customer.updated"):
                thing["invoice_settings"]["default_payment_method"] = card["id"]

    def _new_product(self, name: str, id: str) -> Json:
        product = self._add(objects.product(id, at=self.at, name=name))
        self._emit("product.created", product)
        return product

    def _new_customer(
        self, email: str, name: str | None, metadata: dict[str, str] | None = None, id: str | None = None
    ) -> Json:
        prefix = self._letters(8).upper()
        customer = objects.customer(
            id or self._id("cus"), at=self.at, email=email, name=name, metadata=metadata, invoice_prefix=prefix
        )
        self._emit("customer.created", self._add(customer))
        return customer

    def _new_card(self, customer: Json) -> Json:
        card = self._add(objects.payment_method(self._id("pm"), at=self.at, customer=customer))
        self._emit("payment_method.attached", card)
        return card

    def _living_customer(self, id: str) -> Json:
        customer = self._get("customer", id)
        if customer.get("deleted"):
            raise NotThere("customer", id)
        return customer

    def _card_of(self, subscription: Json) -> Json | None:
        """The card that a subscription is paid with: its own, or its customer's."""
        customer = self._get("customer", subscription["customer"])
        settings = customer.get("invoice_settings") or {}
        id = subscription["default_payment_method"] or settings.get("default_payment_method")
        return self._get("payment_method", id) if id else None
