"""Stripe's charges, payment intents, invoice payments, refunds and disputes in our words (API 2026-10-28.endive; older
shapes where they cost nothing)."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.stripe_fields import Nothing, Payload, customer_of, id_of, listed, maybe_id, maybe_time, time_of
from domain.payment_facts import (
    Application,
    ApplicationReport,
    ApplicationStatus,
    Attempt,
    Card,
    CardReport,
    ChargeReport,
    Dispute,
    DisputeReport,
    Funds,
    IntentReport,
    Outcome,
    Progress,
    Refund,
    RefundReport,
    RefundStatus,
    RefundTotal,
    Standing,
)
from domain.provider_facts import DisputeOutcome, Seen

_PROGRESS = {
    "requires_action": Progress.ACTION_REQUIRED,
    "processing": Progress.PROCESSING,
    "canceled": Progress.CANCELED,
    "succeeded": Progress.SUCCEEDED,
}
_DISPUTE_OUTCOME = {
    "won": DisputeOutcome.WON,
    "warning_closed": DisputeOutcome.WON,  # an inquiry that never became a dispute
    "prevented": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
}
_REFUND_STATUS = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}
_APPLICATION_STATUS = {"paid": ApplicationStatus.PAID, "canceled": ApplicationStatus.CANCELED}


def charge_report(charge: Payload, seen: Seen, type: str = "") -> ChargeReport:
    return ChargeReport(
        seen=seen,
        names=_names(charge["id"], charge),
        charge=charge["id"],
        customer=maybe_id(charge.get("customer")),
        attempt=_charged(charge, seen, type),
        refunded=_refunded(charge, seen),
        card=_charged_card(charge),
    )


def card_report(method: Payload, seen: Seen, type: str = "") -> CardReport:
    """A payment method, or a card of the time before there were any. `Nothing` unless it is a customer's card."""
    card = method if method["object"] == "card" else method.get("card")
    if not card or not card.get("exp_year"):
        raise Nothing("it is no card")
    return CardReport(seen=seen, customer=customer_of(method), card=_card(method["id"], card))


def _charged_card(charge: Payload) -> Card | None:
    method, details = maybe_id(charge.get("payment_method")), charge.get("payment_method_details") or {}
    card = details.get("card") or {}
    return _card(method, card) if method and charge.get("customer") and card.get("exp_year") else None


def _card(method: str, card: Payload) -> Card:
    return Card(method, card["exp_year"], card["exp_month"], card.get("brand"))


def _charged(charge: Payload, seen: Seen, type: str) -> Attempt:
    outcome, details = _outcome(charge, type), charge.get("payment_method_details") or {}
    failed = outcome is Outcome.FAILED
    return Attempt(
        outcome=outcome,
        amount=_captured(charge) if outcome is Outcome.SUCCEEDED else charge["amount"],
        currency=charge["currency"],
        attempted_at=time_of(charge["created"]),
        seen=seen,
        method=details.get("type"),
        brand=(details.get("card") or {}).get("brand"),
        code=charge.get("failure_code") if failed else None,
        decline_code=(charge.get("outcome") or {}).get("reason") if failed else None,
    )


def _outcome(charge: Payload, type: str) -> Outcome:
    if charge["status"] == "failed" or type == "charge.expired":
        return Outcome.FAILED
    if charge["status"] == "pending":
        return Outcome.PENDING
    return Outcome.SUCCEEDED if charge.get("captured", True) else Outcome.AUTHORIZED


def _captured(charge: Payload) -> int:
    captured: int = charge.get("amount_captured", charge["amount"])
    return captured


def _refunded(charge: Payload, seen: Seen) -> RefundTotal | None:
    """Stripe also counts as refunded what was held at the bank and never taken."""
    never_taken = charge["amount"] - _captured(charge)
    back = (charge.get("amount_refunded") or 0) - never_taken
    return RefundTotal(back, seen.at) if back > 0 else None


def intent_report(intent: Payload, seen: Seen, type: str = "") -> IntentReport:
    return IntentReport(
        seen=seen,
        names=(intent["id"],),
        customer=maybe_id(intent.get("customer")),
        standing=Standing(
            progress=_PROGRESS.get(intent["status"], Progress.OPEN),
            amount=intent.get("amount_received") or intent["amount"],
            currency=intent["currency"],
            seen=seen,
            reason=intent.get("cancellation_reason"),
        ),
        attempt=_attempt_without_charge(intent, seen) if type == "payment_intent.payment_failed" else None,
    )


def _attempt_without_charge(intent: Payload, seen: Seen) -> Attempt | None:
    """One that failed before the bank was asked for money, e.g. at the customer's confirmation: no charge tells it."""
    error = intent.get("last_payment_error")
    if not error or error.get("charge"):
        return None
    return Attempt(
        outcome=Outcome.FAILED,
        amount=intent["amount"],
        currency=intent["currency"],
        attempted_at=seen.at,
        seen=seen,
        method=(error.get("payment_method") or {}).get("type"),
        code=error.get("code"),
        decline_code=error.get("decline_code"),
    )


def application_report(payment: Payload, seen: Seen, type: str = "") -> ApplicationReport:
    transitions = payment.get("status_transitions") or {}
    return ApplicationReport(
        seen=seen,
        names=_payment_names(payment["payment"]),
        invoice=id_of(payment["invoice"]),
        application=Application(
            status=_APPLICATION_STATUS.get(payment["status"], ApplicationStatus.OPEN),
            amount_requested=payment["amount_requested"],
            amount_paid=payment.get("amount_paid") or 0,
            currency=payment["currency"],
            seen=seen,
            paid_at=maybe_time(transitions.get("paid_at")),
        ),
    )


def invoice_payments(invoice: Payload, seen: Seen) -> Iterator[ApplicationReport]:
    """The payments that an invoice carries: as a list where it was asked for, by a name of its own before 2025."""
    for payment in listed(invoice.get("payments")):
        yield application_report(payment, seen)
    names = _payment_names({name: invoice.get(name) for name in ("payment_intent", "charge")})
    if names:
        is_paid = invoice["status"] == "paid"
        status = ApplicationStatus.PAID if is_paid else ApplicationStatus.OPEN
        paid = invoice["amount_paid"] if is_paid else 0
        application = Application(status, invoice["amount_due"], paid, invoice["currency"], seen)
        yield ApplicationReport(seen, names, invoice["id"], application)


def _payment_names(payment: Payload) -> tuple[str, ...]:
    named = (payment.get(kind) for kind in ("payment_intent", "charge", "payment_record"))
    return tuple(id_of(each) for each in named if each)


def refund_report(refund: Payload, seen: Seen, type: str = "") -> RefundReport:
    charge = maybe_id(refund.get("charge"))
    names = _names(charge, refund)
    return RefundReport(
        seen=seen,
        names=names,
        refund=refund["id"],
        of=Refund(
            charge=charge or names[0],
            amount=refund["amount"],
            currency=refund["currency"],
            status=_REFUND_STATUS.get(refund["status"], RefundStatus.PENDING),
            created_at=time_of(refund["created"]),
            seen=seen,
            reason=refund.get("reason"),
            failure=refund.get("failure_reason"),
        ),
    )


def dispute_report(dispute: Payload, seen: Seen, type: str = "") -> DisputeReport:
    """A stage that is not known here leaves the dispute open, and is kept as it is called."""
    charge = id_of(dispute["charge"])
    return DisputeReport(
        seen=seen,
        names=_names(charge, dispute),
        dispute=dispute["id"],
        of=Dispute(
            charge=charge,
            amount=dispute["amount"],
            currency=dispute["currency"],
            outcome=_DISPUTE_OUTCOME.get(dispute["status"], DisputeOutcome.OPEN),
            stage=dispute["status"],
            disputed_at=time_of(dispute["created"]),
            seen=seen,
            reason=dispute.get("reason"),
            answer_by=maybe_time((dispute.get("evidence_details") or {}).get("due_by")),
        ),
        funds=tuple(
            (each["id"], Funds(each["amount"], each["fee"], each["currency"], time_of(each["created"])))
            for each in dispute.get("balance_transactions") or ()
        ),
    )


def _names(charge: str | None, source: Payload) -> tuple[str, ...]:
    """The payment intent lasts; a charge is one try of it."""
    return tuple(filter(None, (maybe_id(source.get("payment_intent")), charge)))
