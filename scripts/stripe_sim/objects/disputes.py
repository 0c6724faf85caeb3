"""Disputes (chargebacks), and the balance transactions by which money moves."""

from __future__ import annotations

from typing import Any

DAY = 86_400
FEE = 1500
"""What a bank takes for a dispute, in minor units."""
REASON_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
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


def dispute(id: str, *, at: int, charge: dict[str, Any], reason: str, inquiry: bool = False) -> dict[str, Any]:
    """A chargeback of the whole charge, or a bank's inquiry, that waits for the vendor's evidence."""
    card = charge["payment_method_details"].get("card") or {"brand": "visa"}
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
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": card["brand"],
                "network_reason_code": REASON_CODES.get(reason, "10.4"),
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def balance_transaction(
    id: str,
    *,
    at: int,
    source: dict[str, Any],
    amount: int,
    fee: int,
    type: str,
    category: str,
    description: str | None = None,
) -> dict[str, Any]:
    """Money coming to the vendor's balance, or leaving it: of a charge, a refund, a dispute."""
    detail = {
        "amount": fee,
        "application": None,
        "currency": source["currency"],
        "description": "Dispute fee" if category == "dispute" else "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": at + 2 * DAY,
        "balance_type": "payments",
        "created": at,
        "currency": source["currency"],
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source["id"],
        "status": "pending",
        "type": type,
    }
