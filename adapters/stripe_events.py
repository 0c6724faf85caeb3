"""Stripe's webhooks in our words (API 2026-10-28.endive; shapes of the versions before it where they cost nothing).

Every enum of Stripe is open: a value that is unknown here must end in a visible fault, not in a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.stripe_fields import Nothing, Payload, customer_of, maybe_id, maybe_time, time_of, uuid_of
from adapters.stripe_invoices import credit_note_report, invoice_report, tax_rate_report
from adapters.stripe_payments import (
    application_report,
    charge_report,
    dispute_report,
    intent_report,
    refund_report,
)
from domain.provider_facts import (
    Contact,
    CustomerReport,
    HeldUpdate,
    Item,
    NextPhase,
    PriceReport,
    ProviderFact,
    ScheduleReport,
    Seen,
    SubscriptionReport,
    SubscriptionStatus,
)

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
_RANK_IN_LIFE = {
    **{"created": 0, "draft": 0, "finalized": 1, "updated": 2, "paused": 3, "resumed": 3},
    **{"closed": 3, "failed": 3, "voided": 3, "deleted": 9},
}
"""Of reports of one second, which one is the later: a life is created, changed, then over."""
_OVER = 9
_RUNNING_SCHEDULE = ("not_started", "active")


def concerns_us(type: str) -> bool:
    """Whether anything here follows from events of a type."""
    return type in _FACTS


def types_that_concern_us() -> frozenset[str]:
    """What a webhook endpoint has to be told."""
    return frozenset(_FACTS)


def translate(event: Payload) -> ProviderFact:
    """An event of a type that concerns us, in our words.

    Raises `Nothing` when it turns out that nothing follows from this one; KeyError, TypeError or ValueError when the
    object has another shape than its type promises.
    """
    verb = event["type"].rsplit(".", 1)[-1]
    seen = Seen(time_of(event["created"]), _RANK_IN_LIFE.get(verb, 2), event["id"])
    return _FACTS[event["type"]](event["data"]["object"], seen, event["type"])


def subscription_report(subscription: Payload, seen: Seen, type: str = "") -> SubscriptionReport:
    items = subscription["items"]["data"]
    item = items[0]
    return SubscriptionReport(
        seen=seen,
        subscription=subscription["id"],
        customer=customer_of(subscription),
        status=_SUBSCRIPTION_STATUS[subscription["status"]],
        items=_items(items),
        period_start=time_of(item.get("current_period_start") or subscription["current_period_start"]),
        period_end=time_of(item.get("current_period_end") or subscription["current_period_end"]),
        trial_end=maybe_time(subscription.get("trial_end")),
        cancel_at=_cancel_at(subscription, item),
        ended_at=maybe_time(subscription.get("ended_at")),
        organization_id=_named_organization(subscription),
        trial_ending=type == "customer.subscription.trial_will_end",
        held=_held(subscription),
    )


def _held(subscription: Payload) -> HeldUpdate | None:
    pending = subscription.get("pending_update")
    if not pending or not pending.get("subscription_items"):
        return None
    return HeldUpdate(
        items=_items(pending["subscription_items"]),
        expires_at=time_of(pending["expires_at"]),
        invoice=maybe_id(subscription.get("latest_invoice")),
    )


def schedule_report(schedule: Payload, seen: Seen, type: str = "") -> ScheduleReport:
    """Of several phases to come the next one that changes what is bought."""
    subscription = maybe_id(schedule.get("subscription") or schedule.get("released_subscription"))
    if subscription is None:
        raise Nothing("a schedule that has no subscription")
    if schedule["status"] not in _RUNNING_SCHEDULE:
        return ScheduleReport(replace(seen, rank=_OVER), schedule["id"], subscription)
    return ScheduleReport(seen, schedule["id"], subscription, _next_phase(schedule))


def _next_phase(schedule: Payload) -> NextPhase | None:
    ends = (schedule.get("current_phase") or {}).get("end_date", 0)
    running = next((_items(each["items"]) for each in schedule["phases"] if each["end_date"] == ends), ())
    for phase in schedule["phases"]:
        if phase["start_date"] >= ends and _items(phase["items"]) != running:
            return NextPhase(_items(phase["items"]), time_of(phase["start_date"]))
    return None


def _items(items: Iterable[Payload]) -> tuple[Item, ...]:
    """A metered price has no quantity."""
    return tuple(Item(tuple(_price_names(each["price"])), _quantity(each)) for each in items)


def _quantity(item: Payload) -> int:
    return 1 if item.get("quantity") is None else item["quantity"]


def price_report(price: Payload, seen: Seen) -> Iterator[PriceReport]:
    """Nothing of a price that is not an amount for a unit: our catalogue has none of those."""
    if price.get("unit_amount") is None:
        return
    recurring = price.get("recurring") or {}
    yield PriceReport(
        seen=seen,
        price=price["id"],
        code=price.get("lookup_key"),
        amount=price["unit_amount"],
        currency=price["currency"],
        interval=recurring.get("interval", "one_time"),
        interval_count=recurring.get("interval_count", 1),
    )


def _cancel_at(subscription: Payload, item: Payload) -> datetime | None:
    if subscription.get("cancel_at"):
        return time_of(subscription["cancel_at"])
    if subscription.get("cancel_at_period_end"):
        return time_of(item.get("current_period_end") or subscription["current_period_end"])
    return None


def _price_names(price: Payload | str) -> Iterator[str]:
    if isinstance(price, str):
        yield price
        return
    yield price["id"]
    if price.get("lookup_key"):
        yield price["lookup_key"]


def customer_report(customer: Payload, seen: Seen, type: str = "") -> CustomerReport:
    return CustomerReport(
        seen=seen,
        customer=customer["id"],
        contact=Contact(customer.get("email"), customer.get("name")),
        organization_id=_named_organization(customer),
        deleted=type == "customer.deleted" or bool(customer.get("deleted")),
        language=next(iter(customer.get("preferred_locales") or ()), None),
    )


def checkout_report(session: Payload, seen: Seen, type: str = "") -> CustomerReport:
    """A checkout says who bought: the subscription and the invoice come as events of their own."""
    details = session.get("customer_details") or {}
    return CustomerReport(
        seen=seen,
        customer=customer_of(session),
        contact=Contact(details.get("email") or session.get("customer_email"), details.get("name")),
        organization_id=uuid_of(session.get("client_reference_id")) or _named_organization(session),
    )


def _named_organization(source: Payload) -> UUID | None:
    return uuid_of((source.get("metadata") or {}).get("organization_id"))


_Reading = Callable[[Payload, Seen, str], ProviderFact]
_FACTS: dict[str, _Reading] = {
    "checkout.session.completed": checkout_report,
    "checkout.session.async_payment_succeeded": checkout_report,
    **{f"customer.{verb}": customer_report for verb in ("created", "updated", "deleted")},
    **{
        f"customer.subscription.{verb}": subscription_report
        for verb in ("created", "updated", "deleted", "paused", "resumed", "trial_will_end")
    },
    **{
        f"subscription_schedule.{verb}": schedule_report
        for verb in ("created", "updated", "released", "canceled", "completed", "aborted")
    },
    **{
        f"invoice.{verb}": invoice_report
        for verb in (
            *("created", "updated", "finalized", "finalization_failed", "sent", "deleted"),
            *("paid", "payment_succeeded", "payment_failed", "payment_action_required", "payment_attempt_required"),
            *("voided", "marked_uncollectible", "overdue", "overpaid", "will_be_due"),
        )
    },
    **{f"credit_note.{verb}": credit_note_report for verb in ("created", "updated", "voided")},
    **{f"tax_rate.{verb}": tax_rate_report for verb in ("created", "updated")},
    **{f"invoice_payment.{verb}": application_report for verb in ("open", "paid", "canceled")},
    **{
        f"charge.{verb}": charge_report
        for verb in ("pending", "succeeded", "failed", "captured", "updated", "expired", "refunded")
    },
    **{
        f"payment_intent.{verb}": intent_report
        for verb in ("succeeded", "payment_failed", "requires_action", "processing", "canceled")
    },
    **{f"refund.{verb}": refund_report for verb in ("created", "updated", "failed")},
    "charge.refund.updated": refund_report,
    **{
        f"charge.dispute.{verb}": dispute_report
        for verb in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
    },
}
