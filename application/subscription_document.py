"""A subscription as the API and webhooks show it (contract §6)."""

from __future__ import annotations

from typing import Any

from domain.plan import PlanTerms
from domain.subscription import Subscription


def subscription_document(subscription: Subscription, plan: PlanTerms) -> dict[str, Any]:
    """JSON-ready but for ids and times; `plan` are the terms of the plan version that it buys."""
    purchase, terms = subscription.purchase, subscription.terms
    return {
        "id": subscription.id,
        "organization_id": subscription.organization_id,
        "plan": purchase.plan,
        "plan_version": purchase.plan_version,
        "price": purchase.price,
        "seats": plan.entitlements.seats_granted(terms.quantity),
        "status": terms.status.value,
        "current_period": {"start": terms.period_start, "end": terms.period_end},
        "trial_end": terms.trial_end,
        "cancel_at": terms.cancel_at,
        "ended_at": terms.ended_at,
        "provider": {"name": subscription.provider, "id": subscription.provider_id},
    }
