"""A running subscription with other items: what is credited, what is billed, whether a new period begins.

Prorations to the second, as https://docs.stripe.com/billing/subscriptions/prorations describes them. A plan of a change
alters nothing: the preview shows it, the update carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, NamedTuple

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import NotSimulated, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.money import percent, price_of, share
from scripts.stripe_sim.periods import later
from scripts.stripe_sim.resources.resource import Part, merged

_BILLED = ("active", "past_due", "unpaid")


class Change(NamedTuple):
    """The items as they will be, the invoice items that make up for it, and, when a new period begins with it, when."""

    items: list[Json]
    prorations: list[Json]
    anchor: int | None = None


class SubscriptionChanges(Part):
    def plan(
        self,
        subscription: Json,
        given: Sequence[Mapping[str, Any]],
        *,
        prorates: bool,
        at: int,
        anchor_now: bool = False,
    ) -> Change:
        """The change to these items (`[{"id": …, "price": …, "quantity": …, "deleted": …}]`) at a moment."""
        before: list[Json] = subscription["items"]["data"]
        after = self.items_with(subscription, given)
        restarts = subscription["status"] != "trialing" and (anchor_now or _begins_anew(before, after))
        if restarts:
            _set_periods(after, at, at)
        counts = prorates and subscription["status"] in _BILLED
        made_up = list(self._prorations(subscription, before, after, at, restarts)) if counts else []
        return Change(after, made_up, at if restarts else None)

    def items_with(self, subscription: Json, given: Sequence[Mapping[str, Any]]) -> list[Json]:
        """Copies of the items with what is given; an item without an id is a further one."""
        items = {item["id"]: deepcopy(item) for item in subscription["items"]["data"]}
        for each in given:
            if each.get("deleted"):
                items.pop(self._known(each, items)["id"])
            elif "id" in each:
                self._alter(self._known(each, items), each)
            else:
                added = self.new_item(subscription["id"], each, _period_of(subscription))
                items[added["id"]] = added
        _refuse_unfit(subscription, list(items.values()))
        return list(items.values())

    def new_item(self, subscription: str, given: Mapping[str, Any], period: tuple[int, int]) -> Json:
        price = self.api.prices.named(given, "items[0][price]")
        _refuse_unsellable(price)
        item = objects.subscription_item(
            self.ledger.new_id("si"),
            at=self.ledger.at,
            subscription=subscription,
            price=deepcopy(price),
            quantity=1,
            period=period,
        )
        self._set(item, given)
        return item

    def take_over(self, subscription: Json, change: Change) -> None:
        """The subscription has the planned items from now on."""
        for item in change.items:
            self.ledger.add(item)
        subscription["items"]["data"] = change.items
        if change.anchor is not None:
            subscription["billing_cycle_anchor"] = change.anchor

    def credit(self, subscription: Json, at: int) -> list[Json]:
        """What the rest of the period is worth, as negative invoice items."""
        return [
            credited
            for item in subscription["items"]["data"]
            if (credited := self._proration(subscription, item, -1, at)) is not None
        ]

    def debit(self, subscription: Json, at: int) -> list[Json]:
        """The rest of the period, to be paid."""
        return [
            billed
            for item in subscription["items"]["data"]
            if (billed := self._proration(subscription, item, +1, at)) is not None
        ]

    def put_down(self, invoice_items: Iterable[Json]) -> None:
        """Planned invoice items wait for an invoice from now on."""
        for each in invoice_items:
            self.ledger.add(each, "invoiceitem.created")

    def _alter(self, item: Json, given: Mapping[str, Any]) -> None:
        if given.get("price") or given.get("price_data") or given.get("plan"):
            price = self.api.prices.named(given, "items[0][price]")
            _refuse_unsellable(price)
            item.update(price=deepcopy(price), plan=objects.plan(price))
        self._set(item, given)

    def _set(self, item: Json, given: Mapping[str, Any]) -> None:
        item["quantity"] = given.get("quantity", item["quantity"])
        if item["quantity"] < 0:
            raise Refused("Invalid non-negative integer", code="parameter_invalid_integer", param="items[0][quantity]")
        if "metadata" in given:
            item["metadata"] = merged(item["metadata"], given["metadata"])
        if "tax_rates" in given:
            item["tax_rates"] = self.api.tax_rates.named(given["tax_rates"])
        if "discounts" in given:
            item["discounts"] = self.api.discounts.redeem(given["discounts"], None, subscription_item=item["id"])

    def _prorations(
        self, subscription: Json, before: list[Json], after: list[Json], at: int, restarts: bool
    ) -> Iterable[Json]:
        kept = {item["id"]: item for item in after}
        former = {item["id"]: item for item in before}
        unlike = {id for id in kept.keys() & former.keys() if _terms(kept[id]) != _terms(former[id])}
        gone = former.keys() - kept.keys()
        credited = [item for item in before if restarts or item["id"] in unlike | gone]
        billed = [item for item in after if not restarts and (item["id"] in unlike or item["id"] not in former)]
        for sign, items in ((-1, credited), (+1, billed)):
            for item in items:
                if (proration := self._proration(subscription, item, sign, at)) is not None:
                    yield proration

    def _proration(self, subscription: Json, item: Json, sign: int, at: int) -> Json | None:
        """The rest of the item's period: credited (-1) or billed (+1); none where nothing is left to pay."""
        start, end = item["current_period_start"], item["current_period_end"]
        amount = share(self._net(subscription, item), end - at, end - start) if at < end else 0
        if amount == 0:
            return None
        name, quantity = self.api.lines.name_of(item["price"]), item["quantity"]
        day = datetime.fromtimestamp(at, UTC)
        proration = objects.invoice_item(
            self.ledger.new_id("ii"),
            at=self.ledger.at,
            customer=self.ledger.get("customer", subscription["customer"]),
            amount=sign * amount,
            currency=subscription["currency"],
            description=f"{'Unused' if sign < 0 else 'Remaining'} time on {quantity} × {name} after"
            f" {day.day} {day:%b %Y}",
            period=(at, end),
            price=item["price"],
            quantity=quantity,
            proration=True,
            item=item,
        )
        rates = self.api.lines.rates(subscription, item)
        self.ledger.hidden[proration["id"]].update(item=deepcopy(item), rates=rates)
        return proration

    def _net(self, subscription: Json, item: Json) -> int:
        """What a whole period of the item costs after discounts by percent, which prorations include."""
        amount = price_of(item["price"], item["quantity"])
        for _, coupon in self.api.discounts.terms(subscription["discounts"]):
            if coupon["percent_off"] is not None:
                amount -= percent(amount, coupon["percent_off"])
        return amount

    @staticmethod
    def _known(given: Mapping[str, Any], items: Mapping[str, Json]) -> Json:
        if given.get("id") not in items:
            raise Refused(
                f"No such subscription item: '{given.get('id')}'", code="resource_missing", param="items[0][id]"
            )
        return items[given["id"]]


def set_period(items: Iterable[Json], start: int, end: int) -> None:
    for item in items:
        item["current_period_start"], item["current_period_end"] = start, end


def _set_periods(items: Sequence[Json], anchor: int, at: int) -> None:
    recurring = items[0]["price"]["recurring"]
    set_period(items, at, later(anchor, recurring["interval"], recurring["interval_count"]))


def _period_of(subscription: Json) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def _terms(item: Json) -> tuple[str, int]:
    return item["price"]["id"], item["quantity"]


def _begins_anew(before: list[Json], after: list[Json]) -> bool:
    """Another interval begins a new period, and so does a price after none."""
    free = not any(price_of(item["price"], item["quantity"]) for item in before)
    costs = any(price_of(item["price"], item["quantity"]) for item in after)
    return _interval(before[0]) != _interval(after[0]) or (free and costs)


def _interval(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _refuse_unsellable(price: Json) -> None:
    if not price["active"]:
        raise Refused(f"The price specified is inactive. This field only accepts active prices: {price['id']}.")
    if not price["recurring"]:
        raise Refused(
            f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`:"
            f" {price['id']}."
        )


def _refuse_unfit(subscription: Json, items: list[Json]) -> None:
    if not items:
        raise Refused("A subscription must have at least one active plan.", param="items")
    if len({item["price"]["id"] for item in items}) < len(items):
        raise Refused("Cannot add multiple subscription items with the same plan.", param="items")
    if {item["price"]["currency"] for item in items} != {subscription["currency"]}:
        raise Refused("Currency must match across all prices on a subscription.", param="items")
    if len({_interval(item) for item in items}) > 1:
        raise NotSimulated("subscriptions whose items have different intervals")
