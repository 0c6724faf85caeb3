"""Disputes (chargebacks) and the balance transactions by which their money moves."""

from __future__ import annotations

from typing import Any

DAY = 86_400
FEE = 1500
EVIDENCE = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
]


def dispute(id: str, *, at: int, charge: dict[str, Any], reason: str) -> dict[str, Any]:
    """A chargeback of the whole charge that waits for the vendor's evidence; no money has moved yet."""
    return {
        "id": id,
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": at + 9 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def balance_transaction(id: str, *, at: int, dispute: dict[str, Any], returned: bool) -> dict[str, Any]:
    """The disputed amount (and the fee) leaving the vendor's balance, or the amount returning after a won dispute."""
    amount = dispute["amount"] if returned else -dispute["amount"]
    fee = 0 if returned else FEE
    words = "Chargeback reversal" if returned else "Chargeback withdrawal"
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": at + 2 * DAY,
        "balance_type": "payments",
        "created": at,
        "currency": dispute["currency"],
        "description": f"{words} for {dispute['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {
                "amount": fee,
                "application": None,
                "currency": dispute["currency"],
                "description": "Dispute fee",
                "type": "stripe_fee",
            }
        ]
        if fee
        else [],
        "net": amount - fee,
        "reporting_category": "dispute_reversal" if returned else "dispute",
        "source": dispute["id"],
        "status": "pending",
        "type": "adjustment",
    }
