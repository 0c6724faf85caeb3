"""Customers, their tax numbers, and the balance that their next invoices use up."""

from __future__ import annotations

from string import ascii_uppercase, digits
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import fitting, paged
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Part, Resource, answers, copy_fields

_FIELDS = (
    "business_name description email individual_name invoice_prefix metadata name next_invoice_sequence phone"
    " preferred_locales shipping tax_exempt"
)
_ACCEPTED = (
    f"{_FIELDS} address balance coupon invoice_settings.custom_fields invoice_settings.default_payment_method"
    " invoice_settings.footer source validate"
)


class Customers(Resource):
    kind, service = "customer", "customers"
    generic = ("retrieve", "list", "search")

    @answers("customers.create", accepts=f"{_ACCEPTED} payment_method tax_id_data test_clock")
    def create(self, given: Given) -> Json:
        if clock := given.get("test_clock"):
            self.api.test_clocks.get(clock, "test_clock")
        method = self.api.payment_methods.resolve(given["payment_method"]) if given.get("payment_method") else None
        if method:
            self.api.payment_methods.refuse_unattachable(method, "payment_method")
        if source := given.get("source"):
            self.api.sources.refuse_declined(source)
        if coupon := given.get("coupon"):
            self.api.coupons.get(coupon, "coupon")
        customer = self.make(given)
        if method:
            self.api.payment_methods.belong(method, customer, "payment_method")
        self._settle(customer, given, method)
        return customer

    @answers("customers.update", accepts=f"{_ACCEPTED} default_source")
    def update(self, id: str, given: Given) -> Json:
        customer = self.get(id)
        default = given.get("invoice_settings", {}).get("default_payment_method")
        method = self.api.payment_methods.owned(default, customer) if default else None
        with self.ledger.changing(customer, "customer.updated"):
            self._take_over(customer, given)
        self._settle(customer, given, method)
        return customer

    @answers("customers.delete")
    def delete(self, id: str, given: Given) -> Json:
        """The customer is gone and every subscription with it, now; what the API answers from then on is a stub."""
        customer = self.get(id)
        for subscription in self.ledger.all("subscription", customer=id):
            if subscription["ended_at"] is None:
                self.api.subscription_life.end(subscription, None)
        self.ledger.emit("customer.deleted", customer)
        return self.ledger.add({"id": id, "object": "customer", "deleted": True})

    @answers("customers.delete_discount")
    def delete_discount(self, id: str, given: Given) -> Json:
        customer = self.get(id)
        discount: Json = customer["discount"]
        if not discount:
            raise Refused(f"No active discount for customer: {id}", code="resource_missing")
        self._drop_discount(customer)
        return {**discount, "deleted": True}

    @answers("customers.payment_methods.list", accepts="type allow_redisplay limit starting_after ending_before")
    def payment_methods(self, id: str, given: Given) -> Json:
        owned = fitting(self.api.payment_methods.listed(), {**given, "customer": self.get(id)["id"]}, {})
        return paged(owned, given, f"/v1/customers/{id}/payment_methods")

    @answers("customers.payment_methods.retrieve")
    def payment_method(self, id: str, method: str, given: Given) -> Json:
        return self.api.payment_methods.owned(method, self.get(id))

    def make(self, given: Given) -> Json:
        customer = objects.customer(
            given.get("id") or self.ledger.new_id("cus"),
            at=self.ledger.at,
            email=given.get("email"),
            invoice_prefix=self.ledger.letters(8, ascii_uppercase + digits),
            test_clock=given.get("test_clock"),
        )
        self._take_over(customer, given)
        return self.ledger.add(customer, "customer.created")

    def pays_with(self, customer: Json) -> Json | None:
        """The default payment method, or the older default source."""
        id = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
        return self.ledger.known(id) if id else None

    def note_currency(self, customer: Json, currency: str) -> None:
        """A customer is billed in one currency for as long as there is something to bill."""
        if customer["currency"] not in (None, currency):
            raise Refused(
                f"You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or"
                f" invoice item with currency {customer['currency']}."
            )
        with self.ledger.changing(customer, "customer.updated"):
            customer["currency"] = currency

    def _take_over(self, customer: Json, given: Given) -> None:
        copy_fields(customer, given, _FIELDS)
        if address := given.get("address"):
            customer["address"] = {**objects.address(), **(customer["address"] or {}), **address}
        elif "address" in given:
            customer["address"] = None
        copy_fields(customer["invoice_settings"], given.get("invoice_settings", {}), "custom_fields footer")

    def _settle(self, customer: Json, given: Given, method: Json | None) -> None:
        """What concerns other objects too, once the customer is there."""
        if source := given.get("source"):
            self.api.sources.add(customer, source)
        with self.ledger.changing(customer, "customer.updated"):
            if default := given.get("invoice_settings", {}).get("default_payment_method"):
                chosen = method or self.api.payment_methods.owned(default, customer)
                customer["invoice_settings"]["default_payment_method"] = chosen["id"]
            copy_fields(customer, given, "default_source")
        for tax_id in given.get("tax_id_data", ()):
            self.api.tax_ids.make(customer, tax_id)
        if "balance" in given:
            self.api.balances.change(customer, given["balance"] - customer["balance"], "adjustment")
        if "coupon" in given:
            self._put_on(customer, given["coupon"])

    def _put_on(self, customer: Json, coupon: str) -> None:
        """The older way of a discount: one for all that a customer buys. An empty text takes it off."""
        if customer["discount"] and not coupon:
            self._drop_discount(customer)
        if not coupon:
            return
        terms = self.api.coupons.get(coupon, "coupon")
        self.api.coupons.redeem(terms)
        former = customer["discount"]
        discount = self.ledger.add(
            objects.discount(
                self.ledger.new_id("di"), start=self.ledger.at, end=None, coupon=coupon, customer=customer["id"]
            )
        )
        with self.ledger.changing(customer, "customer.updated"):
            customer["discount"] = discount
        type = "customer.discount.updated" if former else "customer.discount.created"
        self.ledger.emit(type, discount, former)

    def _drop_discount(self, customer: Json) -> None:
        self.ledger.emit("customer.discount.deleted", customer["discount"])
        with self.ledger.changing(customer, "customer.updated"):
            customer["discount"] = None


class Balances(Part):
    """A customer's balance: what the next invoices take from, or add. Negative is the customer's credit."""

    @answers("customers.balance_transactions.create", accepts="amount currency description metadata")
    def create(self, id: str, given: Given) -> Json:
        customer = self.api.customers.get(id)
        self.api.customers.note_currency(customer, given["currency"])
        entry = self.change(customer, given["amount"], "adjustment", description=given.get("description"))
        copy_fields(entry, given, "metadata")
        return entry

    @answers("customers.balance_transactions.list", accepts="invoice limit starting_after ending_before")
    def list(self, id: str, given: Given) -> Json:
        entries = self.ledger.all("customer_balance_transaction", customer=self.api.customers.get(id)["id"])
        return paged(fitting(entries[::-1], given, {}), given, f"/v1/customers/{id}/balance_transactions")

    @answers("customers.balance_transactions.retrieve")
    def retrieve(self, id: str, entry: str, given: Given) -> Json:
        return self.ledger.get("customer_balance_transaction", entry)

    def change(self, customer: Json, by: int, type: str, **about: str | None) -> Json:
        """The entry of a change by so many minor units; `about` names the invoice or the credit note."""
        with self.ledger.changing(customer, "customer.updated"):
            customer["balance"] += by
        return self.ledger.add(
            objects.balance_entry(
                self.ledger.new_id("cbtxn"),
                at=self.ledger.at,
                customer=customer,
                amount=by,
                type=type,
                ending=customer["balance"],
                **about,
            )
        )


class TaxIds(Part):
    """Customers' tax numbers; Stripe does not check most of them."""

    @answers("customers.tax_ids.create", accepts="type value")
    def create(self, id: str, given: Given) -> Json:
        return self.make(self.api.customers.get(id), given)

    @answers("customers.tax_ids.retrieve")
    def retrieve(self, id: str, tax_id: str, given: Given) -> Json:
        return self.ledger.get("tax_id", tax_id)

    @answers("customers.tax_ids.list", accepts="limit starting_after ending_before")
    def list(self, id: str, given: Given) -> Json:
        return paged(self.of(self.api.customers.get(id)["id"])[::-1], given, f"/v1/customers/{id}/tax_ids")

    @answers("customers.tax_ids.delete")
    def delete(self, id: str, tax_id: str, given: Given) -> Json:
        self.ledger.emit("customer.tax_id.deleted", self.ledger.get("tax_id", tax_id))
        return self.ledger.add({"id": tax_id, "object": "tax_id", "deleted": True})

    def make(self, customer: Json, given: Any) -> Json:
        tax_id = objects.tax_id(
            self.ledger.new_id("txi"),
            at=self.ledger.at,
            customer=customer["id"],
            type=given["type"],
            value=given["value"],
        )
        return self.ledger.add(tax_id, "customer.tax_id.created")

    def of(self, customer: str) -> list[Json]:
        return self.ledger.all("tax_id", customer=customer)
