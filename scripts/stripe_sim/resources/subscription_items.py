"""Subscription items by themselves: each change of one is a change of its subscription."""

from __future__ import annotations

from scripts.stripe_sim.errors import NotThere
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import paged
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers

_ITEM = ("price", "price_data", "plan", "quantity", "metadata", "tax_rates", "discounts")
_ACCEPTED = " ".join((*_ITEM, "payment_behavior", "proration_behavior", "proration_date"))


class SubscriptionItems(Resource):
    kind, service = "subscription_item", "subscription_items"
    generic = ()

    @answers("subscription_items.create", accepts=f"{_ACCEPTED} subscription")
    def create(self, given: Given) -> Json:
        subscription = self.api.subscriptions.live(given["subscription"])
        known = {item["id"] for item in subscription["items"]["data"]}
        self._change(subscription["id"], {}, given)
        return next(item for item in subscription["items"]["data"] if item["id"] not in known)

    @answers("subscription_items.update", accepts=_ACCEPTED)
    def update(self, id: str, given: Given) -> Json:
        self._change(self._of(id)["subscription"], {"id": id}, given)
        return self._of(id)

    @answers("subscription_items.delete", accepts="clear_usage payment_behavior proration_behavior proration_date")
    def delete(self, id: str, given: Given) -> Json:
        self._change(self._of(id)["subscription"], {"id": id, "deleted": True}, given)
        return {"id": id, "object": "subscription_item", "deleted": True}

    @answers("subscription_items.retrieve")
    def retrieve(self, id: str, given: Given) -> Json:
        return self._of(id)

    @answers("subscription_items.list", accepts="limit subscription starting_after ending_before")
    def list(self, given: Given) -> Json:
        subscription = self.api.subscriptions.get(given["subscription"], "subscription")
        return paged(subscription["items"]["data"], given, subscription["items"]["url"])

    def _change(self, subscription: str, item: Json, given: Given) -> None:
        item |= {name: given[name] for name in _ITEM if name in given}
        rest = {name: value for name, value in given.items() if name not in (*_ITEM, "subscription", "clear_usage")}
        self.api.subscriptions.update(subscription, {**rest, "items": [item]})

    def _of(self, id: str) -> Json:
        """The item of a subscription that has it now."""
        item = self.ledger.get("subscription_item", id)
        items = self.ledger.get("subscription", item["subscription"])["items"]["data"]
        found = next((each for each in items if each["id"] == id), None)
        if found is None:
            raise NotThere("subscription_item", id)
        return found
