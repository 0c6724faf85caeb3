"""How an invoice comes about and ends: drafted, added up, finalized, voided, written off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.money import SMALLEST_CHARGE
from scripts.stripe_sim.resources.lines import Drafted
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.totals import add_up

DAY = 86_400


class Invoicing(Part):
    """The life of an invoice but for its payment, which is `Collection`'s."""

    def compose(
        self,
        id: str,
        customer: Json,
        currency: str,
        drafted: Sequence[Drafted],
        *,
        reason: str,
        period: tuple[int, int],
        subscription: Json | None = None,
        discounts: Sequence[tuple[str, Json]] = (),
        auto_advance: bool = True,
    ) -> Json:
        """An invoice with these lines, discounts and their sums, that nobody knows of: a draft, or a preview."""
        invoice = objects.invoice(
            id,
            at=self.ledger.at,
            customer=customer,
            currency=currency,
            lines=[each.line for each in drafted],
            reason=reason,
            period=period,
            subscription=subscription,
            auto_advance=auto_advance,
        )
        if subscription:
            invoice["collection_method"] = subscription["collection_method"]
            invoice["default_tax_rates"] = subscription["default_tax_rates"]
            invoice["description"] = subscription["invoice_settings"]["description"]
            invoice["footer"] = subscription["invoice_settings"]["footer"]
            self.ledger.hidden[id]["days_until_due"] = subscription["days_until_due"]
        tax_ids = self.api.tax_ids.of(customer["id"])
        invoice["customer_tax_ids"] = [{"type": each["type"], "value": each["value"]} for each in tax_ids]
        invoice["discounts"] = [discount for discount, _ in discounts]
        self._sum(invoice, drafted, discounts)
        return invoice

    def draft(
        self, customer: Json, currency: str, drafted: Sequence[Drafted], *, discounts: Sequence[str] = (), **about: Any
    ) -> Json:
        """A new draft, told to the world; `about` as in `compose`."""
        terms = self.api.discounts.terms(discounts)
        invoice = self.compose(self.ledger.new_id("in"), customer, currency, drafted, discounts=terms, **about)
        for each in drafted:
            self.ledger.hidden[each.line["id"]].update(rates=each.rates, discounts=each.discounts)
        if subscription := about.get("subscription"):
            subscription["latest_invoice"] = invoice["id"]
        return self.ledger.add(invoice, "invoice.created")

    def draft_for(
        self, subscription: Json, drafted: Sequence[Drafted], *, reason: str, period: tuple[int, int], auto: bool = True
    ) -> Json:
        """The draft of a subscription, with what was waiting for it; a discount for one invoice is used up."""
        customer = self.ledger.get("customer", subscription["customer"])
        waiting = self.api.invoice_items.waiting(customer["id"], subscription["id"])
        discounts = subscription["discounts"] or self._of_customer(customer)
        invoice = self.draft(
            customer,
            subscription["currency"],
            [*self.api.lines.of_waiting(waiting), *drafted],
            discounts=discounts,
            reason=reason,
            period=period,
            subscription=subscription,
            auto_advance=auto,
        )
        for each in waiting:
            each["invoice"] = invoice["id"]
        self.api.discounts.used_once(subscription)
        return invoice

    def redraft(self, invoice: Json, drafted: Sequence[Drafted]) -> None:
        """A draft with more lines, or with other taxes and discounts, added up anew."""
        for each in drafted:
            self.ledger.hidden[each.line["id"]].update(rates=each.rates, discounts=each.discounts)
            invoice["lines"]["data"].append({**each.line, "invoice": invoice["id"]})
        lines = [
            Drafted(line, hidden.get("rates", ()), hidden.get("discounts", ()))
            for line in invoice["lines"]["data"]
            for hidden in [self.ledger.hidden[line["id"]]]
        ]
        self._sum(invoice, lines, self.api.discounts.terms(invoice["discounts"]))

    def finalize(self, invoice: Json, paid_by: Json | None = None) -> None:
        """Number the invoice, settle it with the customer's balance, and open the payment of the rest."""
        customer = self.ledger.get("customer", invoice["customer"])
        due = self._settle_with_balance(invoice, customer)
        number = customer["next_invoice_sequence"]
        customer["next_invoice_sequence"] = number + 1
        with self.ledger.changing(invoice, "invoice.updated", "invoice.finalized"):
            invoice["ending_balance"] = customer["balance"]
            invoice["amount_due"] = invoice["amount_remaining"] = due
            invoice["number"] = invoice["number"] or f"{customer['invoice_prefix']}-{number:04d}"
            invoice["hosted_invoice_url"] = f"{self.api.url}/invoice/{invoice['id']}"
            invoice["invoice_pdf"] = f"{invoice['hosted_invoice_url']}/pdf"
            invoice["status"], invoice["automatically_finalizes_at"] = "open", None
            invoice["effective_at"] = invoice["effective_at"] or self.ledger.at
            invoice["status_transitions"]["finalized_at"] = self.ledger.at
            if invoice["collection_method"] == "send_invoice":
                invoice["next_payment_attempt"] = None
                days = self.ledger.hidden[invoice["id"]].get("days_until_due") or 30
                invoice["due_date"] = invoice["due_date"] or self.ledger.at + days * DAY
        if due > 0:
            self._open_payment(invoice, paid_by)

    def void(self, invoice: Json) -> None:
        """Nothing is owed any more."""
        payment = self.payment_of(invoice)
        if payment is not None:
            payment["status"], payment["status_transitions"]["canceled_at"] = "canceled", self.ledger.at
            self.api.payments.cancel(self.intent_of(payment), "void_invoice")
        with self.ledger.changing(invoice, "invoice.updated", "invoice.voided"):
            self.close(invoice, "void", "voided_at")
        subscription = self.subscription_of(invoice)
        if subscription and self.api.pending_updates.is_of(invoice):
            self.api.pending_updates.hear_voided(subscription)

    def write_off(self, invoice: Json) -> None:
        """The vendor gives up the money; it may still come."""
        with self.ledger.changing(invoice, "invoice.updated", "invoice.marked_uncollectible"):
            self.close(invoice, "uncollectible", "marked_uncollectible_at")

    def close(self, invoice: Json, status: str, transition: str) -> None:
        invoice["status"], invoice["status_transitions"][transition] = status, self.ledger.at
        invoice["auto_advance"], invoice["next_payment_attempt"] = False, None

    def discard(self, invoice: Json) -> None:
        """A draft that is deleted; what waited for an invoice waits again."""
        for waiting in self.ledger.all("invoiceitem", invoice=invoice["id"]):
            waiting["invoice"] = None
        self.ledger.emit("invoice.deleted", invoice)
        self.ledger.add({"id": invoice["id"], "object": "invoice", "deleted": True})

    def payment_of(self, invoice: Json) -> Json | None:
        """The payment of a finalized invoice; none when nothing was due."""
        found = self.ledger.all("invoice_payment", invoice=invoice["id"])
        return found[-1] if found else None

    def intent_of(self, payment: Json) -> Json:
        return self.ledger.get("payment_intent", payment["payment"]["payment_intent"])

    def subscription_of(self, invoice: Json) -> Json | None:
        details = (invoice["parent"] or {}).get("subscription_details")
        return self.ledger.get("subscription", details["subscription"]) if details else None

    def _settle_with_balance(self, invoice: Json, customer: Json) -> int:
        """What is left to pay: the balance takes what it covers, and a sum too small to be charged."""
        balance = invoice["starting_balance"] = customer["balance"]
        owed = invoice["total"] + balance
        if used := min(owed, 0) - balance:
            self.api.balances.change(customer, used, "applied_to_invoice", invoice=invoice["id"])
        if 0 < owed < SMALLEST_CHARGE.get(invoice["currency"], 50):
            self.api.balances.change(customer, owed, "invoice_too_small", invoice=invoice["id"])
            return 0
        return max(owed, 0)

    def _open_payment(self, invoice: Json, paid_by: Json | None) -> None:
        intent = paid_by or self._new_intent(invoice)
        self.ledger.hidden[intent["id"]]["invoice"] = invoice["id"]
        self.ledger.add(
            objects.invoice_payment(
                self.ledger.new_id("inpay"), at=self.ledger.at, invoice=invoice, payment_intent=intent["id"]
            )
        )

    def _new_intent(self, invoice: Json) -> Json:
        words = {"subscription_create": "Subscription creation", "manual": "Payment for Invoice"}
        of_subscription = self.subscription_of(invoice) is not None
        intent = self.api.payment_intents.make(
            invoice["amount_due"],
            invoice["currency"],
            invoice["customer"],
            {
                "description": words.get(invoice["billing_reason"], "Subscription update"),
                **({"setup_future_usage": "off_session"} if of_subscription else {}),
            },
        )
        method = self.api.collection.method_for(invoice)
        if method:
            intent.update(payment_method=method["id"], status="requires_confirmation")
        return self.ledger.add(intent, "payment_intent.created")

    def _of_customer(self, customer: Json) -> list[str]:
        return [customer["discount"]["id"]] if customer["discount"] else []

    @staticmethod
    def _sum(invoice: Json, drafted: Sequence[Drafted], discounts: Sequence[tuple[str, Json]]) -> None:
        defaults = invoice["default_tax_rates"] or ()
        rates = {each.line["id"]: each.rates or defaults for each in drafted}
        add_up(invoice, discounts, rates, {each.line["id"]: each.discounts for each in drafted})
