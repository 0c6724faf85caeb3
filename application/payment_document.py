"""A payment as webhooks show it: with what went back and what is disputed, in the words of the API (contract §6)."""

from __future__ import annotations

from typing import Any

from domain.payment import Payment
from domain.payment_facts import Dispute, Refund


def payment_document(payment: Payment) -> dict[str, Any]:
    """JSON-ready but for ids and times; amounts are in minor units."""
    money = payment.money
    return {
        "id": payment.id,
        "organization_id": payment.organization_id,
        "status": payment.status.value,
        "amount": _money(money.amount, money.currency) if money else None,
        "method": payment.method,
        "made_at": payment.made_at,
        "invoice_ids": sorted(payment.applications),
        "refunds": [_refund(id, each) for id, each in sorted(payment.refunds.items())],
        "disputes": [_dispute(id, each) for id, each in sorted(payment.disputes.items())],
        "provider": {"name": payment.provider, "id": payment.provider_id},
    }


def _refund(id: str, refund: Refund) -> dict[str, Any]:
    return {
        "id": id,
        "status": refund.status.value,
        "amount": _money(refund.amount, refund.currency),
        "reason": refund.reason,
        "failure": refund.failure,
        "created_at": refund.created_at,
    }


def _dispute(id: str, dispute: Dispute) -> dict[str, Any]:
    return {
        "id": id,
        "outcome": dispute.outcome.value,
        "stage": dispute.stage,
        "amount": _money(dispute.amount, dispute.currency),
        "reason": dispute.reason,
        "disputed_at": dispute.disputed_at,
        "answer_by": dispute.answer_by,
    }


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}
