"""Prices and promotion codes as Stripe has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.stripe_client import Stripe, plain
from adapters.stripe_fields import Payload, listed
from domain.plan import Interval, Price


class StripePrices:
    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    def price_like(self, price: Price) -> str | None:
        """The price at Stripe that asks for exactly this: by the id that the catalogue names, or by lookup key."""
        found = (each["id"] for each in self.named(price) if each["active"] and asks_for(each, price))
        return next(found, None)

    def named(self, price: Price) -> Iterator[Payload]:
        """Whatever Stripe knows under the names of a price, also when it asks for something else."""
        if price.stripe_price is not None:
            yield from self._with_id(price.stripe_price)
        keys = sorted(price.references, key=lambda name: name != price.stripe_price)
        asked: Any = {"lookup_keys": keys, "limit": 10}
        yield from listed(plain(self._stripe.read(lambda: self._stripe.v1.prices.list(asked))))

    def promotion(self, code: str) -> str | None:
        """Stripe's name of a promotion code that can be used."""
        asked: Any = {"code": code, "active": True, "limit": 1}
        found = self._stripe.read(lambda: self._stripe.v1.promotion_codes.list(asked))
        return found.data[0].id if found.data else None

    def _with_id(self, id: str) -> Iterator[Payload]:
        try:
            yield plain(self._stripe.read(lambda: self._stripe.v1.prices.retrieve(id)))
        except LookupError:
            return  # the catalogue's name is a lookup key


def asks_for(found: Payload, price: Price) -> bool:
    """Whether a price at Stripe asks for what ours does: the same amount, in the same currency, as often."""
    recurring = found.get("recurring") or {"interval": Interval.ONE_TIME, "interval_count": 1}
    theirs = found.get("unit_amount"), found["currency"], recurring["interval"], recurring["interval_count"]
    return theirs == (price.money.amount, price.money.currency, price.interval, price.interval_count)
