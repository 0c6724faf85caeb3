"""Changes that take effect only when they are paid: `payment_behavior=pending_if_incomplete`."""

from __future__ import annotations

from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_changes import Change

EXPIRES_AFTER = 23 * 3600


class PendingUpdates(Part):
    def hold(self, subscription: Json, change: Change) -> None:
        """The subscription stays what it is until the invoice of the change is paid."""
        self.ledger.hidden[subscription["id"]]["pending"] = change
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["pending_update"] = {
                "billing_cycle_anchor": change.anchor,
                "cancel_at_period_end": None,
                "expires_at": self.ledger.at + EXPIRES_AFTER,
                "subscription_items": change.items,
                "trial_end": None,
                "trial_from_plan": None,
            }
            invoice = self.api.subscriptions.bill_change(subscription, change)
        self.ledger.hidden[invoice["id"]]["pending_update"] = True
        self.api.invoicing.finalize(invoice)
        self.api.collection.begin(invoice)

    def apply(self, subscription: Json) -> None:
        change = self.ledger.hidden[subscription["id"]].pop("pending", None)
        if change is None:
            return
        with self.ledger.changing(
            subscription, "customer.subscription.pending_update_applied", "customer.subscription.updated"
        ):
            subscription["pending_update"] = None
            self.api.subscription_changes.take_over(subscription, change)

    def expire(self, subscription: Json) -> None:
        """Nobody paid in time: the change is off, and so is its invoice."""
        self.ledger.hidden[subscription["id"]].pop("pending", None)
        for invoice in self.api.subscription_life.invoices_of(subscription):
            if invoice["status"] == "open" and self.ledger.hidden[invoice["id"]].get("pending_update"):
                self.api.invoicing.void(invoice)
        with self.ledger.changing(
            subscription, "customer.subscription.pending_update_expired", "customer.subscription.updated"
        ):
            subscription["pending_update"] = None
