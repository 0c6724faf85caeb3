"""Stripe's lists of everything: what reconciliation lays beside what we have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from adapters import stripe_events, stripe_payments
from adapters.stripe_client import Stripe, plain
from adapters.stripe_fields import Nothing, Payload, time_of
from adapters.stripe_gateway import StripeGateway
from adapters.stripe_invoices import credit_note_report, invoice_report
from domain.provider_answers import ListedEvent, ListedObject, Page
from domain.provider_facts import ProviderFact, Seen

_PAGE = 100
_Reading = Callable[[Payload, Seen], ProviderFact]


class Shelf(NamedTuple):
    """A list at Stripe. `looks_up`: what an object of it is asked for by, when the list does not say all of it."""

    collection: str
    read: _Reading
    looks_up: str | None = None
    asked: dict[str, Any] = {}


_SHELVES = {
    "customer": Shelf("customers", stripe_events.customer_report),
    "subscription": Shelf("subscriptions", stripe_events.subscription_report, "subscription", {"status": "all"}),
    "schedule": Shelf("subscription_schedules", stripe_events.schedule_report, "schedule"),
    "invoice": Shelf("invoices", invoice_report, "invoice"),
    "payment": Shelf("payment_intents", stripe_payments.intent_report, "payment"),
    "charge": Shelf("charges", stripe_payments.charge_report, "payment"),
    "application": Shelf("invoice_payments", stripe_payments.application_report, asked={"status": "paid"}),
    "refund": Shelf("refunds", stripe_payments.refund_report),
    "dispute": Shelf("disputes", stripe_payments.dispute_report),
    "credit_note": Shelf("credit_notes", credit_note_report, "credit_note"),
}


class StripeLedger:
    """Answers as `application.reconciliation.Ledger` says."""

    kinds = tuple(_SHELVES)

    def __init__(self, stripe: Stripe, gateway: StripeGateway) -> None:
        self._stripe = stripe
        self._gateway = gateway

    def events(self, *, since: datetime, until: datetime, after: str | None) -> Page[ListedEvent]:
        """https://docs.stripe.com/api/events/list: those of the last 30 days."""
        created = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        listed, _, after = self._list("events", {"created": created}, after)
        return Page([_event(each) for each in listed if stripe_events.concerns_us(each["type"])], after)

    def objects(self, kind: str, *, after: str | None) -> Page[ListedObject]:
        shelf = _SHELVES[kind]
        listed, seen, after = self._list(shelf.collection, shelf.asked, after)
        return Page([_object(kind, shelf, each, seen) for each in listed], after)

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        kind, _, id = reference.partition("/")
        kind = _SHELVES[kind].looks_up or "" if kind in _SHELVES else kind
        return self._gateway.look_up(f"{kind}/{id}") if kind else None

    def on_their_way(self, since: datetime) -> frozenset[str]:
        asked = {"created": {"gte": int(since.timestamp())}}
        names: set[str] = set()
        after: str | None = None
        while True:
            listed, _, after = self._list("events", asked, after)
            names.update(name for each in listed for name in _names(each["data"]["object"]))
            if after is None:
                return frozenset(names)

    def _list(
        self, collection: str, asked: dict[str, Any], after: str | None
    ) -> tuple[list[Payload], Seen, str | None]:
        """One page; newest first."""
        given: Any = {**asked, "limit": _PAGE, **({"starting_after": after} if after else {})}
        place = getattr(self._stripe.v1, collection)
        answer = self._stripe.read(lambda: place.list(given))
        found: list[Payload] = plain(answer)["data"]
        return found, self._stripe.seen(answer), found[-1]["id"] if found and answer.has_more else None


def _event(event: Payload) -> ListedEvent:
    return ListedEvent(event["id"], event["type"], time_of(event["created"]), orjson.dumps(event))


def _object(kind: str, shelf: Shelf, thing: Payload, seen: Seen) -> ListedObject:
    try:
        return ListedObject(f"{kind}/{thing['id']}", (shelf.read(thing, seen),))
    except Nothing:
        return ListedObject(f"{kind}/{thing['id']}", ())


def _names(thing: Any) -> Iterator[str]:
    """The ids of an object and of everything it names."""
    values = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ()
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from _names(value)
