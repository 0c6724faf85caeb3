"""Invoices and credit notes as the API and webhooks show them (contract §6)."""

from __future__ import annotations

from typing import Any

from domain.credit_note import CreditNote
from domain.invoice import Invoice


def invoice_document(invoice: Invoice) -> dict[str, Any]:
    """JSON-ready but for ids and times; sums are in minor units."""
    figures, issue = invoice.figures, invoice.issue
    sums = {
        "subtotal": figures.subtotal,
        "discount": figures.discount,
        "tax": figures.tax,
        "total": figures.total,
        "amount_due": figures.amount_due,
        "amount_paid": figures.amount_paid,
        "amount_remaining": figures.remaining,
        "amount_refunded": invoice.amount_refunded,
        "amount_credited": figures.credited,
    }
    return {
        "id": invoice.id,
        "organization_id": invoice.organization_id,
        "number": issue.number,
        "subscription_id": invoice.subscription_id,
        "status": invoice.status.value,
        **_monies(sums, figures.currency),
        "period": {"start": issue.period_start, "end": issue.period_end},
        "attempts": max(invoice.attempts, default=0),
        "next_attempt_at": invoice.next_attempt_at,
        "issued_at": issue.issued_at,
        "due_at": issue.due_at,
        "paid_at": issue.paid_at,
        "voided_at": issue.voided_at,
        "doubts": [doubt.value for doubt in invoice.doubts],
        "provider": {"name": invoice.provider, "id": invoice.provider_id},
    }


def credit_note_document(note: CreditNote) -> dict[str, Any]:
    """JSON-ready but for ids and times; sums are in minor units."""
    figures, issue = note.figures, note.issue
    sums = {
        "subtotal": figures.subtotal,
        "discount": figures.discount,
        "tax": figures.tax,
        "total": figures.total,
    }
    return {
        "id": note.id,
        "invoice_id": note.invoice_id,
        "organization_id": note.organization_id,
        "number": issue.number,
        "status": note.status.value,
        **_monies(sums, figures.currency),
        "reason": issue.reason,
        "issued_at": issue.issued_at,
        "voided_at": issue.voided_at,
        "refunds": list(issue.refunds),
        "doubts": [doubt.value for doubt in note.doubts],
        "provider": {"name": note.provider, "id": note.provider_id},
    }


def _monies(sums: dict[str, int], currency: str) -> dict[str, dict[str, Any]]:
    return {name: {"amount": amount, "currency": currency} for name, amount in sums.items()}
