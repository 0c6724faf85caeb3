"""How an invoice is paid, or is not: attempts, the retry schedule, and what happens when all have failed."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.resources.resource import Part


class Collection(Part):
    """The vendor's settings (`api.settings`) say when a failed payment is tried again, and what comes in the end."""

    def due(self, invoice: Json) -> Iterator[Due]:
        if invoice["status"] == "draft" and invoice["auto_advance"] and invoice["automatically_finalizes_at"]:
            yield Due(invoice["automatically_finalizes_at"], self.advance)
        if invoice["status"] == "open" and invoice["next_payment_attempt"] and invoice["auto_advance"]:
            yield Due(invoice["next_payment_attempt"], self.attempt)
        if invoice["status"] == "open" and invoice["due_date"] and not self.ledger.hidden[invoice["id"]].get("overdue"):
            yield Due(invoice["due_date"], self._overdue)
        void_at = self.ledger.hidden[invoice["id"]].get("void_at")
        if invoice["status"] == "open" and void_at:
            yield Due(void_at, self.api.invoicing.void)

    def advance(self, invoice: Json) -> None:
        """A draft's hour is over: it is finalized and collected, unless the collection is paused."""
        self.api.invoicing.finalize(invoice)
        subscription = self.api.invoicing.subscription_of(invoice)
        held = subscription["pause_collection"] if subscription else None
        if held and held["behavior"] == "void":
            self.api.invoicing.void(invoice)
        elif held and held["behavior"] == "mark_uncollectible":
            self.api.invoicing.write_off(invoice)
        else:
            self.begin(invoice)

    def begin(self, invoice: Json) -> None:
        """The finalized invoice is paid by nobody, charged, or sent."""
        if invoice["amount_due"] == 0:
            self.paid(invoice)
        elif invoice["collection_method"] == "send_invoice":
            self.ledger.emit("invoice.sent", invoice)
        elif invoice["auto_advance"]:
            self.attempt(invoice)

    def attempt(self, invoice: Json, method: Json | None = None) -> None:
        """Charge the open invoice to this payment method, or to the one that is for it; without one it fails."""
        method = method or self.method_for(invoice)
        payment = self.api.invoicing.payment_of(invoice)
        if method is None or payment is None:
            self._failed(invoice)
            return
        intent = self.api.invoicing.intent_of(payment)
        if intent["status"] not in ("succeeded", "processing", "canceled"):
            self.api.payments.attempt(intent, method)

    def hear(self, invoice: Json, intent: Json) -> None:
        """The payment of the invoice stands differently."""
        if intent["status"] == "succeeded":
            self.paid(invoice)
        elif intent["status"] == "requires_payment_method" and intent["last_payment_error"]:
            self._failed(invoice)
        elif intent["status"] == "requires_action":
            self._action_required(invoice)

    def paid(self, invoice: Json, *, out_of_band: bool = False) -> None:
        """The open invoice is paid: by its payment, by nobody when nothing is due, or outside of Stripe."""
        if invoice["status"] not in ("open", "uncollectible"):
            return
        payment = self.api.invoicing.payment_of(invoice)
        if payment is not None:
            self._settle(payment, out_of_band)
        with self.ledger.changing(invoice, "invoice.updated", "invoice.paid", "invoice.payment_succeeded"):
            invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
            invoice["attempted"] = True
            invoice["attempt_count"] = max(invoice["attempt_count"], 1) if payment else 0
            if out_of_band:
                invoice["amount_paid_off_stripe"] = invoice["amount_paid"]
            self.api.invoicing.close(invoice, "paid", "paid_at")
        self._note_delinquent(invoice, delinquent=False)
        if subscription := self.api.invoicing.subscription_of(invoice):
            self.api.subscription_life.hear_paid(subscription, invoice)

    def give_up(self, invoice: Json, subscription: Json | None, to: str) -> None:
        """No further attempt; the subscription becomes what the vendor has set: canceled, unpaid, paused, past_due."""
        with self.ledger.changing(invoice, "invoice.updated"):
            invoice["next_payment_attempt"], invoice["auto_advance"] = None, False
        if subscription is None or subscription["ended_at"] or subscription["latest_invoice"] != invoice["id"]:
            return
        if to == "canceled":
            self.api.subscription_life.end(subscription, "payment_failed")
        elif to == "paused":
            self.api.subscription_life.pause(subscription, "final_payment_failure")
        else:
            with self.ledger.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = to

    def method_for(self, invoice: Json) -> Json | None:
        """What the invoice is charged to: its own payment method, its subscription's, or its customer's."""
        subscription = self.api.invoicing.subscription_of(invoice) or {}
        for owner in (invoice, subscription):
            id = owner.get("default_payment_method") or owner.get("default_source")
            if id:
                return self.ledger.known(id)
        return self.api.customers.pays_with(self.ledger.get("customer", invoice["customer"]))

    def _failed(self, invoice: Json) -> None:
        subscription = self.api.invoicing.subscription_of(invoice)
        with self.ledger.changing(invoice, "invoice.updated", "invoice.payment_failed"):
            planned = self._note_attempt(invoice, subscription)
        self._fall_behind(invoice, subscription)
        if planned is None and subscription and subscription["status"] == "past_due":
            self.give_up(invoice, subscription, self.api.settings.after_retries)

    def _action_required(self, invoice: Json) -> None:
        """The owner has to confirm; each retry asks anew."""
        subscription = self.api.invoicing.subscription_of(invoice)
        with self.ledger.changing(
            invoice, "invoice.updated", "invoice.payment_action_required", "invoice.payment_failed"
        ):
            self._note_attempt(invoice, subscription)
        self._fall_behind(invoice, subscription)

    def _note_attempt(self, invoice: Json, subscription: Json | None) -> int | None:
        attempt = invoice["attempt_count"] = invoice["attempt_count"] + 1
        invoice["attempted"] = True
        first_payment = subscription is not None and subscription["status"] in ("incomplete", "paused")
        left = () if first_payment or not invoice["auto_advance"] else self.api.settings.retries[attempt - 1 :]
        planned = self.ledger.at + int(left[0].total_seconds()) if left else None
        invoice["next_payment_attempt"] = planned
        invoice["auto_advance"] = invoice["auto_advance"] and (first_payment or planned is not None)
        return planned

    def _fall_behind(self, invoice: Json, subscription: Json | None) -> None:
        """Nobody is behind with a change that waits for its payment."""
        if self.api.pending_updates.is_of(invoice):
            return
        self._note_delinquent(invoice, delinquent=True)
        if subscription and subscription["status"] == "active" and subscription["latest_invoice"] == invoice["id"]:
            with self.ledger.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "past_due"

    def _note_delinquent(self, invoice: Json, *, delinquent: bool) -> None:
        """`delinquent` tells the latest news of any invoice of the customer."""
        customer = self.ledger.get("customer", invoice["customer"])
        if not customer.get("deleted"):
            with self.ledger.changing(customer, "customer.updated"):
                customer["delinquent"] = delinquent

    def _settle(self, payment: Json, out_of_band: bool) -> None:
        if out_of_band:
            payment["status"], payment["status_transitions"]["canceled_at"] = "canceled", self.ledger.at
            self.api.payments.cancel(self.api.invoicing.intent_of(payment), "automatic")
            return
        with self.ledger.changing(payment, "invoice_payment.paid"):
            payment["amount_paid"], payment["status"] = payment["amount_requested"], "paid"
            payment["status_transitions"]["paid_at"] = self.ledger.at

    def _overdue(self, invoice: Json) -> None:
        """Nobody paid an invoice that was sent by its due date."""
        self.ledger.hidden[invoice["id"]]["overdue"] = True
        self.ledger.emit("invoice.overdue", invoice)
        self._fall_behind(invoice, self.api.invoicing.subscription_of(invoice))
