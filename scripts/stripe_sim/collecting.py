"""Invoices and the money that pays them: draft, finalize, collect, decline, void."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json, Refused, verb
from scripts.stripe_sim.selling import Selling

RETRIES = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
"""After how long Stripe tries a failed invoice again: three times, each counted from the failure before it."""

UNPAID_STATUSES = ("past_due", "unpaid", "incomplete")


class Collecting(Selling):
    """Verbs about invoices that are open. `retries` can be set: a vendor may choose a retry schedule of its own."""

    retries: Sequence[timedelta] = RETRIES

    @verb
    def fail_again(self, invoice: str) -> None:
        """The next planned attempt on an open invoice fails too; time moves to that attempt."""
        thing = self._open_invoice(invoice)
        if thing["next_payment_attempt"] is None:
            raise Refused(f"Invoice {invoice} has no payment attempt left.")
        self._until(thing["next_payment_attempt"])
        self._decline(thing)

    @verb
    def pay(self, invoice: str) -> None:
        """The customer pays an open invoice, late or out of turn; its subscription, if behind, is active again."""
        thing = self._open_invoice(invoice)
        with self._by_request():
            card = self._card_of(self._subscription_of(thing))
            self._collect(thing, card or self._new_card(self._living_customer(thing["customer"])))

    @verb
    def void(self, invoice: str) -> None:
        """The vendor voids an open invoice: nothing is owed any more; the subscription stays what it is."""
        thing = self._open_invoice(invoice)
        with self._by_request():
            self._void(thing)

    @verb
    def mark_uncollectible(self, invoice: str) -> None:
        """The vendor gives up the money of an open invoice."""
        thing = self._open_invoice(invoice)
        with self._by_request():
            self._write_off(thing)

    def _draft(
        self, subscription: Json, lines: Sequence[Json], *, reason: str, period: tuple[int, int], auto: bool = True
    ) -> Json:
        customer = self._get("customer", subscription["customer"])
        invoice = objects.invoice(
            self._id("in"),
            at=self.at,
            customer=customer,
            subscription=subscription,
            lines=lines,
            reason=reason,
            period=period,
            auto_advance=auto,
        )
        subscription["latest_invoice"] = self._add(invoice)["id"]
        self._emit("invoice.created", invoice)
        return invoice

    def _finalize(self, invoice: Json, paid_by: Json | None = None) -> None:
        """Number the invoice, settle it with the customer's balance, and open the payment of the rest."""
        customer = self._get("customer", invoice["customer"])
        number, owed = customer["next_invoice_sequence"], invoice["total"] + customer["balance"]
        customer["next_invoice_sequence"], invoice["starting_balance"] = number + 1, customer["balance"]
        with self._changing(customer, "customer.updated"):
            customer["balance"] = min(owed, 0)
        with self._changing(invoice, "invoice.updated", "invoice.finalized"):
            invoice["ending_balance"] = customer["balance"]
            invoice["amount_due"] = invoice["amount_remaining"] = max(owed, 0)
            invoice["number"] = f"{customer['invoice_prefix']}-{number:04d}"
            invoice["hosted_invoice_url"] = f"https://invoice.stripe.com/i/{invoice['id']}"
            invoice["invoice_pdf"] = f"{invoice['hosted_invoice_url']}/pdf"
            invoice["status"], invoice["effective_at"] = "open", self.at
            invoice["automatically_finalizes_at"] = None
            invoice["status_transitions"]["finalized_at"] = self.at
        if owed > 0:
            intent = paid_by or self._new_intent(invoice)
            self._add(
                objects.invoice_payment(self._id("inpay"), at=self.at, invoice=invoice, payment_intent=intent["id"])
            )

    def _collect(self, invoice: Json, card: Json | None = None) -> None:
        """The open invoice is paid, by this card or the subscription's, or, when nothing is due, by nobody."""
        subscription = self._subscription_of(invoice)
        payment = self._payment_of(invoice)
        card = card or self._card_of(subscription)
        if payment is not None:
            intent = self._intent_of(payment)
            if intent["status"] != "succeeded" and card is not None:
                self._charge(intent, card)
            self._settle(payment)
        with self._changing(invoice, "invoice.updated", "invoice.paid", "invoice.payment_succeeded"):
            invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
            invoice["attempted"] = True
            invoice["attempt_count"] = max(invoice["attempt_count"], 1) if payment else 0
            self._close(invoice, "paid", "paid_at")
        if subscription["latest_invoice"] == invoice["id"] and subscription["status"] in UNPAID_STATUSES:
            with self._changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "active"

    def _decline(self, invoice: Json) -> None:
        """The bank declines the card, or there is none; the next attempt is planned while there are retries left."""
        subscription = self._subscription_of(invoice)
        card, payment = self._card_of(subscription), self._payment_of(invoice)
        if card is not None and payment is not None:
            self._charge(self._intent_of(payment), card, declined=True)
        with self._changing(invoice, "invoice.updated", "invoice.payment_failed"):
            attempt = invoice["attempt_count"] = invoice["attempt_count"] + 1
            invoice["attempted"] = True
            planned = () if subscription["status"] == "incomplete" else self.retries[attempt - 1 :]
            invoice["next_payment_attempt"] = self.at + int(planned[0].total_seconds()) if planned else None
        if subscription["status"] == "active" and subscription["latest_invoice"] == invoice["id"]:
            with self._changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "past_due"

    def _new_intent(self, invoice: Json) -> Json:
        card = self._card_of(self._subscription_of(invoice))
        first = invoice["billing_reason"] == "subscription_create"
        return self._intend(
            invoice["amount_due"],
            invoice["currency"],
            invoice["customer"],
            card,
            "Subscription creation" if first else "Subscription update",
        )

    def _intend(self, amount: int, currency: str, customer: str, card: Json | None, description: str) -> Json:
        intent = objects.payment_intent(
            self._id("pi"),
            at=self.at,
            amount=amount,
            currency=currency,
            customer=customer,
            description=description,
            payment_method=card["id"] if card else None,
            secret=self._letters(25),
        )
        self._emit("payment_intent.created", self._add(intent))
        return intent

    def _charge(self, intent: Json, card: Json, *, declined: bool = False) -> None:
        customer = self._get("customer", intent["customer"])
        money = None if declined else self._id("txn")
        charge = self._add(
            objects.charge(
                self._id("ch"),
                at=self.at,
                intent=intent,
                customer=customer,
                payment_method=card,
                balance_transaction=money,
            )
        )
        self._emit("charge.failed" if declined else "charge.succeeded", charge)
        with self._changing(intent, "payment_intent.payment_failed" if declined else "payment_intent.succeeded"):
            intent["latest_charge"] = charge["id"]
            intent["last_payment_error"] = objects.declined(charge, card) if declined else None
            intent["payment_method"] = None if declined else card["id"]
            intent["amount_received"] = 0 if declined else intent["amount"]
            intent["status"] = "requires_payment_method" if declined else "succeeded"

    def _settle(self, payment: Json) -> None:
        with self._changing(payment, "invoice_payment.paid"):
            payment["amount_paid"], payment["status"] = payment["amount_requested"], "paid"
            payment["status_transitions"]["paid_at"] = self.at

    def _void(self, invoice: Json) -> None:
        payment = self._payment_of(invoice)
        if payment is not None:
            payment["status"], payment["status_transitions"]["canceled_at"] = "canceled", self.at
            with self._changing(self._intent_of(payment), "payment_intent.canceled") as intent:
                intent.update(status="canceled", canceled_at=self.at, cancellation_reason="void_invoice")
        with self._changing(invoice, "invoice.updated", "invoice.voided"):
            self._close(invoice, "void", "voided_at")

    def _write_off(self, invoice: Json) -> None:
        with self._changing(invoice, "invoice.updated", "invoice.marked_uncollectible"):
            self._close(invoice, "uncollectible", "marked_uncollectible_at")

    def _close(self, invoice: Json, status: str, transition: str) -> None:
        invoice["status"], invoice["status_transitions"][transition] = status, self.at
        invoice["auto_advance"], invoice["next_payment_attempt"] = False, None

    def _payment_of(self, invoice: Json) -> Json | None:
        """The payment of a finalized invoice; none when nothing was due."""
        found = self._all("invoice_payment", invoice=invoice["id"])
        return found[-1] if found else None

    def _intent_of(self, payment: Json) -> Json:
        return self._get("payment_intent", payment["payment"]["payment_intent"])

    def _subscription_of(self, invoice: Json) -> Json:
        return self._get("subscription", invoice["parent"]["subscription_details"]["subscription"])

    def _open_invoice(self, id: str) -> Json:
        invoice = self._get("invoice", id)
        if invoice["status"] not in ("open", "uncollectible"):
            raise Refused(f"Invoice {id} is {invoice['status']}, not open.")
        return invoice
