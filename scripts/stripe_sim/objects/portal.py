"""The billing portal: what customers may do there, and a session in which one does it."""

from __future__ import annotations

from typing import Any


def portal_configuration(id: str, *, at: int, is_default: bool) -> dict[str, Any]:
    """Everything on; plans to change to are those of the products that are named, of all products where none is."""
    return {
        "id": id,
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": at,
        "default_return_url": None,
        "features": {
            "customer_update": {"allowed_updates": ["address", "email", "name", "tax_id"], "enabled": True},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": False, "options": ["too_expensive", "unused", "other"]},
                "enabled": True,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
            "subscription_update": {
                "billing_cycle_anchor": None,
                "default_allowed_updates": ["price", "quantity"],
                "enabled": True,
                "products": None,
                "proration_behavior": "create_prorations",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "continue_trial",
            },
        },
        "is_default": is_default,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": at,
    }


def portal_session(
    id: str, *, at: int, configuration: str, customer: str, url: str, return_url: str | None
) -> dict[str, Any]:
    return {
        "id": id,
        "object": "billing_portal.session",
        "configuration": configuration,
        "created": at,
        "customer": customer,
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": return_url,
        "url": url,
    }
