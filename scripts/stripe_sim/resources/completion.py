"""A person pays in a checkout session, and what is bought comes about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import CardError, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.resources.resource import Part


class Completion(Part):
    """Since API version 2025-03-31 the payment comes first: its charge and intent precede the subscription and its
    invoice, and nothing leads from them to the invoice until the invoice payment exists."""

    def quote(self, session: Json) -> Json:
        """What is to pay now, as an invoice that nobody keeps; its lines are in the order of the session's items."""
        customer = self._buyer(session)
        now, currency = self.ledger.at, session["currency"]
        discounts = self.api.previews.discounts(session["discounts"])
        drafted = self._lines(session, customer)
        return self.api.invoicing.compose(
            "in_quote", customer, currency, drafted, reason="manual", period=(now, now), discounts=discounts
        )

    def pay(
        self,
        session: Json,
        method: Json | None,
        *,
        email: str | None = None,
        name: str | None = None,
        vat: str | None = None,
    ) -> None:
        """`vat` is a European tax number, where the session asks for it; `method` None where it needs no card. Raises
        CardError when the bank declines; the session stays open. It also does while the owner is asked."""
        due = self._due(session)
        if method is None and self.needs_card(session):
            raise Refused("A payment method is needed.", param="payment_method")
        if method and due > 0 and self.api.payments.outcome(method) == "declined":
            self._decline(session, method, due)
        customer = self._customer(session, email, name)
        hidden = self.ledger.hidden[session["id"]]
        hidden.update(buyer=customer["id"] if customer else None, method=method["id"] if method else None, vat=vat)
        if customer and method:
            self.api.payment_methods.belong(method, customer, "payment_method")
        session["customer_details"] = objects.customer_details(customer, email, name)
        session["customer_details"]["tax_ids"] = [{"type": "eu_vat", "value": vat}] if vat else []
        if due == 0 or method is None:
            self._finish(session, None)
            return
        intent = self._intent(session, due, customer, method)
        self.api.payments.attempt(intent, method)

    def hear(self, session: Json, intent: Json) -> None:
        """The payment of the session stands differently."""
        if session["status"] == "open" and intent["status"] in ("succeeded", "processing", "requires_capture"):
            self._finish(session, intent)
        elif session["payment_status"] == "unpaid" and intent["status"] == "succeeded":
            with self.ledger.changing(session, "checkout.session.async_payment_succeeded"):
                session["payment_status"] = "paid"
        elif session["status"] == "complete" and intent["status"] == "requires_payment_method":
            self.ledger.emit("checkout.session.async_payment_failed", session)

    def needs_card(self, session: Json) -> bool:
        """Whether the page asks for one: not for nothing, where the vendor leaves it out then."""
        return session["payment_method_collection"] == "always" or self._due(session) > 0

    def trial_end(self, session: Json) -> int | None:
        """When the trial would end that the session offers."""
        recurring, _ = self._split(session)
        return self.api.subscribing.trial_end(self.ledger.hidden[session["id"]]["subscription"], recurring)

    def _finish(self, session: Json, intent: Json | None) -> None:
        hidden = self.ledger.hidden[session["id"]]
        customer = self.ledger.get("customer", hidden["buyer"]) if hidden["buyer"] else None
        if customer and hidden["vat"]:
            self.api.tax_ids.make(customer, {"type": "eu_vat", "value": hidden["vat"]})
        with self.ledger.changing(session, "checkout.session.completed"):
            session.update(status="complete", url=None, customer=hidden["buyer"])
            session["payment_status"] = _payment_status(intent)
            if session["mode"] == "subscription":
                assert customer is not None
                self._subscribe(session, customer, intent)
            elif intent is not None:
                session["payment_intent"] = intent["id"]
                if hidden["invoices"] and customer:
                    self._invoice(session, customer, intent)

    def _subscribe(self, session: Json, customer: Json, intent: Json | None) -> None:
        hidden = self.ledger.hidden[session["id"]]
        recurring, once = self._split(session)
        given = {
            **hidden["subscription"],
            "default_payment_method": hidden["method"],
            "discounts": [{name: id for name, id in each.items() if id} for each in session["discounts"]],
            "add_invoice_items": once,
        }
        subscription, invoice = self.api.subscribing.begin(customer, recurring, given, paid_by=intent)
        session.update(subscription=subscription["id"], invoice=invoice["id"])
        if intent is None or intent["status"] == "succeeded":
            self.api.collection.paid(invoice)

    def _invoice(self, session: Json, customer: Json, intent: Json) -> None:
        """A one-off payment with an invoice after the fact."""
        now = self.ledger.at
        invoice = self.api.invoicing.draft(
            customer,
            session["currency"],
            self._lines(session, customer),
            discounts=self.api.discounts.redeem(_named(session["discounts"]), customer),
            reason="manual",
            period=(now, now),
            auto_advance=False,
        )
        self.api.invoicing.finalize(invoice, intent)
        self.api.collection.paid(invoice)
        session["invoice"] = invoice["id"]

    def _lines(self, session: Json, customer: Json) -> Sequence[Any]:
        if session["mode"] == "payment":
            return self.api.lines.of_waiting(self._waiting(session, customer))
        recurring, once = self._split(session)
        data, trial_end = self.ledger.hidden[session["id"]]["subscription"], self.trial_end(session)
        subscription = self.api.subscribing.compose(customer, recurring, data, trial_end)
        lines = self.api.lines.of_items(subscription, subscription["items"]["data"], free=trial_end is not None)
        extra = [self.api.invoice_items.compose(customer, each) for each in once]
        return [*lines, *self.api.lines.of_waiting(extra)]

    def _waiting(self, session: Json, customer: Json) -> list[Json]:
        items = self.api.checkout_sessions.items(session)
        return [
            self.api.invoice_items.compose(
                customer, {"price": item["price"]["id"], "quantity": item["quantity"], "tax_rates": item["tax_rates"]}
            )
            for item in items
        ]

    def _split(self, session: Json) -> tuple[list[Json], list[Json]]:
        """What is subscribed to, and what is paid once with it."""
        recurring, once = [], []
        for item in self.api.checkout_sessions.items(session):
            named = {"price": item["price"]["id"], "quantity": item["quantity"], "tax_rates": item["tax_rates"]}
            (recurring if item["price"]["recurring"] else once).append(named)
        return recurring, once

    def _due(self, session: Json) -> int:
        balance = self.ledger.get("customer", session["customer"])["balance"] if session["customer"] else 0
        credit = min(balance, 0) if session["mode"] == "subscription" else 0
        return max(self.quote(session)["total"] + credit, 0)

    def _intent(self, session: Json, due: int, customer: Json | None, method: Json) -> Json:
        of_subscription = session["mode"] == "subscription"
        data = {"description": "Subscription creation", "setup_future_usage": "off_session"} if of_subscription else {}
        given = {**data, **self.ledger.hidden[session["id"]]["payment"]}
        intent = self.api.payment_intents.make(due, session["currency"], customer["id"] if customer else None, given)
        intent.update(payment_method=method["id"], status="requires_confirmation")
        intent["capture_method"] = given.get("capture_method", "automatic")
        self.ledger.hidden[intent["id"]]["session"] = session["id"]
        return self.ledger.add(intent, "payment_intent.created")

    def _decline(self, session: Json, method: Json, due: int) -> None:
        """The attempt leaves its traces: an intent and a failed charge, of a customer only if there is one."""
        customer = self.ledger.get("customer", session["customer"]) if session["customer"] else None
        intent = self._intent(session, due, customer, method)
        self.api.payments.attempt(intent, method)
        error = intent["last_payment_error"]
        about = {"decline_code": error.get("decline_code"), "payment_intent": self.ledger.lookup(intent["id"])}
        raise CardError(error["message"], code=error["code"], **about)

    def _customer(self, session: Json, email: str | None, name: str | None) -> Json | None:
        """The session's customer, or a new one where the session makes one."""
        if session["customer"]:
            return self.ledger.get("customer", session["customer"])
        if buyer := self.ledger.hidden[session["id"]].get("buyer"):
            return self.ledger.get("customer", buyer)  # made when the owner was asked, who pays now
        if session["customer_creation"] != "always":
            return None
        return self.api.customers.make({"email": session["customer_email"] or email, "name": name})

    def _buyer(self, session: Json) -> Json:
        """Whom a quote is for; before there is a customer, anybody."""
        if session["customer"]:
            return self.ledger.get("customer", session["customer"])
        return objects.customer("cus_quote", at=self.ledger.at, email=session["customer_email"], invoice_prefix="QUOTE")


def _payment_status(intent: Json | None) -> str:
    if intent is None:
        return "no_payment_required"
    return "paid" if intent["status"] in ("succeeded", "requires_capture") else "unpaid"


def _named(discounts: Sequence[Json]) -> list[Json]:
    return [{name: id for name, id in each.items() if id} for each in discounts]
