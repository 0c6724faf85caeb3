"""Stripe: what its webhooks say, and what we ask it ourselves because a webhook is not enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog

from adapters import stripe_events
from adapters.stripe_client import API_VERSION, Stripe, plain
from adapters.stripe_fields import Nothing, Payload, id_of, listed
from adapters.stripe_invoices import credit_note_report, invoice_report, tax_rate_report
from adapters.stripe_payments import application_report, charge_report, intent_report
from domain.provider_facts import ProviderFact, Reading, Seen

log = structlog.get_logger()

_COLLECTIONS = {
    "charge": "charges",
    "checkout.session": "checkout.sessions",
    "credit_note": "credit_notes",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "payment_intent": "payment_intents",
    "refund": "refunds",
    "subscription": "subscriptions",
    "subscription_schedule": "subscription_schedules",
    "tax_rate": "tax_rates",
}
"""Kind of object → where it is asked for."""
_DISCOUNT_WORDS = ("source.coupon", "promotion_code")
_THIN = "v2.core.event"


class StripeGateway:
    """The provider "stripe"; without an account to ask it reads webhooks as they come and can look nothing up.

    `live`: whether it is Stripe's live mode whose events count here.
    """

    def __init__(self, stripe: Stripe | None, *, live: bool = False) -> None:
        self._stripe = stripe
        self._live = live

    def read(self, body: bytes) -> Reading:
        """A webhook in our words, or why nothing follows from it.

        An object of another API version, and one that a thin event only names, is asked for anew. Raises `Unavailable`
        when Stripe cannot be asked now; KeyError, TypeError or ValueError for a shape that cannot be read.
        """
        event: Payload = orjson.loads(body)
        if event.get("livemode", self._live) is not self._live:
            mode, ours = ("live", "test") if event["livemode"] else ("test", "live")
            return Reading(None, f"an event of Stripe's {mode} mode, and this engine is of the {ours} mode")
        if event.get("object") == _THIN:
            return self._thin(event)
        if not stripe_events.concerns_us(event["type"]):
            return _NOTHING
        version = event.get("api_version")
        if version in (None, API_VERSION):
            return _reading(event)
        renewed = self._retrieved(event["data"]["object"])
        if renewed is None:
            return _reading(event, f"of API version {version}, read as it came")
        return _reading(_about(event, renewed), f"of API version {version}, asked for again in ours")

    def _thin(self, event: Payload) -> Reading:
        """A thin event of an object that also has webhooks of its own is `v1.` and that webhook's type."""
        type, related = event["type"].removeprefix("v1."), event.get("related_object")
        if not (event["type"].startswith("v1.") and related and stripe_events.concerns_us(type)):
            return _NOTHING
        found = self._retrieved({"object": related["type"], "id": related["id"]})
        if found is None:
            return Reading(None, "a thin event, and Stripe cannot be asked for its object")
        created = int(datetime.fromisoformat(event["created"]).timestamp())
        return _reading(
            {**_about(event, found), "type": type, "created": created}, "a thin event, its object asked for"
        )

    def _retrieved(self, thing: Payload) -> Payload | None:
        """The object as it is now, in our version; None without a key or when Stripe knows nothing of it."""
        collection = _COLLECTIONS.get(thing["object"])
        if self._stripe is None or collection is None or not thing.get("id"):
            return None
        found = self._asked(f"{collection}/{thing['id']}", lambda: [self._get(collection, thing["id"])])
        return found[0][0] if found else None

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        """Facts about `subscription/…`, `schedule/…`, `invoice/…`, `credit_note/…`, `payment/…`, `price/…` or
        `tax_rate/…`; None without a key.

        Raises `Unavailable` when Stripe cannot be asked now.
        """
        if self._stripe is None:
            return None
        kind, _, id = reference.partition("/")
        return self._asked(reference, lambda: list(self._facts(kind, id)))

    def _asked(self, reference: str, ask: Callable[[], list[Any]]) -> list[Any]:
        assert self._stripe is not None
        try:
            return self._stripe.read(ask)
        except LookupError as error:
            log.info("stripe.not_found", reference=reference, code=str(error))
            return []

    def _facts(self, kind: str, id: str) -> Iterator[ProviderFact]:
        match kind:
            case "subscription":
                yield stripe_events.subscription_report(*self._get("subscriptions", id))
            case "schedule":
                yield stripe_events.schedule_report(*self._get("subscription_schedules", id))
            case "invoice":
                yield invoice_report(*self._whole("invoices", "total_discount_amounts", id))
            case "credit_note":
                yield credit_note_report(*self._whole("credit_notes", "discount_amounts", id))
            case "tax_rate":
                yield tax_rate_report(*self._get("tax_rates", id))
            case "price":
                yield from stripe_events.price_report(*self._get("prices", id))
            case "payment":
                yield from self._payment(id)

    def _whole(self, collection: str, discounts: str, id: str) -> tuple[Payload, Seen]:
        """An invoice or a credit note with every line, and the names of its discounts, which are in a field."""
        paper, seen = self._get(collection, id)
        if paper.get(discounts):
            paper, _ = self._get(collection, id, expand=[f"{discounts}.discount.{word}" for word in _DISCOUNT_WORDS])
        if (paper.get("lines") or {}).get("has_more"):
            lines = getattr(self._v1, collection).line_items.list(id, {"limit": 100})
            paper["lines"] = {"data": [plain(line) for line in lines.auto_paging_iter()], "has_more": False}
        return paper, seen

    def _payment(self, payment: str) -> Iterator[ProviderFact]:
        """A charge or a payment intent, and the invoices that it pays: neither names them itself."""
        intent: str | None = payment
        seen: Seen | None = None
        if payment.startswith(("ch_", "py_")):
            charge, seen = self._get("charges", payment)
            intent = charge.get("payment_intent") and id_of(charge["payment_intent"])
            yield charge_report(charge, seen)
        elif payment.startswith("pi_"):
            found, seen = self._get("payment_intents", payment, expand=["latest_charge"])
            yield intent_report(found, seen)
            if isinstance(found.get("latest_charge"), dict):
                yield charge_report(found["latest_charge"], seen)
        yield from self._applications(intent, payment, seen)

    def _applications(self, intent: str | None, payment: str, seen: Seen | None) -> Iterable[ProviderFact]:
        asked: dict[str, Any] = {"type": "charge", "charge": payment}
        if intent is not None:
            asked = {"type": "payment_intent", "payment_intent": intent}
        found = self._v1.invoice_payments.list({"payment": asked})
        seen = seen or self._seen(found)
        return [application_report(each, seen) for each in listed(plain(found))]

    def _get(self, collection: str, id: str, *, expand: Sequence[str] = ()) -> tuple[Payload, Seen]:
        """What Stripe says now is newer than every event that was sent before."""
        place: Any = self._v1
        for name in collection.split("."):
            place = getattr(place, name)
        answer = place.retrieve(id, {"expand": list(expand)} if expand else {})
        return plain(answer), self._seen(answer)

    def _seen(self, answer: Any) -> Seen:
        assert self._stripe is not None
        return self._stripe.seen(answer)

    @property
    def _v1(self) -> Any:
        assert self._stripe is not None
        return self._stripe.v1


_NOTHING = Reading(None, "nothing follows from events of this kind")


def _reading(event: Payload, *remarks: str) -> Reading:
    try:
        return Reading(stripe_events.translate(event), remarks=remarks)
    except Nothing as nothing:
        return Reading(None, str(nothing))


def _about(event: Payload, thing: Payload) -> Payload:
    return {**event, "data": {"object": thing}}
