"""Checkout sessions: what is offered, until a person pays or the session expires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import NotSimulated, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import paged
from scripts.stripe_sim.operations import Operation
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, either, require

_FIELDS = (
    "allow_promotion_codes billing_address_collection cancel_url client_reference_id customer_email locale metadata"
    " payment_method_collection submit_type success_url allowed_payment_method_types"
)
_ITEM = "line_items.price line_items.price_data line_items.quantity line_items.tax_rates line_items.metadata"
_SUBSCRIPTION = (
    "subscription_data.billing_cycle_anchor subscription_data.default_tax_rates subscription_data.description"
    " subscription_data.metadata subscription_data.proration_behavior subscription_data.trial_end"
    " subscription_data.trial_period_days subscription_data.trial_settings"
)
_PAYMENT = (
    "payment_intent_data.description payment_intent_data.metadata payment_intent_data.receipt_email"
    " payment_intent_data.setup_future_usage payment_intent_data.shipping payment_intent_data.capture_method"
)


class _Pays(TypedDict):
    payment_method: str


class ConfirmPageParams(_Pays, total=False):
    """What the page sends when somebody pays; the official command line does so too."""

    expected_amount: int


class CheckoutSessions(Resource):
    kind, service = "checkout.session", "checkout.sessions"
    filters = {
        "customer_details": lambda session, wanted: (session["customer_details"] or {}).get("email") == wanted["email"]
    }

    @answers(
        "checkout.sessions.create",
        accepts=f"{_FIELDS} {_ITEM} {_SUBSCRIPTION} {_PAYMENT} automatic_tax.enabled currency customer"
        " customer_creation customer_update discounts expires_at invoice_creation.enabled"
        " line_items.adjustable_quantity mode payment_method_options phone_number_collection.enabled"
        " tax_id_collection.enabled ui_mode",
    )
    def create(self, given: Given) -> Json:
        mode = given.get("mode", "payment")
        if mode == "setup" or given.get("ui_mode", "hosted_page") != "hosted_page":
            raise NotSimulated("this kind of checkout session (modes payment and subscription on a hosted page)")
        for name in ("automatic_tax", "phone_number_collection"):
            if given.get(name, {}).get("enabled"):
                raise NotSimulated(f"`{name}` in a checkout session")
        either(given, "customer", "customer_email")
        either(given, "discounts", "allow_promotion_codes")
        require(given, "success_url")
        items = [self._item(each, mode) for each in require(given, "line_items")]
        if mode == "subscription" and not any(item["price"]["recurring"] for item in items):
            raise Refused("You must provide at least one recurring price in `subscription` mode.", param="line_items")
        session = self._offer(given, mode, items)
        self._add_up(session)
        return self.ledger.add(session)

    @answers("checkout.sessions.expire")
    def expire(self, id: str, given: Given) -> Json:
        self._expire(self.open(id))
        return self.get(id)

    @answers("checkout.sessions.update", accepts="metadata")
    def update(self, id: str, given: Given) -> Json:
        copy_fields(self.get(id), given, "metadata")
        return self.get(id)

    @answers("checkout.sessions.line_items.list", accepts="limit starting_after ending_before")
    def line_items(self, id: str, given: Given) -> Json:
        return paged(self.shown_items(self.get(id)), given, f"/v1/checkout/sessions/{id}/line_items")

    @answers(Operation("GET", "/v1/payment_pages/{session}"))
    def page(self, id: str, given: Given) -> Json:
        return self.get(id)

    @answers(
        Operation("POST", "/v1/payment_pages/{session}/confirm", lambda: ConfirmPageParams),
        accepts="payment_method expected_amount",
    )
    def confirm_page(self, id: str, given: Given) -> Json:
        session = self.open(id)
        if given.get("expected_amount", session["amount_total"]) != session["amount_total"]:
            raise Refused("The amount has changed.", code="checkout_amount_mismatch", param="expected_amount")
        method = self.api.payment_methods.resolve(given["payment_method"])
        billing = method.get("billing_details") or {}
        self.api.completion.pay(session, method, email=billing.get("email"), name=billing.get("name"))
        return session

    def due(self, thing: Json) -> Iterator[Due]:
        if thing["status"] == "open":
            yield Due(thing["expires_at"], self._expire)

    def hear(self, session: Json, intent: Json) -> None:
        self.api.completion.hear(session, intent)

    def open(self, id: str) -> Json:
        session = self.get(id)
        if session["status"] != "open":
            raise Refused(
                f'Only Checkout Sessions with a status in ["open"] can be changed. This one is {session["status"]}.'
            )
        return session

    def items(self, session: Json) -> list[Json]:
        """`{"price": …, "quantity": …, "tax_rates": […]}` of each line."""
        items: list[Json] = self.ledger.hidden[session["id"]]["items"]
        return items

    def change_quantity(self, session: Json, quantities: Sequence[int]) -> None:
        """What a person chooses on the page, within what the vendor allows."""
        for item, quantity in zip(self.items(session), quantities, strict=True):
            limits = item["adjustable_quantity"]
            if quantity == item["quantity"]:
                continue
            if not limits or not limits.get("minimum", 0) <= quantity <= limits.get("maximum", 99):
                raise Refused("This quantity cannot be chosen.", param="line_items")
            item["quantity"] = quantity
        self._add_up(session)

    def apply_code(self, session: Json, code: str) -> None:
        """A promotion code that a person types in."""
        if not session["allow_promotion_codes"]:
            raise Refused("This session takes no promotion codes.", param="promotion_code")
        promotion = self.api.promotion_codes.typed_in(code)
        session["discounts"] = [{"coupon": None, "promotion_code": promotion["id"]}]
        self._add_up(session)

    def shown_items(self, session: Json) -> list[Json]:
        lines = self.api.completion.quote(session)["lines"]["data"]
        return [
            self._shown(session, item, line, at)
            for at, (item, line) in enumerate(zip(self.items(session), lines, strict=True))
        ]

    def _offer(self, given: Given, mode: str, items: list[Json]) -> Json:
        id = self.ledger.new_id("cs_test")
        currency = items[0]["price"]["currency"]
        session = objects.checkout_session(
            id, at=self.ledger.at, mode=mode, currency=currency, url=f"{self.api.url}/checkout/{id}"
        )
        copy_fields(session, given, _FIELDS)
        session["payment_method_types"] = session["allowed_payment_method_types"]
        if "tax_id_collection" in given:
            session["tax_id_collection"] = {"enabled": given["tax_id_collection"]["enabled"], "required": "never"}
        session["expires_at"] = given.get("expires_at", session["expires_at"])
        if "customer" in given:
            customer = self.api.customers.get(given["customer"], "customer")
            session.update(customer=customer["id"], customer_details=objects.customer_details(customer, None))
        else:
            session["customer_creation"] = (
                "always" if mode == "subscription" else given.get("customer_creation", "if_required")
            )
        session["discounts"] = [{"coupon": None, "promotion_code": None, **each} for each in given.get("discounts", ())]
        for each in given.get("discounts", ()):
            self.api.discounts.coupon_of(each)
        self.ledger.hidden[id].update(
            items=items,
            subscription=given.get("subscription_data", {}),
            payment=given.get("payment_intent_data", {}),
            invoices=given.get("invoice_creation", {}).get("enabled", False),
        )
        return session

    def _item(self, given: Mapping[str, Any], mode: str) -> Json:
        price = self.api.prices.named(given, "line_items[0][price]")
        if mode == "payment" and price["recurring"]:
            raise Refused("You specified `payment` mode but passed a recurring price.", param="line_items")
        if "quantity" not in given:
            raise Refused("Quantity is required. Add `quantity` to `line_items[0]`", param="line_items[0][quantity]")
        return {
            "id": self.ledger.new_id("li"),
            "price": price,
            "quantity": given["quantity"],
            "tax_rates": given.get("tax_rates", []),
            "metadata": given.get("metadata", {}),
            "adjustable_quantity": given.get("adjustable_quantity"),
        }

    def _add_up(self, session: Json) -> None:
        quote = self.api.completion.quote(session)
        session["amount_subtotal"], session["amount_total"] = quote["subtotal"], quote["total"]
        session["total_details"] = {
            "amount_discount": sum(each["amount"] for each in quote["total_discount_amounts"]),
            "amount_shipping": 0,
            "amount_tax": sum(each["amount"] for each in quote["total_taxes"]),
        }

    def _shown(self, session: Json, item: Json, line: Json, at: int) -> Json:
        discount = sum(each["amount"] for each in line["discount_amounts"])
        tax = sum(each["amount"] for each in line["taxes"] if each["tax_behavior"] == "exclusive")
        return objects.checkout_item(
            item["id"],
            price=item["price"],
            quantity=item["quantity"],
            description=self.api.lines.name_of(item["price"]),
            subtotal=line["amount"],
            discount=discount,
            tax=sum(each["amount"] for each in line["taxes"]),
            total=line["amount"] - discount + tax,
            metadata=item["metadata"],
        )

    def _expire(self, session: Json) -> None:
        with self.ledger.changing(session, "checkout.session.expired"):
            session.update(status="expired", url=None)
