"""What an invoice would say: the next renewal, or a change of a subscription, computed as it would be carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.periods import period_at
from scripts.stripe_sim.resources.lines import Drafted
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_changes import set_period
from scripts.stripe_sim.resources.subscription_life import ENDED


class Previews(Part):
    """Nothing here changes the ledger; what is drafted has ids that nobody will meet again."""

    def preview(self, given: Given) -> Json:
        details = given.get("subscription_details") or {}
        if "subscription" in given:
            subscription = self.api.subscriptions.get(given["subscription"], "subscription")
            if subscription["status"] in ENDED:
                raise Refused(
                    "You cannot preview an invoice for a canceled subscription.", code="invoice_upcoming_none"
                )
            return self._of_subscription(subscription, details, given)
        if details.get("items"):
            return self._of_new(details, given)
        return self._of_waiting(given)

    def renewal(self, subscription: Json) -> Json:
        """The invoice of the next period, as things stand."""
        return self._next(subscription, self._items_then(subscription), [], {})

    def _of_subscription(self, subscription: Json, details: Mapping[str, Any], given: Given) -> Json:
        at = details.get("proration_date", self.ledger.at)
        if details.get("cancel_now"):
            credits = self.api.subscription_changes.credit(subscription, at)
            return self._now(subscription, [], credits if _prorates(details) else [], given)
        if details.get("trial_end") == "now" and subscription["status"] == "trialing":
            return self._first_paid(subscription, details, given)
        change = self.api.subscription_changes.plan(
            subscription,
            details.get("items") or (),
            prorates=_prorates(details) and given.get("preview_mode") != "recurring",
            at=at,
            anchor_now=details.get("billing_cycle_anchor", {}).get("type") == "now",
        )
        if change.anchor is not None:
            return self._now(subscription, change.items, change.prorations, given)
        if details.get("proration_behavior") == "always_invoice" and change.prorations:
            return self._now(subscription, [], change.prorations, given)
        if subscription["cancel_at_period_end"] or details.get("cancel_at_period_end"):
            return self._last(subscription, change.prorations, given)
        items = change.items if details.get("items") else self._items_then(subscription)
        return self._next(subscription, items, change.prorations, given)

    def _items_then(self, subscription: Json) -> list[Json]:
        """The items of the next period: those of a schedule's phase that begins with it, or those of now."""
        end = subscription["items"]["data"][0]["current_period_end"]
        planned = self.api.schedules.items_at(subscription, end)
        return self.api.subscription_changes.items_with(subscription, planned)

    def _next(self, subscription: Json, items: Sequence[Json], made_up: Sequence[Json], given: Given) -> Json:
        """The renewal with these items, and what waits for it."""
        items = deepcopy(list(items))
        ended = (items[0]["current_period_start"], items[0]["current_period_end"])
        recurring, anchor = items[0]["price"]["recurring"], subscription["billing_cycle_anchor"]
        set_period(items, *period_at(anchor, recurring["interval"], recurring["interval_count"], ended[1]))
        lines = self.api.lines.of_items(subscription, items)
        return self._compose(subscription, made_up, lines, given, reason="upcoming", period=ended)

    def _now(self, subscription: Json, items: Sequence[Json], made_up: Sequence[Json], given: Given) -> Json:
        now = self.ledger.at
        lines = self.api.lines.of_items(subscription, items)
        return self._compose(subscription, made_up, lines, given, reason="subscription_update", period=(now, now))

    def _last(self, subscription: Json, made_up: Sequence[Json], given: Given) -> Json:
        """A subscription that ends: only what is still open."""
        item = subscription["items"]["data"][0]
        period = (item["current_period_start"], item["current_period_end"])
        if not made_up and not self.api.invoice_items.of_subscription(subscription["id"]):
            raise Refused("No upcoming invoices for customer: this subscription ends.", code="invoice_upcoming_none")
        return self._compose(subscription, made_up, [], given, reason="upcoming", period=period)

    def _first_paid(self, subscription: Json, details: Mapping[str, Any], given: Given) -> Json:
        """A trial that is ended now."""
        items = self.api.subscription_changes.items_with(subscription, details.get("items") or ())
        now = self.ledger.at
        lines = self.first_lines(subscription, items)
        return self._compose(subscription, [], lines, given, reason="subscription_update", period=(now, now))

    def first_lines(self, subscription: Json, items: Sequence[Json]) -> list[Drafted]:
        """Those of the period that begins when a trial with these items ends now."""
        items, now = deepcopy(list(items)), self.ledger.at
        recurring = items[0]["price"]["recurring"]
        set_period(items, *period_at(now, recurring["interval"], recurring["interval_count"], now))
        return self.api.lines.of_items(subscription, items)

    def _of_new(self, details: Mapping[str, Any], given: Given) -> Json:
        """The first invoice of a subscription that is not there yet."""
        customer = self._customer(given)
        trial_end = self.api.subscribing.trial_end(details, details["items"])
        subscription = self.api.subscribing.compose(customer, details["items"], details, trial_end)
        lines = self.api.lines.of_items(subscription, subscription["items"]["data"], free=trial_end is not None)
        now = self.ledger.at
        return self._compose(
            subscription, [], lines, given, reason="subscription_create", period=(now, now), customer=customer
        )

    def _of_waiting(self, given: Given) -> Json:
        """Without a subscription: what waits for the customer's next invoice, or that of the only subscription."""
        customer = self._customer(given)
        running = [
            each for each in self.ledger.all("subscription", customer=customer["id"]) if each["status"] not in ENDED
        ]
        if running:
            return self._of_subscription(running[0], {}, given)
        waiting = self.api.invoice_items.waiting(customer["id"], None)
        if not waiting and not given.get("invoice_items"):
            raise Refused(f"No upcoming invoices for customer: {customer['id']}", code="invoice_upcoming_none")
        now = self.ledger.at
        currency = given.get("currency") or (waiting[0]["currency"] if waiting else customer["currency"] or "usd")
        return self.api.invoicing.compose(
            self.ledger.new_id("upcoming_in"),
            customer,
            currency,
            [*self.api.lines.of_waiting(waiting), *self._extras(given, customer)],
            reason="upcoming",
            period=(now, now),
            discounts=self._terms(given, []),
        )

    def _compose(
        self,
        subscription: Json,
        made_up: Sequence[Json],
        lines: Sequence[Drafted],
        given: Given,
        *,
        reason: str,
        period: tuple[int, int],
        customer: Json | None = None,
    ) -> Json:
        customer = customer or self.ledger.get("customer", subscription["customer"])
        waiting = self.api.invoice_items.waiting(customer["id"], subscription["id"])
        drafted = [*self.api.lines.of_waiting([*waiting, *made_up]), *self._extras(given, customer), *lines]
        invoice = self.api.invoicing.compose(
            self.ledger.new_id("upcoming_in"),
            customer,
            subscription["currency"],
            drafted,
            reason=reason,
            period=period,
            subscription=subscription,
            discounts=self._terms(given, subscription["discounts"]),
        )
        owed = invoice["total"] + customer["balance"]
        invoice["amount_due"] = invoice["amount_remaining"] = max(owed, 0)
        invoice["ending_balance"] = min(owed, 0)
        return invoice

    def _extras(self, given: Given, customer: Json) -> list[Drafted]:
        """Items that would be on the invoice too."""
        return self.api.lines.of_waiting(
            self.api.invoice_items.compose(customer, each) for each in given.get("invoice_items", ())
        )

    def _terms(self, given: Given, running: Sequence[str]) -> list[tuple[str, Json]]:
        """Those that run, or those that are asked for, without being redeemed."""
        if "discounts" not in given:
            return self.api.discounts.terms(running)
        return self.discounts(given["discounts"] or ())

    def discounts(self, given: Sequence[Mapping[str, Any]]) -> list[tuple[str, Json]]:
        """The terms that these coupons and codes would have."""
        return [(self.ledger.new_id("di"), self.api.discounts.coupon_of(each)) for each in given]

    def _customer(self, given: Given) -> Json:
        return self.api.customers.get(given.get("customer", ""), "customer")


def _prorates(details: Mapping[str, Any]) -> bool:
    return bool(details.get("proration_behavior") != "none")
