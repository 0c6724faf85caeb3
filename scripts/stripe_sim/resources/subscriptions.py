"""Subscriptions as the API has them: created, changed, paused, resumed, canceled."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import NotThere, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import Filter, fits
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, merged
from scripts.stripe_sim.resources.subscription_changes import Change
from scripts.stripe_sim.resources.subscription_life import ENDED

_ITEM = "items.price items.price_data items.plan items.quantity items.metadata items.tax_rates items.discounts"
_ACCEPTED = (
    f"{_ITEM} add_invoice_items automatic_tax.enabled cancel_at cancel_at_period_end collection_method days_until_due"
    " default_payment_method default_source default_tax_rates description discounts invoice_settings.custom_fields"
    " invoice_settings.description invoice_settings.footer metadata off_session payment_behavior"
    " payment_settings.payment_method_types payment_settings.save_default_payment_method proration_behavior trial_end"
    " trial_from_plan trial_settings"
)


def _prices(subscription: Json) -> list[str]:
    return [item["price"]["id"] for item in subscription["items"]["data"]]


def _in_status(subscription: Json, wanted: str) -> bool:
    status = subscription["status"]
    several = {"all": True, "ended": status in ENDED, "not canceled": status != "canceled"}
    return several.get(wanted, status == wanted)


def _within(field: str) -> Filter:
    """The current period, which stands on the items, lies within these bounds."""
    return lambda subscription, bounds: fits(subscription["items"]["data"][0][field], bounds)


class Subscriptions(Resource):
    kind, service = "subscription", "subscriptions"
    generic = ("retrieve", "list", "search")
    filters = {
        "price": lambda subscription, price: price in _prices(subscription),
        "plan": lambda subscription, price: price in _prices(subscription),
        "status": _in_status,
        "automatic_tax": lambda subscription, wanted: subscription["automatic_tax"]["enabled"] == wanted["enabled"],
        "current_period_start": _within("current_period_start"),
        "current_period_end": _within("current_period_end"),
    }

    def list(self, given: Given) -> Json:
        """Without a status those that are not canceled, as Stripe does."""
        return super().list({"status": "not canceled", **given})

    @answers(
        "subscriptions.create",
        accepts=f"{_ACCEPTED} billing_cycle_anchor billing_mode.type currency customer trial_period_days",
    )
    def create(self, given: Given) -> Json:
        customer = self.api.customers.get(given.get("customer", ""), "customer")
        items = given.get("items") or ()
        if not items:
            raise Refused("Missing required param: items.", code="parameter_missing", param="items")
        self._refuse_taxes(given)
        self.api.subscribing.refuse_unfit(customer, given)
        starts_unpaid = self.api.subscription_payment.first_fails(customer, items, given)
        subscription, invoice = self.api.subscribing.begin(
            customer, items, given, status="incomplete" if starts_unpaid else None
        )
        self._plan_end(subscription, given)
        if given.get("payment_behavior") == "default_incomplete" and invoice["amount_due"]:
            with self.ledger.changing(invoice):
                invoice["next_payment_attempt"] = None
        elif invoice["status"] == "open":
            self.api.collection.begin(invoice)
        return subscription

    @answers(
        "subscriptions.update",
        accepts=f"{_ACCEPTED} billing_cycle_anchor.type cancellation_details items.id items.deleted pause_collection"
        " proration_date",
    )
    def update(self, id: str, given: Given) -> Json:
        subscription = self.get(id)
        if subscription["status"] in ENDED:
            return self._note_on_ended(subscription, given)
        self._refuse_taxes(given)
        self.api.subscribing.refuse_unfit(self.ledger.get("customer", subscription["customer"]), given)
        at = given.get("proration_date", self.ledger.at)
        change = self.api.subscription_changes.plan(
            subscription,
            given.get("items") or (),
            prorates=given.get("proration_behavior") != "none",
            at=at,
            anchor_now=given.get("billing_cycle_anchor", {}).get("type") == "now",
        )
        if self.api.subscription_payment.waits_for_money(subscription, change, given):
            ends_trial = self.api.subscription_payment.ends_trial(subscription, given)
            self.api.pending_updates.hold(subscription, change, ends_trial=ends_trial)
            return subscription
        self._carry_out(subscription, change, given)
        if self.api.subscription_payment.ends_trial(subscription, given):
            self.api.subscription_life.end_trial(subscription, at_once=True)
        return subscription

    @answers("subscriptions.cancel", accepts="cancellation_details invoice_now prorate")
    def cancel(self, id: str, given: Given) -> Json:
        subscription = self.live(id)
        credits = self.api.subscription_changes.credit(subscription, self.ledger.at) if given.get("prorate") else []
        self.api.subscription_changes.put_down(credits)
        if given.get("invoice_now"):
            self._bill_what_waits(subscription)
        elif not given.get("prorate"):
            self._drop_prorations(subscription)
        copy_fields(subscription["cancellation_details"], given.get("cancellation_details", {}), "comment feedback")
        self.api.subscription_life.end(subscription, "cancellation_requested")
        return subscription

    @answers("subscriptions.pause", accepts="bill_for.unused_time_from invoicing_behavior type")
    def pause(self, id: str, given: Given) -> Json:
        """The unused time is credited, unless the request says otherwise."""
        subscription = self._in_status(id, "active")
        if subscription["schedule"]:
            raise Refused("Cannot pause subscriptions with attached schedules.")
        since = given.get("bill_for", {}).get("unused_time_from", {}).get("type", "now")
        if since != "none":
            start = subscription["items"]["data"][0]["current_period_start"]
            at = start if since == "item_current_period_start" else self.ledger.at
            self.api.subscription_changes.put_down(self.api.subscription_changes.credit(subscription, at))
        if given.get("invoicing_behavior") == "invoice":
            self._bill_what_waits(subscription)
        self.api.subscription_life.pause(subscription, "pause_requested")
        return subscription

    @answers("subscriptions.resume", accepts="billing_cycle_anchor payment_behavior proration_behavior proration_date")
    def resume(self, id: str, given: Given) -> Json:
        return self.api.resuming.resume(self._in_status(id, "paused"), given)

    @answers("subscriptions.delete_discount")
    def delete_discount(self, id: str, given: Given) -> Json:
        subscription = self.live(id)
        if not subscription["discounts"]:
            raise Refused(f"No active discount for subscription: {id}", code="resource_missing")
        discount = self.ledger.retrieve("discount", subscription["discounts"][0])
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            self.api.discounts.end(subscription, [discount["id"]])
        return {**discount, "deleted": True}

    def due(self, thing: Json) -> Iterable[Due]:
        return self.api.subscription_life.due(thing)

    def live(self, id: str) -> Json:
        """A subscription that is not over; one that is, is not there for changes."""
        subscription = self.get(id)
        if subscription["status"] in ENDED:
            raise NotThere("subscription", id)
        return subscription

    def bill_change(self, subscription: Json, change: Change) -> Json:
        """The draft of what a change costs now."""
        self.api.subscription_changes.put_down(change.prorations)
        lines = self.api.lines.of_items(subscription, change.items) if change.anchor is not None else []
        now = self.ledger.at
        invoice = self.api.invoicing.draft_for(subscription, lines, reason="subscription_update", period=(now, now))
        invoice["parent"]["subscription_details"]["subscription_proration_date"] = now
        return invoice

    def _carry_out(self, subscription: Json, change: Change, given: Given) -> None:
        """The change, billed now where a new period begins or the request says so."""
        extras = given.get("add_invoice_items", ())
        customer = self.ledger.get("customer", subscription["customer"])
        for extra in extras:
            self.api.invoice_items.make(customer, {**extra, "subscription": subscription["id"]})
        due_now = given.get("proration_behavior") == "always_invoice" and bool(change.prorations or extras)
        bills = change.anchor is not None or due_now
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            self.api.subscription_changes.take_over(subscription, change)
            self._alter(subscription, given, customer)
            invoice = self.bill_change(subscription, change) if bills else None
            if invoice is None:
                self.api.subscription_changes.put_down(change.prorations)
        if invoice is not None:
            self.api.invoicing.finalize(invoice)
            if given.get("payment_behavior") != "default_incomplete" or not invoice["amount_due"]:
                self.api.collection.begin(invoice)

    def _alter(self, subscription: Json, given: Given, customer: Json) -> None:
        self.api.subscribing.take_over(subscription, given)
        self._plan_end(subscription, given)
        copy_fields(subscription["cancellation_details"], given.get("cancellation_details", {}), "comment feedback")
        if "pause_collection" in given:
            held = given["pause_collection"] or None
            subscription["pause_collection"] = held and {"resumes_at": None, **held}
        if "discounts" in given:
            kept = {each.get("discount") for each in given["discounts"] or ()}
            self.api.discounts.end(subscription, [id for id in subscription["discounts"] if id not in kept])
            subscription["discounts"] = self.api.discounts.redeem(
                given["discounts"], customer, subscription=subscription["id"]
            )
        if given.get("trial_end") not in (None, "now"):
            self._set_trial(subscription, given)

    def _plan_end(self, subscription: Json, given: Given) -> None:
        """Cancel at a time, at the end of the period, or not at all."""
        if "cancel_at_period_end" not in given and "cancel_at" not in given:
            return
        end = subscription["items"]["data"][0]["current_period_end"]
        cancel_at = given.get("cancel_at") or (end if given.get("cancel_at_period_end") else None)
        if isinstance(cancel_at, str):  # min_period_end and the like: all items have one period
            cancel_at = end
        subscription["cancel_at"] = cancel_at
        subscription["cancel_at_period_end"] = bool(given.get("cancel_at_period_end"))
        subscription["canceled_at"] = self.ledger.at if cancel_at else None
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if cancel_at else None
        self.ledger.plan(subscription)

    def _set_trial(self, subscription: Json, given: Given) -> None:
        end = self.api.subscribing.trial_end(given, ())
        subscription.update(status="trialing", trial_end=end, billing_cycle_anchor=end)
        subscription["trial_start"] = subscription["trial_start"] or self.ledger.at
        for item in subscription["items"]["data"]:
            item["current_period_start"], item["current_period_end"] = self.ledger.at, end

    def _bill_what_waits(self, subscription: Json) -> None:
        now = self.ledger.at
        if self.api.invoice_items.of_subscription(subscription["id"]):
            invoice = self.api.invoicing.draft_for(subscription, [], reason="subscription_update", period=(now, now))
            self.api.invoicing.finalize(invoice)
            self.api.collection.begin(invoice)

    def _drop_prorations(self, subscription: Json) -> None:
        for each in self.api.invoice_items.of_subscription(subscription["id"]):
            if each["proration"]:
                self.ledger.emit("invoiceitem.deleted", each)
                self.ledger.remove(each)

    def _note_on_ended(self, subscription: Json, given: Given) -> Json:
        if given.keys() - {"metadata", "cancellation_details"}:
            raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["metadata"] = merged(subscription["metadata"], given.get("metadata", {}))
            copy_fields(subscription["cancellation_details"], given.get("cancellation_details", {}), "comment feedback")
        return subscription

    def _in_status(self, id: str, status: str) -> Json:
        subscription = self.live(id)
        if subscription["status"] != status:
            raise Refused(f"Subscription {id} is {subscription['status']}, not {status}.")
        return subscription

    @staticmethod
    def _refuse_taxes(given: Given) -> None:
        if given.get("automatic_tax", {}).get("enabled"):
            raise Refused("You must have a valid head office address to enable automatic tax calculation in test mode.")
