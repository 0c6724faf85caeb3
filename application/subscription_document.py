"""A subscription as the API and webhooks show it (contract §6)."""

from __future__ import annotations

from typing import Any

from domain.plan import PlanTerms
from domain.provider_facts import SubscriptionStatus
from domain.subscription import Subscription
from domain.subscription_terms import HeldChange, PlannedChange


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
        "pending_change": _pending_change(subscription),
        "provider": {"name": subscription.provider, "id": subscription.provider_id},
    }


def _pending_change(subscription: Subscription) -> dict[str, Any] | None:
    """What it becomes later: once an invoice is paid, or by itself."""
    if subscription.terms.status is SubscriptionStatus.CANCELED:
        return None
    if (held := subscription.held) is not None:
        return _pending(held, reason="awaiting_payment", at=held.expires_at, invoice_id=held.invoice_id)
    if (planned := subscription.next_change) is not None:
        return _pending(planned, reason="scheduled", at=planned.takes_effect_at, invoice_id=None)
    return None


def _pending(change: HeldChange | PlannedChange, **more: Any) -> dict[str, Any]:
    purchase = change.purchase
    return {
        "plan": purchase.plan,
        "plan_version": purchase.plan_version,
        "price": purchase.price,
        "seats": change.seats,
        **more,
    }
