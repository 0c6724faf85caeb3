"""Whether a subscription or a change of it can be paid, asked before anything is done: `payment_behavior`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scripts.stripe_sim.errors import CardError, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.payment_methods import declined
from scripts.stripe_sim.resources.resource import Part
from scripts.stripe_sim.resources.subscription_changes import Change


class SubscriptionPayment(Part):
    def first_fails(self, customer: Json, items: Iterable[Mapping[str, Any]], given: Given) -> bool:
        """Whether a subscription begins incomplete. Raises CardError where the request says that it must not."""
        items = [*items]
        is_sent = given.get("collection_method") == "send_invoice"
        if is_sent or self.api.subscribing.trial_end(given, items) or not self._costs(items):
            return False
        behavior = given.get("payment_behavior", "allow_incomplete")
        if behavior == "default_incomplete":
            return True
        named = given.get("default_payment_method")
        method = self.api.payment_methods.owned(named, customer) if named else self.api.customers.pays_with(customer)
        if method is None:
            raise Refused(
                "This customer has no attached payment source or default payment method. Please consider adding a"
                " default payment method. For more information, visit"
                " https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
                code="resource_missing",
            )
        if self._works(method):
            return False
        if behavior == "error_if_incomplete":
            raise self._unpaid(method)
        return True

    def waits_for_money(self, subscription: Json, change: Change, given: Given) -> bool:
        """Whether a change is held until it is paid. Raises CardError where it must not be made unpaid."""
        behavior = given.get("payment_behavior", "allow_incomplete")
        begins = change.anchor is not None or self.ends_trial(subscription, given)
        bills = begins or given.get("proration_behavior") == "always_invoice"
        costs = begins or sum(each["amount"] for each in change.prorations) > 0
        if behavior not in ("error_if_incomplete", "pending_if_incomplete") or not (bills and costs):
            return False
        method = self._method_of(subscription)
        if method and self._works(method):
            return False
        if behavior == "error_if_incomplete":
            raise self._unpaid(method)
        return True

    @staticmethod
    def ends_trial(subscription: Json, given: Given) -> bool:
        return given.get("trial_end") == "now" and subscription["status"] == "trialing"

    def _works(self, method: Json) -> bool:
        return self.api.payments.outcome(method) in ("succeeds", "processing")

    def _costs(self, items: Iterable[Mapping[str, Any]]) -> bool:
        named = [self.ledger.known(each.get("price") or each.get("plan") or "") for each in items]
        return any(price is None or price.get("unit_amount") != 0 for price in named)

    def _method_of(self, subscription: Json) -> Json | None:
        named = subscription["default_payment_method"] or subscription["default_source"]
        customer = self.ledger.get("customer", subscription["customer"])
        return self.ledger.known(named) if named else self.api.customers.pays_with(customer)

    def _unpaid(self, method: Json | None) -> Refused:
        decline = self.api.payment_methods.behaviour(method).decline if method else None
        if method and decline:
            return declined(decline, method)
        return CardError(
            "Payment for this subscription requires additional user action before it can be completed successfully.",
            code="subscription_payment_intent_requires_action",
        )
