"""Stripe's webhooks in our words (API 2026-10-28.endive; shapes of the versions before it where they cost nothing).

Every enum of Stripe is open: a value that is unknown here must end in a visible fault, not in a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from domain.provider_facts import (
    Contact,
    CustomerReport,
    DisputeOutcome,
    DisputeReport,
    Figures,
    InvoiceReport,
    InvoiceStatus,
    PaymentReport,
    ProviderFact,
    RefundReport,
    Seen,
    SubscriptionReport,
    SubscriptionStatus,
)

Payload = dict[str, Any]

_SUBSCRIPTION_STATUS = {
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.CANCELED,
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "unpaid": SubscriptionStatus.UNPAID,
    "paused": SubscriptionStatus.PAUSED,
    "canceled": SubscriptionStatus.CANCELED,
}
_DISPUTE_OUTCOME = {
    "won": DisputeOutcome.WON,
    "warning_closed": DisputeOutcome.WON,  # an inquiry that never became a dispute
    "prevented": DisputeOutcome.WON,
    "lost": DisputeOutcome.LOST,
    "needs_response": DisputeOutcome.OPEN,
    "under_review": DisputeOutcome.OPEN,
    "warning_needs_response": DisputeOutcome.OPEN,
    "warning_under_review": DisputeOutcome.OPEN,
}
_RANK_IN_LIFE = {"created": 0, "draft": 0, "finalized": 1, "updated": 2, "paused": 3, "resumed": 3, "deleted": 9}
"""Of reports of one second, which one is the later: a life is created, changed, then over."""


def translate(body: bytes) -> ProviderFact | None:
    """A raw webhook in our words; None when nothing here follows from its type.

    Raises KeyError, TypeError or ValueError when the object has another shape than its type promises.
    """
    event: Payload = orjson.loads(body)
    fact_of = _FACTS.get(event["type"])
    if fact_of is None:
        return None
    return fact_of(event["data"]["object"], _seen(event), event["type"])


def _seen(event: Payload) -> Seen:
    verb = event["type"].rsplit(".", 1)[-1]
    return Seen(_time(event["created"]), _RANK_IN_LIFE.get(verb, 2), event["id"])


def subscription_report(subscription: Payload, seen: Seen, type: str = "") -> SubscriptionReport:
    items = subscription["items"]["data"]
    item = items[0]
    trial_end = _maybe_time(subscription.get("trial_end"))
    return SubscriptionReport(
        seen=seen,
        subscription=subscription["id"],
        customer=_id(subscription["customer"]),
        status=_SUBSCRIPTION_STATUS[subscription["status"]],
        prices=tuple(name for each in items for name in _price_names(each["price"])),
        quantity=item.get("quantity", 1) if item.get("quantity") is not None else 1,
        period_start=_time(item.get("current_period_start") or subscription["current_period_start"]),
        period_end=_time(item.get("current_period_end") or subscription["current_period_end"]),
        trial_end=trial_end,
        cancel_at=_cancel_at(subscription, item),
        ended_at=_maybe_time(subscription.get("ended_at")),
        organization_id=_named_organization(subscription),
        trial_ending=type == "customer.subscription.trial_will_end",
    )


def _cancel_at(subscription: Payload, item: Payload) -> datetime | None:
    if subscription.get("cancel_at"):
        return _time(subscription["cancel_at"])
    if subscription.get("cancel_at_period_end"):
        return _time(item.get("current_period_end") or subscription["current_period_end"])
    return None


def _price_names(price: Payload | str) -> Iterator[str]:
    if isinstance(price, str):
        yield price
        return
    yield price["id"]
    if price.get("lookup_key"):
        yield price["lookup_key"]


def invoice_report(invoice: Payload, seen: Seen, type: str = "") -> InvoiceReport | None:
    if not invoice.get("id"):
        return None  # a preview of what will come is no invoice
    status = InvoiceStatus(invoice["status"] or "draft")
    transitions = invoice.get("status_transitions") or {}
    paid_at = _maybe_time(transitions.get("paid_at")) or (seen.at if status is InvoiceStatus.PAID else None)
    return InvoiceReport(
        seen=seen,
        invoice=invoice["id"],
        customer=_id(invoice["customer"]),
        subscription=_invoice_subscription(invoice),
        status=status,
        figures=_figures(invoice),
        number=invoice.get("number"),
        period_start=_time(invoice["period_start"]),
        period_end=_time(invoice["period_end"]),
        issued_at=_maybe_time(transitions.get("finalized_at")),
        paid_at=paid_at,
        contact=Contact(invoice.get("customer_email"), invoice.get("customer_name"), is_own=False),
        payments=tuple(_invoice_payments(invoice)),
        failed_attempt=max(invoice.get("attempt_count") or 1, 1) if type == "invoice.payment_failed" else None,
        next_attempt_at=_maybe_time(invoice.get("next_payment_attempt")),
    )


def _figures(invoice: Payload) -> Figures:
    taxes = invoice.get("total_taxes")
    return Figures(
        currency=invoice["currency"],
        subtotal=invoice["subtotal"],
        tax=sum(tax["amount"] for tax in taxes) if taxes else invoice.get("tax") or 0,
        total=invoice["total"],
        amount_due=invoice["amount_due"],
        amount_paid=invoice["amount_paid"],
    )


def _invoice_subscription(invoice: Payload) -> str | None:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    subscription = details.get("subscription") or invoice.get("subscription")
    return _id(subscription) if subscription else None


def _invoice_payments(invoice: Payload) -> Iterator[str]:
    for payment in (invoice.get("payments") or {}).get("data", ()):
        yield from _payment_names(payment["payment"])
    for former in ("payment_intent", "charge"):
        if invoice.get(former):
            yield _id(invoice[former])


def _payment_names(payment: Payload) -> Iterator[str]:
    for kind in ("payment_intent", "charge", "payment_record"):
        if payment.get(kind):
            yield _id(payment[kind])


def payment_report(payment: Payload, seen: Seen, type: str = "") -> PaymentReport:
    return PaymentReport(seen, _id(payment["invoice"]), tuple(_payment_names(payment["payment"])))


def refund_report(charge: Payload, seen: Seen, type: str = "") -> RefundReport:
    return RefundReport(
        seen=seen,
        payments=tuple(_charge_names(charge["id"], charge)),
        customer=_id(charge["customer"]) if charge.get("customer") else None,
        amount=charge["amount"],
        amount_refunded=charge["amount_refunded"],
        currency=charge["currency"],
        charged_at=_time(charge["created"]),
    )


def dispute_report(dispute: Payload, seen: Seen, type: str = "") -> DisputeReport:
    return DisputeReport(
        seen=seen,
        dispute=dispute["id"],
        payments=tuple(_charge_names(_id(dispute["charge"]), dispute)),
        outcome=_DISPUTE_OUTCOME[dispute["status"]],
        disputed_at=_time(dispute["created"]),
    )


def _charge_names(charge: str, source: Payload) -> Iterator[str]:
    yield charge
    if source.get("payment_intent"):
        yield _id(source["payment_intent"])


def customer_report(customer: Payload, seen: Seen, type: str = "") -> CustomerReport:
    return CustomerReport(
        seen=seen,
        customer=customer["id"],
        contact=Contact(customer.get("email"), customer.get("name")),
        organization_id=_named_organization(customer),
        deleted=type == "customer.deleted" or bool(customer.get("deleted")),
    )


def checkout_report(session: Payload, seen: Seen, type: str = "") -> CustomerReport | None:
    """A checkout says who bought: the subscription and the invoice come as events of their own."""
    if not session.get("customer"):
        return None
    details = session.get("customer_details") or {}
    return CustomerReport(
        seen=seen,
        customer=_id(session["customer"]),
        contact=Contact(details.get("email") or session.get("customer_email"), details.get("name")),
        organization_id=_uuid(session.get("client_reference_id")) or _named_organization(session),
    )


def _named_organization(source: Payload) -> UUID | None:
    return _uuid((source.get("metadata") or {}).get("organization_id"))


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None  # somebody else's reference


def _id(reference: str | Payload) -> str:
    """An expandable field: the id, or the object itself."""
    return reference if isinstance(reference, str) else reference["id"]


def _time(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _maybe_time(epoch: int | None) -> datetime | None:
    return _time(epoch) if epoch else None


_Reading = Callable[[Payload, Seen, str], ProviderFact | None]
_FACTS: dict[str, _Reading] = {
    "checkout.session.completed": checkout_report,
    "checkout.session.async_payment_succeeded": checkout_report,
    **{f"customer.{verb}": customer_report for verb in ("created", "updated", "deleted")},
    **{
        f"customer.subscription.{verb}": subscription_report
        for verb in ("created", "updated", "deleted", "paused", "resumed", "trial_will_end")
    },
    **{
        f"invoice.{verb}": invoice_report
        for verb in (
            *("created", "updated", "finalized", "paid", "payment_succeeded", "payment_failed"),
            *("payment_action_required", "voided", "marked_uncollectible", "overdue"),
        )
    },
    "invoice_payment.paid": payment_report,
    "charge.refunded": refund_report,
    **{f"charge.dispute.{verb}": dispute_report for verb in ("created", "updated", "closed")},
}
