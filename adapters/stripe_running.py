"""How a subscription stands at Stripe at this moment, and what a change of it would cost."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import orjson

from adapters.stripe_client import Stripe, plain
from adapters.stripe_events import subscription_report
from adapters.stripe_fields import Payload, id_of, maybe_id, time_of
from adapters.stripe_invoices import preview_of
from domain.errors import NotFound
from domain.provider_answers import Previewed, Running
from domain.provider_asks import ChangeAtPeriodEnd, ChangeNow
from domain.provider_facts import Seen

OURS = {"made_by": "usher"}
"""The metadata of what we have made at Stripe: a plan of somebody else is not ours to change."""
_DECIDES = (
    *("billing_cycle_anchor", "cancel_at", "cancel_at_period_end", "collection_method", "currency"),
    *("default_tax_rates", "discounts", "pause_collection", "pending_update", "schedule", "status", "trial_end"),
)
_PAYS = ["default_payment_method", "customer.invoice_settings.default_payment_method"]
_DEBITS = ("acss_debit", "au_becs_debit", "bacs_debit", "nz_bank_account", "sepa_debit", "us_bank_account")
"""Ways to pay with which Stripe holds no change back (https://docs.stripe.com/billing/subscriptions/pending-updates)."""
_AT_ONCE = timedelta(minutes=1)


class StripeRunning:
    """Reads only: nothing here changes anything at Stripe."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    def running(self, subscription: str) -> Running:
        """`NotFound` when Stripe has no such subscription; `Unavailable`."""
        try:
            found = self._stripe.read(lambda: self._stripe.v1.subscriptions.retrieve(subscription, {"expand": _PAYS}))
            return self._running(plain(found))
        except LookupError:
            raise NotFound.of("subscription", subscription) from None

    def preview(self, ask: ChangeNow | ChangeAtPeriodEnd) -> Previewed:
        """The invoice of a change. Nothing is charged.

        `LookupError` with Stripe's code when there is none, e.g. since the subscription ends before.
        """
        details = change_of(ask) if isinstance(ask, ChangeNow) else _later(ask)
        given: Any = {"subscription": ask.subscription, "subscription_details": details}
        found = plain(self._stripe.read(lambda: self._stripe.v1.invoices.create_preview(given)))
        figures, lines, is_complete = preview_of(found)
        made_now = isinstance(ask, ChangeNow) and any(
            line.proration or _begins_by(line.period_start, ask.prorated_at + _AT_ONCE) for line in lines
        )
        return Previewed(figures, lines, made_now, is_complete)

    def _running(self, found: Payload) -> Running:
        report = subscription_report(found, Seen(time_of(found["created"]), 0, ""))
        schedule = maybe_id(found.get("schedule"))
        item = found["items"]["data"][0]
        return Running(
            subscription=found["id"],
            status=report.status,
            currency=found["currency"],
            items=tuple(zip((each["id"] for each in found["items"]["data"]), report.items, strict=True)),
            period_end=time_of(item["current_period_end"]),
            trial_end=report.trial_end,
            cancel_at=report.cancel_at,
            ends_with_period=bool(found.get("cancel_at_period_end")),
            may_wait=found.get("collection_method") == "charge_automatically" and not _pays_by_debit(found),
            schedule=schedule,
            schedule_is_ours=schedule is not None and self._is_ours(schedule),
            held_invoice=report.held.invoice if report.held else None,
            state=state_of(found),
        )

    def _is_ours(self, schedule: str) -> bool:
        found = plain(self._stripe.read(lambda: self._stripe.v1.subscription_schedules.retrieve(schedule)))
        return OURS.items() <= (found.get("metadata") or {}).items()


def state_of(subscription: Payload) -> str:
    """A digest of what decides about the cost of a change: what a person agreed to holds while it stays the same."""
    items = [
        {name: item.get(name) for name in ("id", "quantity", "discounts", "tax_rates", *_PERIOD)}
        | {"price": item["price"]["id"]}
        for item in subscription["items"]["data"]
    ]
    decides = {name: subscription.get(name) for name in _DECIDES} | {"items": items}
    decides["customer"] = id_of(subscription["customer"])
    return hashlib.sha256(orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _pays_by_debit(subscription: Payload) -> bool:
    customer = subscription["customer"] if isinstance(subscription["customer"], dict) else {}
    method = subscription.get("default_payment_method") or (customer.get("invoice_settings") or {}).get(_PAYS[0])
    return isinstance(method, dict) and method.get("type") in _DEBITS


_PERIOD = ("current_period_start", "current_period_end")


def change_of(ask: ChangeNow) -> dict[str, Any]:
    """The part of a change that a preview and the change itself say in the same words."""
    item: dict[str, Any] = {"id": ask.item, "quantity": ask.quantity}
    if ask.price is not None:
        item["price"] = ask.price
    change: dict[str, Any] = {"items": [item], "proration_behavior": "always_invoice"}
    return change | ({"trial_end": "now"} if ask.ends_trial else {"proration_date": int(ask.prorated_at.timestamp())})


def _later(ask: ChangeAtPeriodEnd) -> dict[str, Any]:
    item = {"id": ask.item, "price": ask.price, "quantity": ask.quantity}
    return {"items": [item], "proration_behavior": "none"}


def _begins_by(start: datetime | None, moment: datetime) -> bool:
    return start is not None and start <= moment
