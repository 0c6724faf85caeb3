"""Changes that take effect only when they are paid: `payment_behavior=pending_if_incomplete`.

As https://docs.stripe.com/billing/subscriptions/pending-updates describes them: another update replaces the one that
waits, voiding its invoice cancels it, and the subscription goes on as if nothing had been asked for.
"""

from __future__ import annotations

from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_changes import Change

EXPIRES_AFTER = 23 * 3600


class PendingUpdates(Part):
    def hold(self, subscription: Json, change: Change, *, ends_trial: bool = False) -> None:
        """The subscription stays what it is until the invoice of the change is paid."""
        self.expire(subscription)
        self.ledger.hidden[subscription["id"]]["pending"] = (change, ends_trial)
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["pending_update"] = {
                "billing_cycle_anchor": change.anchor,
                "cancel_at_period_end": None,
                "expires_at": self._expires_at(subscription),
                "subscription_items": change.items,
                "trial_end": self.ledger.at if ends_trial else None,
                "trial_from_plan": None,
            }
            invoice = self._bill(subscription, change, ends_trial)
        self.ledger.hidden[invoice["id"]]["pending_update"] = True
        self.api.invoicing.finalize(invoice)
        self.api.collection.begin(invoice)

    def apply(self, subscription: Json) -> None:
        pending = self.ledger.hidden[subscription["id"]].pop("pending", None)
        if pending is None:
            return
        change, ends_trial = pending
        with self.ledger.changing(
            subscription, "customer.subscription.pending_update_applied", "customer.subscription.updated"
        ):
            subscription["pending_update"] = None
            self.api.subscription_changes.take_over(subscription, change)
            if ends_trial:
                self.api.subscription_life.begin_paid(subscription)

    def expire(self, subscription: Json) -> None:
        """Nobody paid in time, or another update came: the change is off, and so is its invoice."""
        for invoice in self.api.subscription_life.invoices_of(subscription):
            if invoice["status"] == "open" and self.is_of(invoice):
                self.api.invoicing.void(invoice)

    def is_of(self, invoice: Json) -> bool:
        """Whether a change waits for this invoice, or has waited."""
        return bool(self.ledger.hidden[invoice["id"]].get("pending_update"))

    def hear_voided(self, subscription: Json) -> None:
        """The invoice of the change is void: the change is discarded."""
        if self.ledger.hidden[subscription["id"]].pop("pending", None) is None:
            return
        with self.ledger.changing(
            subscription, "customer.subscription.pending_update_expired", "customer.subscription.updated"
        ):
            subscription["pending_update"] = None

    def _expires_at(self, subscription: Json) -> int:
        end = subscription["items"]["data"][0]["current_period_end"]
        return int(min(self.ledger.at + EXPIRES_AFTER, subscription["trial_end"] or end, end))

    def _bill(self, subscription: Json, change: Change, ends_trial: bool) -> Json:
        if not ends_trial:
            return self.api.subscriptions.bill_change(subscription, change)
        lines = self.api.previews.first_lines(subscription, change.items)
        now = self.ledger.at
        return self.api.invoicing.draft_for(subscription, lines, reason="subscription_update", period=(now, now))
