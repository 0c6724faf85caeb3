"""What is sold: products and their prices, and the plans that prices were once called."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, either, require

_PRODUCT = "active description images metadata name statement_descriptor unit_label url"
_PRICE = "active metadata nickname tax_behavior"


class Products(Resource):
    kind, service = "product", "products"
    generic = ("retrieve", "list", "search")
    filters = {"ids": lambda product, ids: product["id"] in ids}

    @answers("products.create", accepts=f"{_PRODUCT} default_price_data id tax_code type")
    def create(self, given: Given) -> Json:
        product = self.make(given)
        if data := given.get("default_price_data"):
            price = self.api.prices.make({**data, "product": product["id"]})
            with self.ledger.changing(product, "product.updated"):
                product["default_price"] = price["id"]
        return product

    @answers("products.update", accepts=f"{_PRODUCT} default_price tax_code")
    def update(self, id: str, given: Given) -> Json:
        product = self.get(id)
        if price := given.get("default_price"):
            self.api.prices.get(price, "default_price")
        with self.ledger.changing(product, "product.updated"):
            copy_fields(product, given, f"{_PRODUCT} default_price tax_code")
            product["updated"] = self.ledger.at
        return product

    @answers("products.delete")
    def delete(self, id: str, given: Given) -> Json:
        product = self.get(id)
        if self.ledger.all("price", product=id):
            raise Refused("This product cannot be deleted because it has one or more user-created prices.")
        self.ledger.emit("product.deleted", product)
        return self.ledger.add({"id": id, "object": "product", "deleted": True})

    def make(self, given: Mapping[str, Any]) -> Json:
        id = given.get("id") or self.ledger.new_id("prod")
        if self.ledger.has("product", id):
            raise Refused("Product already exists.", code="resource_already_exists", param="id")
        product = objects.product(id, at=self.ledger.at, name=given["name"])
        copy_fields(product, given, f"{_PRODUCT} tax_code")
        return self.ledger.add(product, "product.created")


class Prices(Resource):
    kind, service = "price", "prices"
    generic = ("retrieve", "list", "search")
    filters = {"lookup_keys": lambda price, keys: price["lookup_key"] in keys}

    @answers(
        "prices.create",
        accepts=f"{_PRICE} billing_scheme currency lookup_key product product_data recurring.interval"
        " recurring.interval_count recurring.trial_period_days recurring.usage_type transfer_lookup_key unit_amount"
        " unit_amount_decimal",
    )
    def create(self, given: Given) -> Json:
        return self.make(given)

    @answers("prices.update", accepts=f"{_PRICE} lookup_key transfer_lookup_key")
    def update(self, id: str, given: Given) -> Json:
        price = self.get(id)
        self._claim_lookup_key(given, price)
        with self.ledger.changing(price, "price.updated"):
            copy_fields(price, given, f"{_PRICE} lookup_key")
        return price

    def make(self, given: Mapping[str, Any], *, id: str | None = None) -> Json:
        """A price from the parameters of its creation, or from the `price_data` of something else."""
        amount = self._amount(given)
        either(given, "product", "product_data")
        if not given.get("product") and not given.get("product_data"):
            raise Refused("You must specify either `product` or `product_data` when creating a price.", param="product")
        if product := given.get("product"):
            self.api.products.get(product, "product")
        self._claim_lookup_key(given)
        price = objects.price(
            id or self.ledger.new_id("price"),
            at=self.ledger.at,
            product=product or self.api.products.make(given["product_data"])["id"],
            unit_amount=amount,
            currency=given["currency"].lower(),
            recurring=given.get("recurring"),
            lookup_key=given.get("lookup_key"),
        )
        copy_fields(price, given, _PRICE)
        self.ledger.add(price)
        if price["recurring"]:
            self.ledger.emit("plan.created", objects.plan(price))
        self.ledger.emit("price.created", price)
        return price

    def named(self, given: Mapping[str, Any], param: str = "price") -> Json:
        """The price that a line names by `price`, or (an older spelling) `plan`, or makes by `price_data`."""
        either(given, "price", "price_data", "plan")
        if data := given.get("price_data"):
            return self.make(data)
        return self.get(given.get("price") or given.get("plan") or require(given, "price"), param)

    def _amount(self, given: Mapping[str, Any]) -> Decimal:
        either(given, "unit_amount", "unit_amount_decimal")
        amount = given.get("unit_amount", given.get("unit_amount_decimal"))
        if amount is None:
            raise Refused("Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.")
        if amount < 0:
            raise Refused("Invalid non-negative integer", code="parameter_invalid_integer", param="unit_amount")
        return Decimal(amount)

    def _claim_lookup_key(self, given: Mapping[str, Any], claimant: Json | None = None) -> None:
        """A lookup key names one price; it is handed over only on request."""
        if not (key := given.get("lookup_key")):
            return
        for price in self.ledger.all("price", lookup_key=key):
            if price is claimant:
                continue
            if not given.get("transfer_lookup_key"):
                raise Refused(f"A price (`{price['id']}`) already uses that lookup key.", param="lookup_key")
            with self.ledger.changing(price, "price.updated"):
                price["lookup_key"] = None


class Plans(Resource):
    """The older name of a recurring price; what is changed on one is changed on the other."""

    kind, service = "plan", "plans"
    generic = ("list",)

    @answers("plans.create", accepts="amount currency interval interval_count metadata nickname product")
    def create(self, given: Given) -> Json:
        recurring = {name: given[name] for name in ("interval", "interval_count") if name in given}
        product = given.get("product")
        of = {"product_data": product} if isinstance(product, Mapping) else {"product": product}
        rest = {name: given[name] for name in ("currency", "metadata", "nickname") if name in given}
        price = self.api.prices.make({**rest, **of, "recurring": recurring, "unit_amount": given.get("amount")})
        return objects.plan(price)

    @answers("plans.retrieve")
    def retrieve(self, id: str, given: Given) -> Json:
        return objects.plan(self.api.prices.get(id))

    @answers("plans.update", accepts="active metadata nickname")
    def update(self, id: str, given: Given) -> Json:
        price = self.api.prices.get(id)
        before = objects.plan(price)
        copy_fields(price, given, "active metadata nickname")
        self.ledger.emit("plan.updated", objects.plan(price), before)
        return objects.plan(price)

    @answers("plans.delete")
    def delete(self, id: str, given: Given) -> Json:
        price = self.api.prices.get(id)
        self.ledger.emit("plan.deleted", objects.plan(price))
        self.ledger.add({"id": id, "object": "price", "deleted": True})
        return {"id": id, "object": "plan", "deleted": True}

    def listed(self) -> list[Json]:
        return [objects.plan(price) for price in self.api.prices.listed() if price["recurring"]]
