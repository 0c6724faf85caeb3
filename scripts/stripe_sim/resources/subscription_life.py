"""What time and payments do to a subscription: trials end, periods are renewed, what is not paid falls behind."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.periods import period_at
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_changes import set_period

DAY = 86_400
TRIAL_NOTICE = 3 * DAY
EXPIRES_AFTER = 23 * 3600
"""Seconds in which a first invoice, or one that resumes a subscription, has to be paid."""
ENDED = ("canceled", "incomplete_expired")
_BEHIND = ("past_due", "unpaid", "incomplete")


class SubscriptionLife(Part):
    def due(self, subscription: Json) -> Iterator[Due]:
        """The end comes before a renewal in the same moment."""
        status, hidden = subscription["status"], self.ledger.hidden[subscription["id"]]
        if status in ENDED:
            return
        if subscription["cancel_at"]:
            yield Due(subscription["cancel_at"], self._end_as_planned)
        if subscription["pending_update"]:
            yield Due(subscription["pending_update"]["expires_at"], self.api.pending_updates.expire)
        held = subscription["pause_collection"]
        if held and held["resumes_at"]:
            yield Due(held["resumes_at"], self._collect_again)
        if status == "incomplete":
            yield Due(subscription["created"] + EXPIRES_AFTER, self._expire)
        elif status == "trialing":
            if not hidden.get("trial_announced"):
                yield Due(max(subscription["trial_end"] - TRIAL_NOTICE, subscription["created"]), self._announce_end)
            yield Due(subscription["trial_end"], self.end_trial)
        elif status != "paused":
            yield from self._due_at_period_end(subscription)

    def renew(self, subscription: Json, *, trial_ends_now: bool = False) -> Json:
        """Move to the next period and draft the invoice for it, which is finalized and collected an hour later.

        The invoice's own period is the one that has just ended; a line's period is the new one.
        """
        held = subscription["pause_collection"]
        drafts_only = subscription["status"] == "unpaid" or (held and held["behavior"] == "keep_as_draft")
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            if trial_ends_now:
                self._cut_trial(subscription)
            item = subscription["items"]["data"][0]
            ended = (item["current_period_start"], item["current_period_end"])
            self.set_period(subscription, ended[1])
            if subscription["status"] == "trialing":
                subscription["status"] = "active"
            lines = self.api.lines.of_items(subscription, subscription["items"]["data"])
            return self.api.invoicing.draft_for(
                subscription, lines, reason="subscription_cycle", period=ended, auto=not drafts_only
            )

    def end_trial(self, subscription: Json, *, at_once: bool = False) -> None:
        """The first paid period begins; without a payment method what `trial_settings` says happens.

        `at_once`: the trial was ended by a request, and its invoice is collected without the hour as a draft.
        """
        without_method = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        has_method = self.api.collection.method_for(_owner(subscription)) is not None
        if subscription["collection_method"] == "charge_automatically" and not has_method:
            if without_method == "pause":
                self.pause(subscription, "trial_end_without_payment_method")
                return
            if without_method == "cancel":
                self.end(subscription, None)
                return
        invoice = self.renew(subscription, trial_ends_now=at_once)
        if at_once:
            self.api.collection.advance(invoice)

    def pause(self, subscription: Json, reason: str) -> None:
        with self.ledger.changing(subscription, "customer.subscription.paused", "customer.subscription.updated"):
            subscription["status"], subscription["status_details"] = "paused", objects.paused(self.ledger.at, reason)

    def resume(self, subscription: Json) -> None:
        with self.ledger.changing(subscription, "customer.subscription.resumed", "customer.subscription.updated"):
            subscription["status"], subscription["status_details"] = "active", None

    def end(self, subscription: Json, reason: str | None) -> None:
        """The subscription is over; its open invoices stay open, but nobody tries to collect them any more."""
        for invoice in self.invoices_of(subscription):
            if invoice["status"] in ("draft", "open"):
                with self.ledger.changing(invoice, "invoice.updated"):
                    invoice["auto_advance"], invoice["next_payment_attempt"] = False, None
                    invoice["automatically_finalizes_at"] = None
        if subscription["schedule"]:
            self.api.schedules.subscription_ended(subscription)
        with self.ledger.changing(subscription, "customer.subscription.deleted"):
            subscription["status"], subscription["ended_at"] = "canceled", self.ledger.at
            subscription["canceled_at"] = subscription["canceled_at"] or self.ledger.at
            subscription["cancellation_details"]["reason"] = reason or subscription["cancellation_details"]["reason"]

    def hear_paid(self, subscription: Json, invoice: Json) -> None:
        """An invoice was paid: a subscription that was behind on its latest one is active."""
        if subscription["status"] in ENDED:
            return
        if self.ledger.hidden[invoice["id"]].get("pending_update"):
            self.api.pending_updates.apply(subscription)
        if subscription["latest_invoice"] != invoice["id"]:
            return
        if subscription["status"] == "paused" and self.ledger.hidden[invoice["id"]].get("resumes"):
            self.resume(subscription)
        elif subscription["status"] in _BEHIND:
            with self.ledger.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "active"
                self._keep_method(subscription, invoice)

    def set_period(self, subscription: Json, moment: int) -> None:
        """The current period becomes the one that `moment` lies in, counted from the billing anchor."""
        items = subscription["items"]["data"]
        recurring = items[0]["price"]["recurring"]
        anchor = subscription["billing_cycle_anchor"]
        set_period(items, *period_at(anchor, recurring["interval"], recurring["interval_count"], moment))

    def invoices_of(self, subscription: Json) -> list[Json]:
        of_customer = self.ledger.all("invoice", customer=subscription["customer"])
        return [each for each in of_customer if self.api.invoicing.subscription_of(each) is subscription]

    def begin_paid(self, subscription: Json) -> None:
        """The first period after a trial that was ended by paying for it."""
        self._cut_trial(subscription)
        self.set_period(subscription, self.ledger.at)
        subscription["status"] = "active"

    def _cut_trial(self, subscription: Json) -> None:
        """The trial's end, and what periods are counted from, is now."""
        subscription["trial_end"] = subscription["billing_cycle_anchor"] = self.ledger.at
        for item in subscription["items"]["data"]:
            item["current_period_end"] = self.ledger.at

    def _due_at_period_end(self, subscription: Json) -> Iterator[Due]:
        item = subscription["items"]["data"][0]
        start, end = item["current_period_start"], item["current_period_end"]
        notice = self.api.settings.upcoming_notice
        announced = self.ledger.hidden[subscription["id"]].get("announced")
        if notice and end - start > notice and announced != end and not subscription["cancel_at"]:
            yield Due(end - notice, self._announce_renewal)
        yield Due(end, self.renew)

    def _announce_end(self, subscription: Json) -> None:
        """Three days before the end of the trial Stripe tells the vendor; nothing changes."""
        self.ledger.hidden[subscription["id"]]["trial_announced"] = True
        self.ledger.emit("customer.subscription.trial_will_end", subscription)

    def _announce_renewal(self, subscription: Json) -> None:
        """The invoice that will come; it is none yet."""
        self.ledger.hidden[subscription["id"]]["announced"] = subscription["items"]["data"][0]["current_period_end"]
        self.ledger.emit("invoice.upcoming", self.api.previews.renewal(subscription))

    def _end_as_planned(self, subscription: Json) -> None:
        self.end(subscription, None)

    def _expire(self, subscription: Json) -> None:
        """Nobody paid the first invoice in time: the subscription is over before it began."""
        self.api.invoicing.void(self.ledger.get("invoice", subscription["latest_invoice"]))
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["status"], subscription["ended_at"] = "incomplete_expired", self.ledger.at

    def _collect_again(self, subscription: Json) -> None:
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["pause_collection"] = None

    def _keep_method(self, subscription: Json, invoice: Json) -> None:
        """What paid the invoice pays the next ones, where the subscription says so."""
        keeps = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
        payment = self.api.invoicing.payment_of(invoice)
        if keeps and payment and payment["status"] == "paid":
            subscription["default_payment_method"] = self.api.invoicing.intent_of(payment)["payment_method"]


def _owner(subscription: Json) -> Json:
    """As far as an invoice says whom to charge."""
    return {
        "customer": subscription["customer"],
        "parent": {"subscription_details": {"subscription": subscription["id"]}},
    }
