"""The billing portal: what customers may do there by themselves, and the sessions in which they do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import NotSimulated
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_UPDATE = (
    "features.subscription_update.default_allowed_updates features.subscription_update.enabled"
    " features.subscription_update.products features.subscription_update.proration_behavior"
    " features.subscription_update.schedule_at_period_end"
)
_ACCEPTED = (
    "business_profile default_return_url metadata name features.customer_update features.invoice_history"
    " features.payment_method_update.enabled features.subscription_cancel features.subscription_pause.enabled"
    f" {_UPDATE}"
)


class PortalConfigurations(Resource):
    kind, service = "billing_portal.configuration", "billing_portal.configurations"

    @answers("billing_portal.configurations.create", accepts=_ACCEPTED)
    def create(self, given: Given) -> Json:
        return self._add(given, is_default=False)

    @answers("billing_portal.configurations.update", accepts=f"{_ACCEPTED} active")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "billing_portal.configuration.updated") as configuration:
            self._take_over(configuration, given)
            configuration["updated"] = self.ledger.at
        return configuration

    def default(self) -> Json:
        found = self.ledger.all(self.kind, is_default=True)
        return found[0] if found else self._add({}, is_default=True)

    def _add(self, given: Given, *, is_default: bool) -> Json:
        configuration = objects.portal_configuration(
            self.ledger.new_id("bpc"), at=self.ledger.at, is_default=is_default
        )
        self._take_over(configuration, given)
        return self.ledger.add(configuration, "billing_portal.configuration.created")

    @staticmethod
    def _take_over(configuration: Json, given: Given) -> None:
        copy_fields(configuration, given, "active default_return_url metadata name")
        configuration["business_profile"] |= given.get("business_profile", {})
        for name, feature in given.get("features", {}).items():
            _merge(configuration["features"][name], feature)


class PortalSessions(Resource):
    kind, service = "billing_portal.session", "billing_portal.sessions"
    generic = ()

    @answers("billing_portal.sessions.create", accepts="configuration customer flow_data locale return_url")
    def create(self, given: Given) -> Json:
        customer = self.api.customers.get(given.get("customer", ""), "customer")
        named = given.get("configuration")
        configuration = (
            self.api.portal_configurations.get(named, "configuration")
            if named
            else self.api.portal_configurations.default()
        )
        id = self.ledger.new_id("bps")
        session = objects.portal_session(
            id,
            at=self.ledger.at,
            configuration=configuration["id"],
            customer=customer["id"],
            url=f"{self.api.url}/portal/{id}",
            return_url=given.get("return_url", configuration["default_return_url"]),
        )
        copy_fields(session, given, "locale")
        if "flow_data" in given:
            session["flow"] = self._flow(given["flow_data"])
        return self.ledger.add(session, "billing_portal.session.created")

    def _flow(self, given: Mapping[str, Any]) -> Json:
        """Where the portal begins. All flows of the portal's page are there; what a flow names must exist."""
        type = given["type"]
        if type == "customer_update":
            raise NotSimulated("the portal's flow customer_update")
        if type in given:
            self.api.subscriptions.live(given[type]["subscription"])
        nothing = dict.fromkeys(("subscription_cancel", "subscription_update", "subscription_update_confirm"))
        after = {
            "hosted_confirmation": None,
            "redirect": None,
            "type": "portal_homepage",
            **given.get("after_completion", {}),
        }
        return {**nothing, **given, "after_completion": after}


def _merge(feature: Json, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, Mapping) and isinstance(feature.get(name), dict):
            _merge(feature[name], value)
        else:
            feature[name] = value or None if value == "" else value
