"""How an intent is paid: what the bank says to a payment method, and everything that follows from it."""

from __future__ import annotations

from typing import Literal

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.objects.disputes import balance_transaction
from scripts.stripe_sim.resources.resource import Part

Outcome = Literal["succeeds", "declined", "requires_action", "processing"]
FEE_PERCENT, FEE_FIXED = 29, 30
"""Stripe's usual fee: 2.9 % and 30 minor units."""


class Payments(Part):
    """The state machine of a payment intent from its confirmation on."""

    def outcome(self, method: Json, *, authenticated: bool = False) -> Outcome:
        """What will happen when it is charged now."""
        behaviour = self.api.payment_methods.behaviour(method)
        known = self.ledger.hidden[method["id"]].get("set_up", False)
        asks = behaviour.authentication == "always" or (behaviour.authentication == "unless_set_up" and not known)
        if asks and not authenticated:
            return "requires_action"
        if behaviour.settles_after is not None:
            return "processing"
        return "declined" if behaviour.decline else "succeeds"

    def attempt(self, intent: Json, method: Json, *, authenticated: bool = False, off_session: bool = False) -> Outcome:
        """Charge the intent to the payment method, with what follows: charge, events, the invoice that it pays.

        Without its owner (`off_session`) a payment that wants to be authenticated is declined.
        """
        outcome = self.outcome(method, authenticated=authenticated)
        if outcome == "requires_action" and off_session:
            self._decline(intent, method, ("authentication_required", "authentication_required"))
            return "declined"
        if outcome == "requires_action":
            self._ask_owner(intent, method)
        elif outcome == "processing":
            self._begin_debit(intent, method)
        elif outcome == "declined":
            decline = self.api.payment_methods.behaviour(method).decline
            assert decline is not None
            self._decline(intent, method, decline)
        else:
            self._succeed(intent, method)
        return outcome

    def authenticate(self, intent: Json, *, agrees: bool) -> None:
        """The owner confirms the payment on the bank's page, or does not."""
        method = self.api.payment_methods.resolve(intent["payment_method"])
        intent["next_action"] = None
        if agrees:
            self.attempt(intent, method, authenticated=True)
        else:
            self._fail(intent, method, ("payment_intent_authentication_failure", "authentication_failed"), None)

    def cancel(self, intent: Json, reason: str | None) -> None:
        with self.ledger.changing(intent, "payment_intent.canceled"):
            intent.update(status="canceled", canceled_at=self.ledger.at, cancellation_reason=reason, next_action=None)
            intent["amount_capturable"] = 0

    def capture(self, intent: Json, amount: int) -> None:
        """Take the money that a payment has only reserved; the rest is given free."""
        charge = self.ledger.get("charge", intent["latest_charge"])
        with self.ledger.changing(charge, "charge.captured"):
            charge.update(captured=True, paid=True, amount_captured=amount)
            charge["balance_transaction"] = self._book(charge, amount)
        with self.ledger.changing(intent, "payment_intent.succeeded"):
            intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        self._tell(intent)

    def settle(self, intent: Json) -> None:
        """A debit that was processing is through: the bank had the money, or not."""
        method = self.api.payment_methods.resolve(intent["payment_method"])
        charge = self.ledger.get("charge", intent["latest_charge"])
        decline = self.api.payment_methods.behaviour(method).decline
        if decline:
            with self.ledger.changing(charge, "charge.failed"):
                charge.update(status="failed", failure_code=decline[0], failure_message="The debit failed.")
            self._fail(intent, method, decline, charge)
            return
        with self.ledger.changing(charge, "charge.succeeded"):
            charge.update(status="succeeded", paid=True, amount_captured=charge["amount"], captured=True)
            charge["balance_transaction"] = self._book(charge, charge["amount"])
        with self.ledger.changing(intent, "payment_intent.succeeded"):
            intent.update(status="succeeded", amount_received=intent["amount"])
        self._tell(intent)

    def _succeed(self, intent: Json, method: Json) -> None:
        captures = intent["capture_method"] != "manual"
        charge = self._charge(intent, method, captured=captures)
        if captures:
            charge["balance_transaction"] = self._book(charge, charge["amount"])
        self.ledger.emit("charge.succeeded", charge)
        type = "payment_intent.succeeded" if captures else "payment_intent.amount_capturable_updated"
        with self.ledger.changing(intent, type):
            intent.update(latest_charge=charge["id"], payment_method=method["id"], last_payment_error=None)
            intent["status"] = "succeeded" if captures else "requires_capture"
            intent["amount_received" if captures else "amount_capturable"] = intent["amount"]
            intent["next_action"] = None
        self._keep_for_later(intent, method)
        self._tell(intent)
        behaviour = self.api.payment_methods.behaviour(method)
        if behaviour.dispute:
            self.api.disputes.open(charge, behaviour.dispute, inquiry=behaviour.inquiry)

    def _begin_debit(self, intent: Json, method: Json) -> None:
        charge = self._charge(intent, method, status="pending")
        self.ledger.emit("charge.pending", charge)
        after = self.api.payment_methods.behaviour(method).settles_after
        self.ledger.hidden[intent["id"]]["settles_at"] = self.ledger.at + (after or 0)
        with self.ledger.changing(intent, "payment_intent.processing"):
            intent.update(latest_charge=charge["id"], payment_method=method["id"], status="processing")
            intent["last_payment_error"] = None
        self._tell(intent)

    def _ask_owner(self, intent: Json, method: Json) -> None:
        page = f"{self.api.url}/authenticate/{intent['id']}"
        back = self.ledger.hidden[intent["id"]].get("return_url")
        with self.ledger.changing(intent, "payment_intent.requires_action"):
            intent.update(status="requires_action", payment_method=method["id"], last_payment_error=None)
            intent["next_action"] = {"redirect_to_url": {"return_url": back, "url": page}, "type": "redirect_to_url"}
        self._tell(intent)

    def _decline(self, intent: Json, method: Json, decline: tuple[str, str]) -> None:
        charge = self._charge(intent, method, decline=decline)
        self.ledger.emit("charge.failed", charge)
        self._fail(intent, method, decline, charge)

    def _fail(self, intent: Json, method: Json, decline: tuple[str, str], charge: Json | None) -> None:
        with self.ledger.changing(intent, "payment_intent.payment_failed"):
            if charge is not None:
                intent["latest_charge"] = charge["id"]
            shown = objects.declined(
                decline, self.ledger.retrieve(method["object"], method["id"]), intent["latest_charge"]
            )
            if method["object"] == "card":
                shown["source"] = shown.pop("payment_method")
            intent.update(status="requires_payment_method", payment_method=None, next_action=None)
            intent["last_payment_error"] = shown
        self._tell(intent)

    def _charge(
        self,
        intent: Json,
        method: Json,
        *,
        decline: tuple[str, str] | None = None,
        status: str = "succeeded",
        captured: bool = True,
    ) -> Json:
        customer = self.ledger.get("customer", intent["customer"]) if intent["customer"] else None
        return self.ledger.add(
            objects.charge(
                self.ledger.new_id("py" if method.get("type") == "sepa_debit" else "ch"),
                at=self.ledger.at,
                intent=intent,
                payment_method=method,
                customer=customer,
                balance_transaction=None,
                decline=decline,
                status=status,
                captured=captured,
            )
        )

    def _book(self, charge: Json, amount: int) -> str:
        """The id of the balance transaction by which the money comes in."""
        booked = balance_transaction(
            self.ledger.new_id("txn"),
            at=self.ledger.at,
            source=charge,
            amount=amount,
            fee=amount * FEE_PERCENT // 1000 + FEE_FIXED,
            type="charge",
            category="charge",
            description=charge["description"],
        )
        id: str = self.ledger.add(booked)["id"]
        return id

    def _keep_for_later(self, intent: Json, method: Json) -> None:
        """A payment method that is used with its owner's consent is the customer's, and need not ask again."""
        if intent["setup_future_usage"] is None or method["object"] != "payment_method":
            return
        self.ledger.hidden[method["id"]]["set_up"] = True
        if intent["customer"] and method["customer"] is None:
            self.api.payment_methods.belong(method, self.ledger.get("customer", intent["customer"]), "payment_method")

    def _tell(self, intent: Json) -> None:
        """Whoever the payment is for hears how it stands."""
        if invoice := self.ledger.hidden[intent["id"]].get("invoice"):
            self.api.collection.hear(self.ledger.get("invoice", invoice), intent)
        if session := self.ledger.hidden[intent["id"]].get("session"):
            self.api.checkout_sessions.hear(self.ledger.get("checkout.session", session), intent)
