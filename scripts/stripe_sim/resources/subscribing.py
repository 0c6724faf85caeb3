"""How a subscription begins: with a trial, paid, or not paid yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import NotSimulated, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.periods import later
from scripts.stripe_sim.resources.resource import Part, copy_fields

DAY = 86_400
SETTINGS = "collection_method days_until_due description metadata"


class Subscribing(Part):
    def begin(
        self,
        customer: Json,
        items: Sequence[Mapping[str, Any]],
        given: Mapping[str, Any],
        *,
        status: str | None = None,
        paid_by: Json | None = None,
    ) -> tuple[Json, Json]:
        """The subscription and its first invoice: finalized, or, when it is to be sent, a draft for an hour.

        `given` are the parameters of its creation. Without `status` it is trialing, or active; `paid_by` is a payment
        that was made before.
        """
        trial_end = self.trial_end(given, items)
        subscription = self.compose(customer, items, given, trial_end, status)
        self.api.customers.note_currency(customer, subscription["currency"])
        for item in subscription["items"]["data"]:
            self.ledger.add(item)
        self.ledger.add(subscription)
        discounts = given.get("discounts") or ()
        subscription["discounts"] = self.api.discounts.redeem(discounts, customer, subscription=subscription["id"])
        for extra in given.get("add_invoice_items", ()):
            self.api.invoice_items.make(customer, {**extra, "subscription": subscription["id"]})
        invoice = self._first_invoice(subscription, free=trial_end is not None, prorates=_prorates(given))
        if subscription["collection_method"] == "charge_automatically":
            self.api.invoicing.finalize(invoice, paid_by)
        self.ledger.emit("customer.subscription.created", subscription)
        self.ledger.plan(subscription)
        return subscription, invoice

    def refuse_unfit(self, customer: Json, given: Mapping[str, Any]) -> None:
        """Raises Refused for what a request names and is not there or cannot be used, before anything is done."""
        if given.get("billing_mode", {}).get("type") == "classic":
            raise NotSimulated("the billing mode `classic`")
        if method := given.get("default_payment_method"):
            self.api.payment_methods.owned(method, customer)
        for each in (given, *(given.get("items") or ()), *given.get("add_invoice_items", ())):
            self.api.tax_rates.named(each.get("default_tax_rates", each.get("tax_rates", ())))
            self.api.discounts.refuse_unusable(each.get("discounts", ()), customer)
            price = self.api.prices.get(each["price"], "items[0][price]") if each.get("price") else None
            if price and given.get("currency", price["currency"]).lower() != price["currency"]:
                raise Refused("The price specified only supports another currency.", param="currency")

    def compose(
        self,
        customer: Json,
        items: Sequence[Mapping[str, Any]],
        given: Mapping[str, Any],
        trial_end: int | None,
        status: str | None = None,
    ) -> Json:
        """A subscription that nobody knows of, in its first period."""
        id, now = self.ledger.new_id("sub"), self.ledger.at
        made = [self.api.subscription_changes.new_item(id, each, (now, trial_end or now)) for each in items]
        anchor = self._anchor(given, made, trial_end)
        subscription = objects.subscription(
            id,
            at=now,
            customer=customer,
            items=made,
            currency=made[0]["price"]["currency"],
            status=status or ("trialing" if trial_end else "active"),
            anchor=anchor,
            trial=(now, trial_end) if trial_end else None,
        )
        self.api.subscription_changes.items_with(subscription, ())
        self.take_over(subscription, given)
        if trial_end is None:
            end = anchor if anchor > now else later(anchor, *_interval(made[0]))
            for item in made:
                item["current_period_start"], item["current_period_end"] = now, end
        return subscription

    def take_over(self, subscription: Json, given: Mapping[str, Any]) -> None:
        """Settings that are given at the beginning or later."""
        copy_fields(subscription, given, SETTINGS)
        payment_settings = given.get("payment_settings", {})
        copy_fields(
            subscription["payment_settings"], payment_settings, "payment_method_types save_default_payment_method"
        )
        copy_fields(
            subscription["invoice_settings"], given.get("invoice_settings", {}), "custom_fields description footer"
        )
        if "trial_settings" in given:
            subscription["trial_settings"] = {"end_behavior": dict(given["trial_settings"]["end_behavior"])}
        if "default_tax_rates" in given:
            subscription["default_tax_rates"] = self.api.tax_rates.named(given["default_tax_rates"])
        if method := given.get("default_payment_method"):
            customer = self.ledger.get("customer", subscription["customer"])
            subscription["default_payment_method"] = self.api.payment_methods.owned(method, customer)["id"]
        copy_fields(subscription, given, "default_source")

    def trial_end(self, given: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> int | None:
        """When the trial ends that the request asks for; None for no trial."""
        if given.get("trial_end") not in (None, "now"):
            end: int = given["trial_end"]
            if end <= self.ledger.at:
                raise Refused("Invalid timestamp: must be an integer Unix timestamp in the future", param="trial_end")
            return end
        days = given.get("trial_period_days")
        if days is None and given.get("trial_from_plan"):
            days = self.api.prices.named(items[0])["recurring"]["trial_period_days"]
        return self.ledger.at + days * DAY if days else None

    def _anchor(self, given: Mapping[str, Any], items: list[Json], trial_end: int | None) -> int:
        anchor = given.get("billing_cycle_anchor")
        if anchor is None:
            return trial_end or self.ledger.at
        if not self.ledger.at <= anchor <= later(self.ledger.at, *_interval(items[0])):
            raise Refused(
                "Invalid billing_cycle_anchor: must be in the future and at most one period away.",
                param="billing_cycle_anchor",
            )
        return int(anchor)

    def _first_invoice(self, subscription: Json, *, free: bool, prorates: bool) -> Json:
        """A part of a period until the billing anchor costs its share, or nothing when nothing is prorated."""
        is_part = subscription["billing_cycle_anchor"] > self.ledger.at and not free
        items = [] if is_part and not prorates else subscription["items"]["data"]
        lines = self.api.lines.of_items(subscription, items, free=free)
        now = self.ledger.at
        return self.api.invoicing.draft_for(subscription, lines, reason="subscription_create", period=(now, now))


def _prorates(given: Mapping[str, Any]) -> bool:
    return bool(given.get("proration_behavior") != "none")


def _interval(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]
