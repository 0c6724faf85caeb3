"""An invoice as webhooks show it, in the words of the API (contract §6)."""

from __future__ import annotations

from typing import Any

from domain.invoice import Invoice


def invoice_document(invoice: Invoice) -> dict[str, Any]:
    """JSON-ready but for ids and times; sums are in minor units."""
    figures, issue = invoice.figures, invoice.issue
    sums = {
        "subtotal": figures.subtotal,
        "tax": figures.tax,
        "total": figures.total,
        "amount_due": figures.amount_due,
        "amount_paid": figures.amount_paid,
        "amount_refunded": invoice.amount_refunded,
    }
    return {
        "id": invoice.id,
        "organization_id": invoice.organization_id,
        "number": issue.number,
        "subscription_id": invoice.subscription_id,
        "status": invoice.status.value,
        **{name: {"amount": amount, "currency": figures.currency} for name, amount in sums.items()},
        "period": {"start": issue.period_start, "end": issue.period_end},
        "attempts": max(invoice.attempts, default=0),
        "next_attempt_at": invoice.next_attempt_at,
        "issued_at": issue.issued_at,
        "paid_at": issue.paid_at,
        "provider": {"name": invoice.provider, "id": invoice.provider_id},
    }
