"""Prices, their products, and promotion codes as Stripe has them; and bringing ours there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from adapters.stripe_client import Stripe, plain
from adapters.stripe_fields import Payload, id_of, listed
from adapters.stripe_running import OURS
from domain.plan import Interval, Price
from domain.provider_answers import SoldPrice


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

    # bringing ours there

    def sold(self, price: Price, former: str | None) -> SoldPrice | None:
        """What stands at Stripe for a price of ours: the one that the catalogue names, the one with its code as lookup
        key, or `former`, which did so before; the first of them that asks for the same, else the first."""
        found = {each["id"]: each for each in (*self.named(price), *(self._with_id(former) if former else ()))}
        best = sorted(found.values(), key=lambda each: not asks_for(each, price))
        return _sold(best[0], price) if best else None

    def linked(self, references: Iterable[str]) -> Iterator[SoldPrice]:
        """Those of these prices that Stripe still sells."""
        for reference in references:
            for found in self._with_id(reference):
                if found["active"]:
                    yield _sold(found, None)

    def product_of(self, plan: str) -> str | None:
        """The product that was made for a plan."""
        try:
            return str(self._stripe.read(lambda: self._stripe.v1.products.retrieve(_product_id(plan))).id)
        except LookupError:
            return None

    def make_product(self, plan: str, name: str) -> str:
        """Under an id of ours: made twice, it is there once."""
        given = {"id": _product_id(plan), "name": name, "metadata": {**OURS, "usher_plan": plan}}
        return str(self._write("products", given).id)

    def make_price(self, price: Price, plan: str, product: str) -> str:
        """It takes the lookup key over from whichever price has it; that one's amount is never touched."""
        recurring = {"interval": price.interval.value, "interval_count": price.interval_count}
        given: dict[str, Any] = {
            "product": product,
            "currency": price.money.currency,
            "unit_amount": price.money.amount,
            "lookup_key": price.code,
            "transfer_lookup_key": True,
            "metadata": {**OURS, "usher_plan": plan},
            **({} if price.interval is Interval.ONE_TIME else {"recurring": recurring}),
        }
        return str(self._write("prices", given).id)

    def sell_again(self, reference: str, code: str | None) -> None:
        """On sale again, and known by its code."""
        keyed = {"lookup_key": code, "transfer_lookup_key": True} if code else {}
        self._stripe.write(lambda: self._stripe.writing.prices.update(reference, {"active": True, **keyed}))

    def archive(self, reference: str) -> None:
        """Sold no more; subscriptions that have it keep it."""
        self._stripe.write(lambda: self._stripe.writing.prices.update(reference, {"active": False}))

    def _write(self, collection: str, given: Mapping[str, Any]) -> Any:
        """The key is what is asked for, so that an answer that was lost is given again."""
        key = hashlib.sha256(orjson.dumps(given, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        make = getattr(self._stripe.writing, collection).create
        return self._stripe.write(lambda: make(dict(given), {"idempotency_key": f"usher-{collection}-{key}"}))

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


def _sold(found: Payload, price: Price | None) -> SoldPrice:
    return SoldPrice(
        reference=found["id"],
        product=id_of(found["product"]),
        lookup_key=found.get("lookup_key"),
        is_active=found["active"],
        is_same=price is not None and asks_for(found, price),
    )


def _product_id(plan: str) -> str:
    return f"usher_{plan}"
