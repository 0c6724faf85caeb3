"""Payment intents: one purchase, confirmed, perhaps authenticated, captured or canceled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import CardError, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.money import SMALLEST_CHARGE, shown
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_FIELDS = "description metadata receipt_email statement_descriptor statement_descriptor_suffix transfer_group"
_METHOD = (
    "allowed_payment_method_types payment_method payment_method_data payment_method_options setup_future_usage shipping"
)
_CONFIRMING = f"{_METHOD} error_on_requires_action mandate_data off_session return_url"
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class PaymentIntents(Resource):
    kind, service = "payment_intent", "payment_intents"
    generic = ("retrieve", "list", "search")

    @answers(
        "payment_intents.create",
        accepts=f"{_FIELDS} {_CONFIRMING} amount automatic_payment_methods capture_method confirm confirmation_method"
        " currency customer",
    )
    def create(self, given: Given) -> Json:
        _refuse_too_small(given["amount"], given["currency"].lower())
        customer = self.api.customers.get(given["customer"], "customer")["id"] if "customer" in given else None
        method = self._method(given)
        intent = self.make(given["amount"], given["currency"].lower(), customer, given)
        if method:
            intent.update(payment_method=method["id"], status="requires_confirmation")
        copy_fields(intent, given, "automatic_payment_methods capture_method confirmation_method")
        self.ledger.add(intent, "payment_intent.created")
        if given.get("confirm"):
            self._confirm(intent, given)
        return intent

    @answers("payment_intents.update", accepts=f"{_FIELDS} {_METHOD} amount customer")
    def update(self, id: str, given: Given) -> Json:
        intent = self._open(id)
        method = self._method(given)
        with self.ledger.changing(intent):
            self._take_over(intent, given)
            copy_fields(intent, given, "amount customer")
            if method:
                intent.update(payment_method=method["id"], status="requires_confirmation")
        return intent

    @answers("payment_intents.confirm", accepts=f"{_CONFIRMING} receipt_email")
    def confirm(self, id: str, given: Given) -> Json:
        intent = self._open(id)
        method = self._method(given)
        if method:
            intent["payment_method"] = method["id"]
        self._confirm(intent, given)
        return intent

    @answers("payment_intents.capture", accepts="amount_to_capture final_capture metadata")
    def capture(self, id: str, given: Given) -> Json:
        intent = self.get(id)
        if intent["status"] != "requires_capture":
            raise _unexpected(intent, "captured", "requires_capture")
        amount = given.get("amount_to_capture", intent["amount_capturable"])
        if not 0 < amount <= intent["amount_capturable"]:
            raise Refused("The capture amount is more than was authorized.", code="amount_too_large")
        copy_fields(intent, given, "metadata")
        self.api.payments.capture(intent, amount)
        return intent

    @answers("payment_intents.cancel", accepts="cancellation_reason")
    def cancel(self, id: str, given: Given) -> Json:
        intent = self.get(id)
        if intent["status"] not in (*_OPEN, "requires_capture"):
            raise _unexpected(intent, "canceled", *_OPEN, "requires_capture")
        self.api.payments.cancel(intent, given.get("cancellation_reason"))
        return intent

    def due(self, thing: Json) -> Iterator[Due]:
        if thing["status"] == "processing" and "settles_at" in self.ledger.hidden[thing["id"]]:
            yield Due(self.ledger.hidden[thing["id"]]["settles_at"], self.api.payments.settle)

    def make(self, amount: int, currency: str, customer: str | None, given: Given) -> Json:
        """A new intent that nobody knows of yet."""
        intent = objects.payment_intent(
            self.ledger.new_id("pi"),
            at=self.ledger.at,
            amount=amount,
            currency=currency,
            customer=customer,
            secret=self.ledger.letters(25),
            types=given.get("allowed_payment_method_types"),
        )
        self._take_over(intent, given)
        return intent

    def _take_over(self, intent: Json, given: Given) -> None:
        copy_fields(intent, given, f"{_FIELDS} setup_future_usage")
        if "shipping" in given:
            shipping = given["shipping"] or None
            intent["shipping"] = shipping and {
                **dict.fromkeys(("carrier", "phone", "tracking_number")),
                **shipping,
                "address": {**objects.address(), **shipping["address"]},
            }

    def _method(self, given: Given) -> Json | None:
        """The payment method that the request names or describes."""
        if "payment_method" in given:
            return self.api.payment_methods.resolve(given["payment_method"])
        data = given.get("payment_method_data")
        return self.api.payment_methods.make(data) if data else None

    def _confirm(self, intent: Json, given: Given) -> None:
        """Raises CardError when the bank declines; the intent says why and waits for another payment method."""
        if intent["payment_method"] is None:
            raise Refused(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        self.ledger.hidden[intent["id"]]["return_url"] = given.get("return_url")
        self._take_over(intent, {name: given[name] for name in ("setup_future_usage", "shipping") if name in given})
        method = self.api.payment_methods.resolve(intent["payment_method"])
        if method.get("type") == "customer_balance":
            self.api.cash.pay(intent)
            return
        outcome = self.api.payments.attempt(intent, method, off_session=bool(given.get("off_session")))
        if outcome == "declined":
            raise self._declined(intent)
        if outcome == "requires_action" and given.get("error_on_requires_action"):
            raise CardError("This payment requires authentication.", code="authentication_required")

    def _declined(self, intent: Json) -> CardError:
        error = intent["last_payment_error"]
        about = {name: error.get(name) for name in ("decline_code", "payment_method", "charge")}
        return CardError(error["message"], code=error["code"], payment_intent=self.ledger.lookup(intent["id"]), **about)

    def _open(self, id: str) -> Json:
        intent = self.get(id)
        if intent["status"] not in _OPEN:
            raise _unexpected(intent, "confirmed or updated", *_OPEN)
        return intent


def _refuse_too_small(amount: int, currency: str) -> None:
    least = SMALLEST_CHARGE.get(currency, 50)
    if amount < least:
        raise Refused(
            f"Amount must be at least {shown(least, currency)} {currency}", code="amount_too_small", param="amount"
        )


def _unexpected(intent: Json, what: str, *expected: str) -> Refused:
    return Refused(
        f"This PaymentIntent could not be {what} because it has a status of {intent['status']}. Only a PaymentIntent"
        f" with one of the following statuses may be {what}: {', '.join(expected)}.",
        code="payment_intent_unexpected_state",
        **_shown(intent),
    )


def _shown(intent: Json) -> dict[str, Any]:
    return {"payment_intent": dict(intent)}
