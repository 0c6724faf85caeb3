"""Payment links: an address at which anybody can buy, customers that the vendor has never seen among them."""

from __future__ import annotations

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_ACCEPTED = (
    "after_completion.redirect after_completion.type allow_promotion_codes metadata"
    " subscription_data.metadata subscription_data.trial_period_days"
)


class PaymentLinks(Resource):
    kind, service = "payment_link", "payment_links"

    @answers("payment_links.create", accepts=f"{_ACCEPTED} line_items.price line_items.quantity")
    def create(self, given: Given) -> Json:
        items = [{"price": item["price"], "quantity": item["quantity"]} for item in given["line_items"]]
        prices = [self.api.prices.get(item["price"], "line_items[0][price]") for item in items]
        id = self.ledger.new_id("plink")
        link = objects.payment_link(
            id,
            currency=prices[0]["currency"],
            subscribes=any(price["recurring"] for price in prices),
            url=f"{self.api.url}/pay/{id}",
        )
        self.ledger.hidden[id].update(items=items, subscription={})
        self._take_over(link, given)
        return self.ledger.add(link, "payment_link.created")

    @answers("payment_links.update", accepts=f"{_ACCEPTED} active")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "payment_link.updated") as link:
            self._take_over(link, given)
        return link

    def visit(self, link: Json) -> Json:
        """The checkout session of somebody who follows the link."""
        if not link["active"]:
            raise Refused("This link is not active any more.")
        redirect = link["after_completion"].get("redirect") or {"url": f"{self.api.url}/thanks"}
        hidden = self.ledger.hidden[link["id"]]
        subscribes = link["submit_type"] == "subscribe"
        session = self.api.checkout_sessions.create(
            {
                "mode": "subscription" if subscribes else "payment",
                "success_url": redirect["url"],
                "line_items": hidden["items"],
                "allow_promotion_codes": link["allow_promotion_codes"],
                "customer_creation": link["customer_creation"],
                "metadata": link["metadata"],
                "subscription_data": hidden["subscription"],
            }
        )
        session["payment_link"] = link["id"]
        return session

    def _take_over(self, link: Json, given: Given) -> None:
        copy_fields(link, given, "active allow_promotion_codes after_completion metadata")
        self.ledger.hidden[link["id"]]["subscription"] |= given.get("subscription_data", {})
