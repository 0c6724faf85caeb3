"""What we ask Stripe: objects that a webhook depends on and that have not been reported to us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import structlog

from adapters import stripe_events
from adapters.clock import Clock
from domain.errors import Unavailable
from domain.provider_facts import PaymentReport, ProviderFact, Seen

log = structlog.get_logger()

API_VERSION = "2026-10-28.endive"


class StripeGateway:
    """The provider "stripe"; without a secret key it translates webhooks and can look nothing up."""

    def __init__(self, secret_key: str | None, clock: Clock, *, api_base: str | None = None) -> None:
        self._client = _client(secret_key, api_base) if secret_key else None
        self._clock = clock

    def translate(self, body: bytes) -> ProviderFact | None:
        return stripe_events.translate(body)

    def look_up(self, reference: str) -> Sequence[ProviderFact]:
        """Facts about `subscription/…`, `invoice/…` or `payment/…`; none without a key or when Stripe knows nothing.

        Raises `Unavailable` when Stripe cannot be asked now.
        """
        if self._client is None:
            return ()
        import stripe

        kind, _, id = reference.partition("/")
        try:
            return list(self._ask(kind, id))
        except stripe.InvalidRequestError as error:
            log.info("stripe.not_found", reference=reference, code=error.code)
            return ()
        except stripe.StripeError as error:
            raise Unavailable("Stripe cannot be reached; it is asked again.", retry_after=30) from error

    def _ask(self, kind: str, id: str) -> Iterator[ProviderFact]:
        match kind:
            case "subscription":
                yield stripe_events.subscription_report(self._plain("subscriptions", id), self._seen_now(id))
            case "invoice":
                invoice = stripe_events.invoice_report(self._plain("invoices", id), self._seen_now(id))
                if invoice is not None:
                    yield invoice
            case "payment":
                yield from self._invoices_paid_by(id)

    def _invoices_paid_by(self, payment: str) -> Iterator[PaymentReport]:
        """A charge names its payment intent, and invoice payments are found by that."""
        intent = self._plain("charges", payment).get("payment_intent") if payment.startswith("ch_") else payment
        if intent is None or self._client is None:
            return
        found = self._client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
        for each in found.to_dict()["data"]:
            report = stripe_events.payment_report(each, self._seen_now(payment))
            yield PaymentReport(report.seen, report.invoice, (*report.payments, payment))

    def _seen_now(self, id: str) -> Seen:
        """What Stripe says now is newer than every event that was sent before."""
        return Seen(self._clock.now().replace(microsecond=0), 5, f"look-up/{id}")

    def _plain(self, collection: str, id: str) -> dict[str, Any]:
        found = getattr(self._client.v1, collection).retrieve(id)  # type: ignore[union-attr]
        return orjson.loads(orjson.dumps(found.to_dict(), default=str))  # type: ignore[no-any-return]


def _client(secret_key: str, api_base: str | None) -> Any:
    import stripe  # 30 MB: only where it is needed

    stripe.enable_telemetry = False
    addresses: Any = {"api": api_base} if api_base else {}
    return stripe.StripeClient(secret_key, base_addresses=addresses, max_network_retries=2, stripe_version=API_VERSION)
