"""How a subscription goes on: trials that end, renewals that are paid, or not, or held back."""

from __future__ import annotations

from typing import Literal

from scripts.stripe_sim.buying import DAY, Buying
from scripts.stripe_sim.ledger import Json, Refused, verb
from scripts.stripe_sim.objects import paused
from scripts.stripe_sim.periods import period_at


class Renewing(Buying):
    """Verbs that Stripe performs by itself when time passes; each moves the clock to its moment if that is ahead."""

    @verb
    def trial_will_end(self, subscription: str) -> None:
        """Three days before the end of the trial Stripe tells the vendor; nothing changes."""
        thing = self._in_status(subscription, "trialing")
        self._until(thing["trial_end"] - 3 * DAY)
        self._emit("customer.subscription.trial_will_end", thing)

    @verb
    def end_trial(self, subscription: str, *, pays: bool = True) -> None:
        """The trial is over: the first paid period begins; without a card what `trial_settings` says happens."""
        thing = self._in_status(subscription, "trialing")
        self._until(thing["trial_end"])
        without_card = thing["trial_settings"]["end_behavior"]["missing_payment_method"]
        has_card = self._card_of(thing) is not None
        if not has_card and without_card == "pause":
            self._pause(thing, "trial_end_without_payment_method")
        elif not has_card and without_card == "cancel":
            self._end(thing, None)
        else:
            self._cycle(thing, pays=pays and has_card)

    @verb
    def renew(self, subscription: str) -> None:
        """A new period begins and, an hour later, its invoice is paid (or held back while collection is paused)."""
        self._cycle(self._renewable(subscription), pays=True)

    @verb
    def fail_renewal(self, subscription: str) -> None:
        """A new period begins, and the first attempt to collect its invoice fails; `fail_again`, `pay`, `give_up`."""
        self._cycle(self._renewable(subscription), pays=False)

    @verb
    def give_up(self, subscription: str, *, to: Literal["unpaid", "canceled", "past_due", "paused"] = "unpaid") -> None:
        """Stripe stops trying to collect the latest invoice, and the subscription becomes what the vendor has set."""
        thing = self._in_status(subscription, "past_due")
        with self._changing(self._get("invoice", thing["latest_invoice"]), "invoice.updated") as invoice:
            invoice["next_payment_attempt"], invoice["auto_advance"] = None, False
        if to == "canceled":
            self._end(thing, "payment_failed")
        elif to == "paused":
            self._pause(thing, "final_payment_failure")
        else:
            with self._changing(thing, "customer.subscription.updated"):
                thing["status"] = to

    def _renewable(self, id: str) -> Json:
        subscription = self._in_status(id, "active", "past_due", "unpaid")
        if subscription["cancel_at_period_end"]:
            raise Refused(f"Subscription {id} is canceled at the end of its period.")
        self._until(subscription["items"]["data"][0]["current_period_end"])
        return subscription

    def _cycle(self, subscription: Json, *, pays: bool) -> None:
        held = subscription["pause_collection"]
        drafts_only = subscription["status"] == "unpaid" or (held and held["behavior"] == "keep_as_draft")
        invoice = self._next_period(subscription, collect=not drafts_only)
        if drafts_only:
            return
        self._later(hours=1)
        self._finalize(invoice)
        if held and held["behavior"] == "void":
            self._void(invoice)
        elif held:
            self._write_off(invoice)
        elif pays or not invoice["amount_due"]:
            self._collect(invoice)
        else:
            self._decline(invoice)

    def _next_period(self, subscription: Json, *, collect: bool) -> Json:
        """Move the item to its next period and draft the invoice for it.

        The invoice's own period is the one that has just ended; the line's period is the new one.
        """
        item = subscription["items"]["data"][0]
        ended = (item["current_period_start"], item["current_period_end"])
        with self._changing(subscription, "customer.subscription.updated"):
            self._set_period(subscription, ended[1])
            if subscription["status"] == "trialing":
                subscription["status"] = "active"
            line = self._line(subscription)
            return self._draft(subscription, [line], reason="subscription_cycle", period=ended, auto=collect)

    def _set_period(self, subscription: Json, moment: int) -> None:
        """The item's current period becomes the one that `moment` lies in, counted from the billing anchor."""
        item = subscription["items"]["data"][0]
        terms = item["price"]["recurring"]
        start, end = period_at(subscription["billing_cycle_anchor"], terms["interval"], terms["interval_count"], moment)
        item["current_period_start"], item["current_period_end"] = start, end

    def _pause(self, subscription: Json, reason: str) -> None:
        with self._changing(subscription, "customer.subscription.paused", "customer.subscription.updated"):
            subscription["status"], subscription["status_details"] = "paused", paused(self.at, reason)

    def _end(self, subscription: Json, reason: str | None) -> None:
        """The subscription is over; an open invoice stays open, but nobody tries to collect it any more."""
        if subscription["latest_invoice"]:
            with self._changing(self._get("invoice", subscription["latest_invoice"]), "invoice.updated") as invoice:
                invoice["auto_advance"], invoice["next_payment_attempt"] = False, None
        with self._changing(subscription, "customer.subscription.deleted"):
            subscription["status"], subscription["ended_at"] = "canceled", self.at
            subscription["canceled_at"] = subscription["canceled_at"] or self.at
            subscription["cancellation_details"]["reason"] = reason or subscription["cancellation_details"]["reason"]
