"""Setup intents: a payment method is prepared, and if need be authenticated, for payments without its owner."""

from __future__ import annotations

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.payment_methods import declined
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_CONFIRMING = "allowed_payment_method_types mandate_data payment_method payment_method_data return_url"
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class SetupIntents(Resource):
    kind, service = "setup_intent", "setup_intents"
    filters = {"attach_to_self": lambda intent, wanted: not wanted}

    @answers(
        "setup_intents.create",
        accepts=f"{_CONFIRMING} automatic_payment_methods confirm customer description metadata usage",
    )
    def create(self, given: Given) -> Json:
        customer = self.api.customers.get(given["customer"], "customer")["id"] if "customer" in given else None
        method = self._method(given)
        intent = objects.setup_intent(
            self.ledger.new_id("seti"),
            at=self.ledger.at,
            customer=customer,
            payment_method=method["id"] if method else None,
            secret=self.ledger.letters(30),
            types=given.get("allowed_payment_method_types"),
        )
        copy_fields(intent, given, "automatic_payment_methods description metadata usage")
        self.ledger.add(intent, "setup_intent.created")
        if given.get("confirm"):
            self._confirm(intent)
        return intent

    @answers("setup_intents.update", accepts="customer description metadata payment_method")
    def update(self, id: str, given: Given) -> Json:
        intent, method = self._open(id), self._method(given)
        copy_fields(intent, given, "customer description metadata")
        if method:
            intent.update(payment_method=method["id"], status="requires_confirmation")
        return intent

    @answers("setup_intents.confirm", accepts=_CONFIRMING)
    def confirm(self, id: str, given: Given) -> Json:
        intent, method = self._open(id), self._method(given)
        if method:
            intent["payment_method"] = method["id"]
        self._confirm(intent)
        return intent

    @answers("setup_intents.cancel", accepts="cancellation_reason")
    def cancel(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self._open(id), "setup_intent.canceled") as intent:
            intent.update(status="canceled", cancellation_reason=given.get("cancellation_reason"), next_action=None)
        return intent

    def authenticate(self, intent: Json, *, agrees: bool) -> None:
        """The owner confirms on the bank's page, or does not."""
        if agrees:
            self._succeed(intent)
        else:
            self._fail(intent, ("setup_intent_authentication_failure", "authentication_failed"))

    def _confirm(self, intent: Json) -> None:
        if intent["payment_method"] is None:
            raise Refused("You cannot confirm this SetupIntent because it's missing a payment method.")
        method = self.api.payment_methods.resolve(intent["payment_method"])
        behaviour = self.api.payment_methods.behaviour(method)
        if behaviour.decline and behaviour.declines_when == "attached":
            self._fail(intent, behaviour.decline)
            raise declined(behaviour.decline, method, setup_intent=self.ledger.lookup(intent["id"]))
        if behaviour.authentication == "never":
            self._succeed(intent)
            return
        page = f"{self.api.url}/authenticate/{intent['id']}"
        with self.ledger.changing(intent, "setup_intent.requires_action"):
            intent["status"] = "requires_action"
            intent["next_action"] = {"redirect_to_url": {"return_url": None, "url": page}, "type": "redirect_to_url"}

    def _succeed(self, intent: Json) -> None:
        method = self.api.payment_methods.resolve(intent["payment_method"])
        self.ledger.hidden[method["id"]]["set_up"] = True
        if intent["customer"]:
            self.api.payment_methods.belong(method, self.api.customers.get(intent["customer"]), "payment_method")
        with self.ledger.changing(intent, "setup_intent.succeeded"):
            intent.update(status="succeeded", next_action=None, last_setup_error=None)

    def _fail(self, intent: Json, decline: tuple[str, str]) -> None:
        method = self.api.payment_methods.resolve(intent["payment_method"])
        with self.ledger.changing(intent, "setup_intent.setup_failed"):
            intent.update(status="requires_payment_method", payment_method=None, next_action=None)
            intent["last_setup_error"] = objects.declined(decline, self.ledger.retrieve(method["object"], method["id"]))

    def _method(self, given: Given) -> Json | None:
        if "payment_method" in given:
            return self.api.payment_methods.resolve(given["payment_method"])
        data = given.get("payment_method_data")
        return self.api.payment_methods.make(data) if data else None

    def _open(self, id: str) -> Json:
        intent = self.get(id)
        if intent["status"] not in _OPEN:
            raise Refused(
                f"You cannot perform this action on this SetupIntent because it has a status of {intent['status']}.",
                code="setup_intent_unexpected_state",
            )
        return intent
