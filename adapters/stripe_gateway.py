"""Stripe: what its webhooks say, and what we ask it ourselves because a webhook is not enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog

from adapters import stripe_events
from adapters.clock import Clock
from adapters.stripe_fields import Nothing, Payload, id_of, listed
from adapters.stripe_invoices import credit_note_report, invoice_report, tax_rate_report
from adapters.stripe_payments import application_report, charge_report, intent_report
from domain.errors import Unavailable
from domain.provider_facts import ProviderFact, Reading, Seen

log = structlog.get_logger()

API_VERSION = "2026-10-28.endive"
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
    "tax_rate": "tax_rates",
}
"""Kind of object → where it is asked for."""
_DISCOUNT_WORDS = ("source.coupon", "promotion_code")
_THIN = "v2.core.event"


class StripeGateway:
    """The provider "stripe"; without a secret key it reads webhooks as they come and can look nothing up.

    `live`: whether it is Stripe's live mode whose events count here.
    """

    def __init__(
        self, secret_key: str | None, clock: Clock, *, api_base: str | None = None, live: bool = False
    ) -> None:
        self._client = _client(secret_key, api_base) if secret_key else None
        self._clock = clock
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
        if self._client is None or collection is None or not thing.get("id"):
            return None
        return next(
            iter(self._asked(f"{collection}/{thing['id']}", lambda: [self._plain(collection, thing["id"])])), None
        )

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        """Facts about `subscription/…`, `invoice/…`, `credit_note/…`, `payment/…` or `tax_rate/…`; None without a key.

        Raises `Unavailable` when Stripe cannot be asked now.
        """
        if self._client is None:
            return None
        kind, _, id = reference.partition("/")
        return self._asked(reference, lambda: list(self._facts(kind, id)))

    def _asked(self, reference: str, ask: Any) -> list[Any]:
        import stripe

        try:
            return list(ask())
        except stripe.InvalidRequestError as error:
            log.info("stripe.not_found", reference=reference, code=error.code)
            return []
        except stripe.StripeError as error:
            raise Unavailable("Stripe cannot be reached; it is asked again.", retry_after=30) from error

    def _facts(self, kind: str, id: str) -> Iterator[ProviderFact]:
        seen = self._seen_now(id)
        match kind:
            case "subscription":
                yield stripe_events.subscription_report(self._plain("subscriptions", id), seen)
            case "invoice":
                yield invoice_report(self._whole("invoices", "total_discount_amounts", id), seen)
            case "credit_note":
                yield credit_note_report(self._whole("credit_notes", "discount_amounts", id), seen)
            case "tax_rate":
                yield tax_rate_report(self._plain("tax_rates", id), seen)
            case "payment":
                yield from self._payment(id, seen)

    def _whole(self, collection: str, discounts: str, id: str) -> Payload:
        """An invoice or a credit note with every line, and the names of its discounts, which are in a field."""
        paper = self._plain(collection, id)
        if paper.get(discounts):
            paper = self._plain(collection, id, expand=[f"{discounts}.discount.{word}" for word in _DISCOUNT_WORDS])
        if (paper.get("lines") or {}).get("has_more"):
            lines = getattr(self._client.v1, collection).line_items.list(id, {"limit": 100})  # type: ignore[union-attr]
            paper["lines"] = {"data": [_plain(line) for line in lines.auto_paging_iter()], "has_more": False}
        return paper

    def _payment(self, payment: str, seen: Seen) -> Iterator[ProviderFact]:
        """A charge or a payment intent, and the invoices that it pays: neither names them itself."""
        intent: str | None = payment
        if payment.startswith(("ch_", "py_")):
            charge = self._plain("charges", payment)
            intent = charge.get("payment_intent") and id_of(charge["payment_intent"])
            yield charge_report(charge, seen)
        elif payment.startswith("pi_"):
            found = self._plain("payment_intents", payment, expand=["latest_charge"])
            yield intent_report(found, seen)
            if isinstance(found.get("latest_charge"), dict):
                yield charge_report(found["latest_charge"], seen)
        for each in self._applications(intent, payment):
            yield application_report(each, seen)

    def _applications(self, intent: str | None, payment: str) -> Iterable[Payload]:
        asked: dict[str, Any] = {"type": "charge", "charge": payment}
        if intent is not None:
            asked = {"type": "payment_intent", "payment_intent": intent}
        found = self._client.v1.invoice_payments.list({"payment": asked})  # type: ignore[union-attr]
        return listed(_plain(found))

    def _seen_now(self, id: str) -> Seen:
        """What Stripe says now is newer than every event that was sent before."""
        return Seen(self._clock.now().replace(microsecond=0), 5, f"look-up/{id}")

    def _plain(self, collection: str, id: str, *, expand: Sequence[str] = ()) -> Payload:
        place: Any = self._client.v1  # type: ignore[union-attr]
        for name in collection.split("."):
            place = getattr(place, name)
        return _plain(place.retrieve(id, {"expand": list(expand)} if expand else {}))


_NOTHING = Reading(None, "nothing follows from events of this kind")


def _reading(event: Payload, *remarks: str) -> Reading:
    try:
        return Reading(stripe_events.translate(event), remarks=remarks)
    except Nothing as nothing:
        return Reading(None, str(nothing))


def _about(event: Payload, thing: Payload) -> Payload:
    return {**event, "data": {"object": thing}}


def _plain(thing: Any) -> Payload:
    plain: Payload = orjson.loads(orjson.dumps(thing.to_dict(), default=str))
    return plain


def _client(secret_key: str, api_base: str | None) -> Any:
    import stripe  # 30 MB: only where it is needed

    stripe.enable_telemetry = False
    addresses: Any = {"api": api_base} if api_base else {}
    return stripe.StripeClient(secret_key, base_addresses=addresses, max_network_retries=2, stripe_version=API_VERSION)
