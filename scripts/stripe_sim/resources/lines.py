"""What goes on an invoice: the items of a subscription for a period, and what was waiting for the next invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.money import each_shown, price_of, share
from scripts.stripe_sim.periods import later
from scripts.stripe_sim.resources.resource import Part


class Drafted(NamedTuple):
    """A line with the tax rates and the discounts (id, coupon) that are for it alone."""

    line: Json
    rates: Sequence[Json] = ()
    discounts: Sequence[tuple[str, Json]] = ()


class Lines(Part):
    def of_items(self, subscription: Json, items: Iterable[Json], *, free: bool = False) -> list[Drafted]:
        """A line for each item's current period at its price and quantity, or for a trial that costs nothing.

        A period that is cut short, because the billing anchor lies ahead, costs its share of a whole one.
        """
        return [self._of_item(subscription, item, free) for item in items]

    def of_waiting(self, waiting: Iterable[Json]) -> list[Drafted]:
        """The lines of invoice items."""
        return [self._of_waiting(invoice_item) for invoice_item in waiting]

    def rates(self, subscription: Json | None, item: Json | None) -> list[Json]:
        """The tax rates of an item: its own, or the subscription's."""
        own: list[Json] = (item or {}).get("tax_rates") or (subscription or {}).get("default_tax_rates") or []
        return own

    def _of_item(self, subscription: Json, item: Json, free: bool) -> Drafted:
        name = self.name_of(item["price"])
        quantity = item["quantity"]
        line = objects.line(
            self.ledger.new_id("il"),
            amount=0 if free else self._amount(item),
            currency=subscription["currency"],
            description=f"Trial period for {name}" if free else f"{quantity} × {name} ({each_shown(item['price'])})",
            period=(item["current_period_start"], item["current_period_end"]),
            price=item["price"],
            quantity=quantity,
            metadata=subscription["metadata"],
            item=item,
        )
        return Drafted(line, self.rates(subscription, item), self.api.discounts.terms(item["discounts"]))

    def _amount(self, item: Json) -> int:
        whole = price_of(item["price"], item["quantity"])
        recurring, end = item["price"]["recurring"], item["current_period_end"]
        start = later(end, recurring["interval"], -recurring["interval_count"])
        part = end - item["current_period_start"]
        is_cut_short = part < (end - start) * 9 // 10
        return share(whole, part, end - start) if is_cut_short else whole

    def _of_waiting(self, invoice_item: Json) -> Drafted:
        hidden = self.ledger.hidden[invoice_item["id"]]
        details = (invoice_item["pricing"] or {}).get("price_details") or {}
        price = self.ledger.known(details["price"]) if details else None
        line = objects.line(
            self.ledger.new_id("il"),
            amount=invoice_item["amount"],
            currency=invoice_item["currency"],
            description=invoice_item["description"],
            period=(invoice_item["period"]["start"], invoice_item["period"]["end"]),
            price=price,
            quantity=invoice_item["quantity"],
            discountable=invoice_item["discountable"],
            metadata=invoice_item["metadata"],
            item=hidden.get("item"),
            invoice_item=invoice_item,
        )
        rates = invoice_item["tax_rates"] or hidden.get("rates", [])
        return Drafted(line, rates, self.api.discounts.terms(invoice_item["discounts"]))

    def name_of(self, price: Json) -> str:
        product = self.ledger.known(price["product"]) or {}
        return str(product.get("name", price["product"]))
