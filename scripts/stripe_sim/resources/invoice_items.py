"""Invoice items: what waits for the customer's next invoice, or was put on a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.money import price_of, rounded
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_FIELDS = "description discountable metadata"


class InvoiceItems(Resource):
    kind, service = "invoiceitem", "invoice_items"
    generic = ("retrieve", "list")
    filters = {"pending": lambda item, wanted: (item["invoice"] is None) == wanted}

    @answers(
        "invoice_items.create",
        accepts=f"{_FIELDS} amount currency customer discounts invoice period price_data pricing.price quantity"
        " subscription tax_rates unit_amount_decimal",
    )
    def create(self, given: Given) -> Json:
        customer = self.api.customers.get(given.get("customer", ""), "customer")
        invoice = self.api.invoices.get(given["invoice"], "invoice") if "invoice" in given else None
        if invoice and invoice["status"] != "draft":
            raise Refused("This invoice is no longer editable", code="invoice_not_editable", param="invoice")
        self.api.discounts.refuse_unusable(given.get("discounts", ()), customer)
        item = self.compose(customer, given)
        self.api.customers.note_currency(customer, item["currency"])
        self._put_down(item, customer, given)
        if invoice:
            item["invoice"] = invoice["id"]
            with self.ledger.changing(invoice, "invoice.updated"):
                self.api.invoicing.redraft(invoice, self.api.lines.of_waiting([item]))
        return item

    @answers("invoice_items.update", accepts=f"{_FIELDS} amount tax_rates")
    def update(self, id: str, given: Given) -> Json:
        item = self._waiting(id)
        copy_fields(item, given, f"{_FIELDS} amount")
        item["net_amount"] = item["amount"]
        if "tax_rates" in given:
            item["tax_rates"] = self.api.tax_rates.named(given["tax_rates"])
        return item

    @answers("invoice_items.delete")
    def delete(self, id: str, given: Given) -> Json:
        self.ledger.emit("invoiceitem.deleted", self._waiting(id))
        return self.ledger.add({"id": id, "object": "invoiceitem", "deleted": True})

    def make(self, customer: Json, given: Mapping[str, Any]) -> Json:
        """An item that waits from now on."""
        return self._put_down(self.compose(customer, given), customer, given)

    def _put_down(self, item: Json, customer: Json, given: Mapping[str, Any]) -> Json:
        item["discounts"] = self.api.discounts.redeem(given.get("discounts", ()), customer, invoice_item=item["id"])
        return self.ledger.add(item, "invoiceitem.created")

    def compose(self, customer: Json, given: Mapping[str, Any]) -> Json:
        """An item that nobody knows of: an amount, or a quantity of a price (`pricing.price`, `price_data`, …)."""
        price = self._price(given)
        quantity = given.get("quantity", 1)
        currency = price["currency"] if price else str(given.get("currency") or customer["currency"] or "usd").lower()
        period = given.get("period") or {"start": self.ledger.at, "end": self.ledger.at}
        item = objects.invoice_item(
            self.ledger.new_id("ii"),
            at=self.ledger.at,
            customer=customer,
            amount=self._amount(given, price, quantity),
            currency=currency,
            description=self.api.lines.name_of(price) if price else None,
            period=(period["start"], period["end"]),
            price=price,
            quantity=quantity,
        )
        copy_fields(item, given, _FIELDS)
        item["tax_rates"] = self.api.tax_rates.named(given.get("tax_rates", ()))
        if subscription := given.get("subscription"):
            self.api.subscriptions.get(subscription, "subscription")
            item["parent"] = {
                "subscription_details": {"subscription": subscription, "subscription_item": None},
                "type": "subscription_details",
            }
        return item

    def waiting(self, customer: str, subscription: str | None) -> list[Json]:
        """What the next invoice takes along: of the customer, for this subscription or for none."""
        of_customer = self.ledger.all("invoiceitem", customer=customer, invoice=None)
        return [each for each in of_customer if _subscription_of(each) in (None, subscription)]

    def of_subscription(self, subscription: str) -> list[Json]:
        """What waits for a subscription alone."""
        return [each for each in self.ledger.all("invoiceitem", invoice=None) if _subscription_of(each) == subscription]

    def _price(self, given: Mapping[str, Any]) -> Json | None:
        named = {**given, **given.get("pricing", {})}
        return self.api.prices.named(named) if named.get("price") or named.get("price_data") else None

    @staticmethod
    def _amount(given: Mapping[str, Any], price: Json | None, quantity: int) -> int:
        if price is not None:
            return price_of(price, quantity)
        if "unit_amount_decimal" in given:
            return rounded(given["unit_amount_decimal"] * quantity)
        if "amount" not in given:
            raise Refused("You must specify an amount or a price.", code="parameter_missing", param="amount")
        amount: int = given["amount"]
        return amount

    def _waiting(self, id: str) -> Json:
        item = self.get(id)
        if item["invoice"] is not None:
            raise Refused("This invoice item is already attached to an invoice.", code="invoice_not_editable")
        return item


def _subscription_of(item: Json) -> str | None:
    details = (item.get("parent") or {}).get("subscription_details") or {}
    return details.get("subscription")
