"""What customers pay with: Stripe's documented test cards and accounts, attached, replaced, taken off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.cards import BY_NUMBER, CARDS, FINE, MESSAGES, Behaviour, TestCard, of_iban
from scripts.stripe_sim.errors import CardError, NotSimulated, NotThere, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Part, Resource, answers, copy_fields, require

TYPES = ("card", "customer_balance", "sepa_debit")


class PaymentMethods(Resource):
    kind, service = "payment_method", "payment_methods"

    @answers(
        "payment_methods.create",
        accepts="allow_redisplay billing_details card customer_balance metadata sepa_debit type",
    )
    def create(self, given: Given) -> Json:
        return self.make(given)

    @answers("payment_methods.update", accepts="allow_redisplay billing_details card.exp_month card.exp_year metadata")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "payment_method.updated") as method:
            copy_fields(method, given, "allow_redisplay metadata")
            _bill(method, given)
            copy_fields(method.get("card", {}), given.get("card", {}), "exp_month exp_year")
        return method

    @answers("payment_methods.attach", accepts="customer")
    def attach(self, id: str, given: Given) -> Json:
        customer = self.api.customers.get(require(given, "customer"), "customer")
        method = self.resolve(id, "id")
        self.belong(method, customer, "id")
        return method

    @answers("payment_methods.detach")
    def detach(self, id: str, given: Given) -> Json:
        method = self.get(id)
        if method["customer"] is None:
            raise Refused("The payment method you provided is not attached to a customer so detachment is impossible.")
        customer = self.api.customers.get(method["customer"])
        with self.ledger.changing(customer, "customer.updated"):
            if customer["invoice_settings"]["default_payment_method"] == id:
                customer["invoice_settings"]["default_payment_method"] = None
        for subscription in self.ledger.all("subscription", default_payment_method=id):
            with self.ledger.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = None
        with self.ledger.changing(method, "payment_method.detached"):
            method["customer"] = None
        return method

    def make(self, given: Mapping[str, Any]) -> Json:
        """A payment method from the parameters of its creation, or from an intent's `payment_method_data`."""
        type = require(given, "type")
        if type not in TYPES:
            raise NotSimulated(f"payment methods of the type {type}")
        if type == "card":
            data = require(given, "card")
            return self.of_card(_card(data), given, data)
        if type == "sepa_debit":
            iban = require(given, "sepa_debit")["iban"].replace(" ", "")
            return self._add(type, objects.sepa_details(iban), given, of_iban(iban))
        return self._add(type, {}, given, FINE)

    def of_card(
        self, card: TestCard, given: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
    ) -> Json:
        expiry = {name: data[name] for name in ("exp_month", "exp_year") if data and name in data}
        return self._add("card", objects.card_details(card, **expiry), given or {}, card.behaviour)

    def resolve(self, id: str, param: str = "payment_method") -> Json:
        """The payment method of an id; a documented one, `pm_card_visa`, becomes a new copy. Also an older source."""
        found = self.ledger.known(id)
        if found and found["object"] in ("payment_method", "card"):
            return found
        card = CARDS.get(id.removeprefix("pm_card_"))
        if card is None or not id.startswith("pm_card_"):
            raise NotThere("PaymentMethod", id, param)
        return self.of_card(card)

    def belong(self, method: Json, customer: Json, param: str) -> None:
        """Attach a payment method to a customer, unless it is there. Raises CardError when the bank declines that."""
        if method["customer"] == customer["id"]:
            return
        self.refuse_unattachable(method, param)
        method["customer"] = customer["id"]
        self.ledger.emit("payment_method.attached", method)

    def refuse_unattachable(self, method: Json, param: str) -> None:
        if method["customer"] is not None:
            raise Refused("The payment method you provided has already been attached to a customer.", param=param)
        behaviour = self.behaviour(method)
        if behaviour.decline and behaviour.declines_when == "attached":
            raise declined(behaviour.decline, method)

    def owned(self, id: str, customer: Json) -> Json:
        """A payment method that belongs to the customer."""
        method = self.resolve(id)
        if method["customer"] != customer["id"]:
            raise Refused(
                f"The customer does not have a payment method with the ID {id}. The payment method must be attached to"
                " the customer.",
                code="resource_missing",
                param="default_payment_method",
            )
        return method

    def behaviour(self, method: Json) -> Behaviour:
        """What the bank does with charges of it."""
        return self.ledger.hidden[method["id"]].get("behaviour", FINE)  # type: ignore[no-any-return]

    def behave(self, method: Json, behaviour: Behaviour) -> None:
        """From now on the bank treats it so: a card that worked fails, or works again."""
        self.ledger.hidden[method["id"]]["behaviour"] = behaviour

    def _add(self, type: str, details: Json, given: Mapping[str, Any], behaviour: Behaviour) -> Json:
        method = objects.payment_method(
            self.ledger.new_id("pm"),
            at=self.ledger.at,
            type=type,
            details=details,
            billing=objects.billing_details(),
        )
        copy_fields(method, given, "allow_redisplay metadata")
        _bill(method, given)
        self.behave(method, behaviour)
        return self.ledger.add(method)


class Sources(Part):
    """Cards in the older shape, which a customer's `source` makes."""

    @answers("customers.payment_sources.create", accepts="source metadata")
    def create(self, id: str, given: Given) -> Json:
        source = self.add(self.api.customers.get(id), given["source"])
        copy_fields(source, given, "metadata")
        return source

    @answers("customers.payment_sources.update", accepts="metadata name exp_month exp_year")
    def update(self, id: str, source: str, given: Given) -> Json:
        with self.ledger.changing(self.ledger.get("card", source), "customer.source.updated") as card:
            copy_fields(card, given, "metadata name exp_month exp_year")
        return card

    @answers("customers.payment_sources.retrieve")
    def retrieve(self, id: str, source: str, given: Given) -> Json:
        return self.ledger.get("card", source)

    def refuse_declined(self, token: str) -> None:
        behaviour = _card({"token": token}).behaviour
        if behaviour.decline and behaviour.declines_when == "attached":
            code, decline_code = behaviour.decline
            raise CardError(MESSAGES[decline_code], code=code, decline_code=decline_code)

    def add(self, customer: Json, token: str) -> Json:
        """The first source of a customer becomes the default one."""
        self.refuse_declined(token)
        card = _card({"token": token})
        source = objects.card_source(self.ledger.new_id("card"), card=card, customer=customer["id"])
        self.ledger.hidden[source["id"]]["behaviour"] = card.behaviour
        self.ledger.add(source, "customer.source.created")
        with self.ledger.changing(customer, "customer.updated"):
            customer["default_source"] = customer["default_source"] or source["id"]
        return source


def declined(decline: tuple[str, str], method: Json, **more: Any) -> CardError:
    """The error of a payment method that the bank declines; `more` are `payment_intent`, `setup_intent`, `charge`."""
    error = objects.declined(decline, method)
    about = {"decline_code": error.get("decline_code"), "payment_method": None if more else method}
    return CardError(error["message"], code=error["code"], **about, **more)


def _card(data: Mapping[str, Any]) -> TestCard:
    """The test card of a token or a number. Real card numbers have no place here."""
    if token := data.get("token"):
        found = CARDS.get(token.removeprefix("tok_"))
        if found is None:
            raise NotThere("token", token, "source")
        return found
    number = require(data, "number").replace(" ", "")
    if number not in BY_NUMBER:
        raise CardError(
            "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test"
            " cards, visit: https://stripe.com/docs/testing.",
            code="card_declined",
            decline_code="test_mode_live_card",
        )
    return BY_NUMBER[number]


def _bill(method: Json, given: Mapping[str, Any]) -> None:
    details = {field: value or None for field, value in (given.get("billing_details") or {}).items()}
    if address := details.get("address"):
        details["address"] = {**objects.address(), **address}
    method["billing_details"] |= details
