"""Payment intents, setup intents, charges, and the money that goes back."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim.cards import MESSAGES
from scripts.stripe_sim.objects.customers import billing_details


def payment_intent(
    id: str,
    *,
    at: int,
    amount: int,
    currency: str,
    customer: str | None,
    secret: str,
    description: str | None = None,
    payment_method: str | None = None,
    types: list[str] | None = None,
) -> dict[str, Any]:
    """An intent that is not paid yet. It does not name its invoice: the invoice payment does."""
    return {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_{secret}",
        "confirmation_method": "automatic",
        "created": at,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": description,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": payment_method,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types or ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_confirmation" if payment_method else "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def setup_intent(
    id: str, *, at: int, customer: str | None, payment_method: str | None, secret: str, types: list[str] | None = None
) -> dict[str, Any]:
    """The preparation of a payment method for later payments, not confirmed yet."""
    return {
        "id": id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{secret}",
        "created": at,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": payment_method,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": types or ["card"],
        "single_use_mandate": None,
        "status": "requires_confirmation" if payment_method else "requires_payment_method",
        "usage": "off_session",
    }


def declined(decline: tuple[str, str], payment_method: dict[str, Any], charge: str | None = None) -> dict[str, Any]:
    """`last_payment_error` of an intent; `decline` is (code, decline code)."""
    code, decline_code = decline
    error = {
        "code": code,
        "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
        "message": MESSAGES.get(decline_code, "Your card was declined."),
        "payment_method": payment_method,
        "type": "card_error",
    }
    if code == "card_declined":
        error["decline_code"] = decline_code
    return error | ({"charge": charge} if charge else {})


def charge(
    id: str,
    *,
    at: int,
    intent: dict[str, Any],
    payment_method: dict[str, Any],
    customer: dict[str, Any] | None,
    balance_transaction: str | None,
    decline: tuple[str, str] | None = None,
    status: str = "succeeded",
    captured: bool = True,
) -> dict[str, Any]:
    """A charge of an intent's amount: succeeded with a balance transaction, pending, or declined by the bank."""
    paid = decline is None and status == "succeeded"
    return {
        "id": id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid and captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": balance_transaction,
        "billing_details": payment_method.get("billing_details") or billing_details(customer),
        "calculated_statement_descriptor": "AZ1.AI",
        "captured": paid and captured,
        "created": at,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline[0] if decline else None,
        "failure_message": MESSAGES.get(decline[1], "Your card was declined.") if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline[1] if decline else None),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": payment_method["id"],
        "payment_method_details": payment_method_details(payment_method, intent["amount"]),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{id}" if paid else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if decline else status,
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(decline_code: str | None) -> dict[str, Any]:
    by_rule = decline_code == "fraudulent"
    return {
        "advice_code": "try_again_later" if decline_code else None,
        "network_advice_code": None,
        "network_decline_code": "51" if decline_code == "insufficient_funds" else None,
        "network_status": "declined_by_network" if decline_code else "approved_by_network",
        "reason": decline_code,
        "risk_level": "highest" if by_rule else "normal",
        "risk_score": 92 if by_rule else 12,
        "seller_message": f"The bank returned the decline code `{decline_code}`."
        if decline_code
        else "Payment complete.",
        "type": "issuer_declined" if decline_code else "authorized",
    }


def payment_method_details(payment_method: dict[str, Any], amount: int) -> dict[str, Any]:
    """How a charge was paid, as it was at that moment."""
    if payment_method["object"] == "card":
        return {"card": _card(amount, _of_source(payment_method)), "type": "card"}
    type = payment_method["type"]
    of = {"card": lambda card: _card(amount, card), "sepa_debit": _sepa, "customer_balance": lambda nothing: {}}
    return {type: of[type](payment_method[type]), "type": type}


def _card(amount: int, card: dict[str, Any]) -> dict[str, Any]:
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        **{field: card[field] for field in same},
        "amount_authorized": amount,
        "authorization_code": "123456",
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": "104102978678771",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }


def _of_source(source: dict[str, Any]) -> dict[str, Any]:
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": source["cvc_check"]}
    return {**source, "brand": source["brand"].lower(), "checks": checks}


def _sepa(account: dict[str, Any]) -> dict[str, Any]:
    same = ("bank_code", "branch_code", "country", "fingerprint", "last4")
    return {**{field: account[field] for field in same}, "mandate": None}


def refund(
    id: str,
    *,
    at: int,
    charge: dict[str, Any],
    amount: int,
    balance_transaction: str | None,
    reason: str | None = "requested_by_customer",
    status: str = "succeeded",
) -> dict[str, Any]:
    type = charge["payment_method_details"]["type"]
    return {
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": balance_transaction,
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"} if type == "card" else {"type": type},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
