"""How a subscription is changed by people, and how money goes back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from scripts.stripe_sim.account import verb
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.verbs.living import Living

Proration = Literal["none", "always_invoice", "create_prorations"]


class Changing(Living):
    """Verbs that are API requests, or a bank's decision about a charge."""

    @verb
    def change_quantity(self, subscription: str, quantity: int, *, proration_behavior: Proration = "none") -> None:
        """More or fewer seats from now on; with `always_invoice` the rest of the period is billed or credited now."""
        self._change_item(subscription, {"quantity": quantity}, proration_behavior)

    @verb
    def change_price(self, subscription: str, price: str, *, proration_behavior: Proration = "none") -> None:
        """Another price from now on. A price of another interval begins a new period now and is billed now."""
        self._change_item(subscription, {"price": price}, proration_behavior)

    @verb
    def cancel(self, subscription: str, *, at_period_end: bool = True) -> None:
        """Cancel now, or at the end of the period (`delete` is that end, `uncancel` takes it back)."""
        if at_period_end:
            self.post(f"subscriptions/{subscription}", {"cancel_at_period_end": True})
        else:
            self.drop(f"subscriptions/{subscription}")

    @verb
    def uncancel(self, subscription: str) -> None:
        """The customer stays after all."""
        self.post(f"subscriptions/{subscription}", {"cancel_at_period_end": False})

    @verb
    def delete(self, subscription: str) -> None:
        """The end of the last period is reached; time moves there."""
        thing = self._in_status(subscription)
        if not thing["cancel_at_period_end"]:
            raise Refused(f"Subscription {subscription} is not canceled.")
        self._until(thing["cancel_at"])

    @verb
    def pause(self, subscription: str) -> None:
        """The vendor pauses the subscription: no service, no invoices, nothing credited for the rest of the period."""
        self.post(f"subscriptions/{subscription}/pause", {"bill_for": {"unused_time_from": {"type": "none"}}})

    @verb
    def resume(self, subscription: str) -> None:
        """A paused subscription goes on: in its paid period, or, when that is over, in a new one that is paid now."""
        thing = self._in_status(subscription, "paused")
        if thing["items"]["data"][0]["current_period_end"] > self.at:
            unchanged = {"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": "none"}
            self.post(f"subscriptions/{subscription}/resume", unchanged)
            return
        with self.by_request():
            if self.api.collection.method_for(self.get("invoice", thing["latest_invoice"])) is None:
                self.attach_card(thing["customer"])
            self.post(f"subscriptions/{subscription}/resume")

    @verb
    def pause_collection(
        self,
        subscription: str,
        *,
        behavior: Literal["keep_as_draft", "mark_uncollectible", "void"] = "void",
        resumes_at: datetime | None = None,
    ) -> None:
        """Invoices go on but are not collected; the status stays what it is: this is not `paused`."""
        until = {"resumes_at": int(resumes_at.timestamp())} if resumes_at else {}
        self.post(f"subscriptions/{subscription}", {"pause_collection": {"behavior": behavior, **until}})

    @verb
    def resume_collection(self, subscription: str) -> None:
        """Invoices are collected again."""
        self.post(f"subscriptions/{subscription}", {"pause_collection": ""})

    @verb
    def delete_customer(self, customer: str) -> None:
        """The customer is deleted and every subscription with it, now; what the API answers then is a stub."""
        self.drop(f"customers/{customer}")

    @verb
    def refund(self, invoice: str, *, amount: int | None = None) -> None:
        """Give back a part of a paid invoice in minor units, or all that is left of it."""
        charge = self._charge_of(invoice)
        self.post("refunds", {"charge": charge["id"], "amount": amount, "reason": "requested_by_customer"})

    @verb
    def dispute(self, invoice: str, *, reason: str = "fraudulent") -> None:
        """The cardholder's bank disputes the payment of an invoice and takes the money back for the time being."""
        charge = self._charge_of(invoice)
        if charge["disputed"]:
            raise Refused(f"Charge {charge['id']} is disputed already.")
        self.api.disputes.open(charge, reason)

    @verb
    def close_dispute(self, dispute: str, *, won: bool) -> None:
        """The bank decides: for the vendor, who gets the money again, or for the cardholder."""
        thing = self.get("dispute", dispute)
        if thing["status"] in ("won", "lost"):
            raise Refused(f"Dispute {dispute} is {thing['status']}.")
        self.api.disputes.decide(thing, won=won)

    def _change_item(self, id: str, change: Json, proration: Proration) -> None:
        item = self._in_status(id, "active", "trialing", "past_due")["items"]["data"][0]
        self.post(f"subscriptions/{id}", {"items": [{"id": item["id"], **change}], "proration_behavior": proration})

    def _charge_of(self, id: str) -> Json:
        payment = self.api.invoicing.payment_of(self.get("invoice", id))
        if payment is None or payment["status"] != "paid":
            raise Refused(f"Invoice {id} has no payment.")
        return self.get("charge", self.api.invoicing.intent_of(payment)["latest_charge"])
