"""How a subscription is changed by people: seats, price, pause, cancellation, a customer who is deleted."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Literal

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json, Refused, verb
from scripts.stripe_sim.renewing import Renewing

Proration = Literal["none", "always_invoice"]


class Changing(Renewing):
    """Verbs that answer API requests about a running subscription."""

    @verb
    def change_quantity(self, subscription: str, quantity: int, *, proration_behavior: Proration = "none") -> None:
        """More or fewer seats from now on; with `always_invoice` the rest of the period is billed or credited now."""
        thing = self._in_status(subscription, "active", "trialing", "past_due")
        self._change_item(thing, thing["items"]["data"][0]["price"], quantity, proration_behavior)

    @verb
    def change_price(self, subscription: str, price: str, *, proration_behavior: Proration = "none") -> None:
        """Another price from now on. A price of another interval begins a new period now and is billed now."""
        thing = self._in_status(subscription, "active", "trialing", "past_due")
        self._change_item(thing, self._get("price", price), thing["items"]["data"][0]["quantity"], proration_behavior)

    @verb
    def cancel(self, subscription: str, *, at_period_end: bool = True) -> None:
        """Cancel now, or at the end of the period (`delete` is that end, `uncancel` takes it back)."""
        thing = self._in_status(subscription)
        with self._by_request():
            if not at_period_end:
                self._end(thing, "cancellation_requested")
                return
            with self._changing(thing, "customer.subscription.updated"):
                thing["cancel_at_period_end"], thing["canceled_at"] = True, self.at
                thing["cancel_at"] = thing["items"]["data"][0]["current_period_end"]
                thing["cancellation_details"]["reason"] = "cancellation_requested"

    @verb
    def uncancel(self, subscription: str) -> None:
        """The customer stays after all."""
        thing = self._in_status(subscription)
        with self._by_request(), self._changing(thing, "customer.subscription.updated"):
            thing["cancel_at_period_end"], thing["canceled_at"], thing["cancel_at"] = False, None, None
            thing["cancellation_details"]["reason"] = None

    @verb
    def delete(self, subscription: str) -> None:
        """The end of the last period is reached; time moves there."""
        thing = self._in_status(subscription)
        if not thing["cancel_at_period_end"]:
            raise Refused(f"Subscription {subscription} is not canceled.")
        self._until(thing["cancel_at"])
        self._end(thing, None)

    @verb
    def pause(self, subscription: str) -> None:
        """The vendor pauses the subscription: no service, no invoices, nothing credited for the rest of the period."""
        thing = self._in_status(subscription, "active")
        with self._by_request():
            self._pause(thing, "pause_requested")

    @verb
    def resume(self, subscription: str) -> None:
        """A paused subscription goes on: in its paid period, or, when that is over, in a new one that is paid now."""
        thing = self._in_status(subscription, "paused")
        with self._by_request():
            if thing["items"]["data"][0]["current_period_end"] <= self.at:
                self._bill_new_period(thing)
            with self._changing(thing, "customer.subscription.resumed", "customer.subscription.updated"):
                thing["status"], thing["status_details"] = "active", None

    @verb
    def pause_collection(
        self,
        subscription: str,
        *,
        behavior: Literal["keep_as_draft", "mark_uncollectible", "void"] = "void",
        resumes_at: datetime | None = None,
    ) -> None:
        """Invoices go on but are not collected; the status stays what it is: this is not `paused`."""
        thing = self._in_status(subscription)
        with self._by_request(), self._changing(thing, "customer.subscription.updated"):
            until = int(resumes_at.timestamp()) if resumes_at else None
            thing["pause_collection"] = {"behavior": behavior, "resumes_at": until}

    @verb
    def resume_collection(self, subscription: str) -> None:
        """Invoices are collected again."""
        thing = self._in_status(subscription)
        with self._by_request(), self._changing(thing, "customer.subscription.updated"):
            thing["pause_collection"] = None

    @verb
    def delete_customer(self, customer: str) -> None:
        """The customer is deleted and every subscription with it, now; what the API answers then is a stub."""
        thing = self._living_customer(customer)
        with self._by_request():
            for subscription in self._all("subscription", customer=customer):
                if subscription["ended_at"] is None:
                    self._end(subscription, None)
            self._emit("customer.deleted", thing)
            self._add({"id": customer, "object": "customer", "deleted": True})

    def _change_item(self, subscription: Json, price: Json, quantity: int, proration: Proration) -> None:
        item, trial = subscription["items"]["data"][0], subscription["status"] == "trialing"
        restarts = not trial and price["recurring"] != item["price"]["recurring"]
        prorated = proration == "always_invoice" and not trial
        lines = [self._proration(subscription, -1)] if prorated else []
        with self._by_request():
            with self._changing(subscription, "customer.subscription.updated"):
                item.update(price=deepcopy(price), plan=objects.plan(price), quantity=quantity)
                if restarts:
                    subscription["billing_cycle_anchor"] = self.at
                    self._set_period(subscription, self.at)
                    lines.append(self._line(subscription))
                elif prorated:
                    lines.append(self._proration(subscription, +1))
                if lines:
                    invoice = self._draft(subscription, lines, reason="subscription_update", period=(self.at, self.at))
            if lines:
                self._finalize(invoice)
                self._collect(invoice)

    def _proration(self, subscription: Json, sign: int) -> Json:
        """The rest of the current period at the item's present terms: credited (-1) or billed (+1)."""
        item = subscription["items"]["data"][0]
        start, end = item["current_period_start"], item["current_period_end"]
        full, left, whole = item["price"]["unit_amount"] * item["quantity"], end - self.at, end - start
        name = self._get("product", item["price"]["product"])["name"]
        words = "Unused time on" if sign < 0 else "Remaining time on"
        return objects.line(
            self._id("il"),
            subscription=subscription,
            price=item["price"],
            quantity=item["quantity"],
            amount=sign * ((2 * full * left + whole) // (2 * whole)),
            description=f"{words} {item['quantity']} × {name}",
            period=(self.at, end),
            proration=True,
        )

    def _bill_new_period(self, subscription: Json) -> None:
        subscription["billing_cycle_anchor"] = self.at
        self._set_period(subscription, self.at)
        line = self._line(subscription)
        invoice = self._draft(subscription, [line], reason="subscription_update", period=(self.at, self.at))
        self._finalize(invoice)
        card = self._card_of(subscription)
        self._collect(invoice, card or self._new_card(self._living_customer(subscription["customer"])))
