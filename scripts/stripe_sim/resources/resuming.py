"""A paused subscription goes on: in a new period that is paid now, or in the old rhythm."""

from __future__ import annotations

from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_life import EXPIRES_AFTER


class Resuming(Part):
    def resume(self, subscription: Json, given: Given) -> Json:
        """With `billing_cycle_anchor[type]=unchanged` the rest of the period is billed as a proration, or not."""
        anchor = given.get("billing_cycle_anchor", {}).get("type", "now")
        behavior = given.get("proration_behavior", "create_prorations")
        invoice = self._in_old_rhythm(subscription, given) if anchor == "unchanged" else self._anew(subscription)
        if anchor == "unchanged" and behavior != "always_invoice":
            invoice = None
        if invoice is None:
            self.api.subscription_life.resume(subscription)
            return subscription
        self._collect(subscription, invoice, given.get("payment_behavior", "resume_on_payment_attempt"))
        return subscription

    def _anew(self, subscription: Json) -> Json:
        with self.ledger.changing(subscription):
            subscription["billing_cycle_anchor"] = self.ledger.at
            self.api.subscription_life.set_period(subscription, self.ledger.at)
            lines = self.api.lines.of_items(subscription, subscription["items"]["data"])
        return self._draft(subscription, lines)

    def _in_old_rhythm(self, subscription: Json, given: Given) -> Json | None:
        with self.ledger.changing(subscription):
            self.api.subscription_life.set_period(subscription, self.ledger.at)
        if given.get("proration_behavior") == "none":
            return None
        at = given.get("proration_date", self.ledger.at)
        self.api.subscription_changes.put_down(self.api.subscription_changes.debit(subscription, at))
        bills = given.get("proration_behavior") == "always_invoice"
        return self._draft(subscription, []) if bills else None

    def _draft(self, subscription: Json, lines: list) -> Json:  # type: ignore[type-arg]
        now = self.ledger.at
        return self.api.invoicing.draft_for(subscription, lines, reason="subscription_update", period=(now, now))

    def _collect(self, subscription: Json, invoice: Json, behavior: str) -> None:
        """Active once it was paid, or, with `resume_on_payment_attempt`, once it was tried."""
        self.ledger.hidden[invoice["id"]].update(resumes=True, void_at=self.ledger.at + EXPIRES_AFTER)
        self.api.invoicing.finalize(invoice)
        self.api.collection.begin(invoice)
        if subscription["status"] == "paused" and behavior == "resume_on_payment_attempt" and invoice["attempted"]:
            self.ledger.hidden[invoice["id"]].pop("void_at")
            self.api.subscription_life.resume(subscription)
            with self.ledger.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "past_due"
