"""Stripe's billing portal: the page on which a customer changes the card, cancels, and finds invoices."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from adapters.stripe_gateway import API_VERSION
from domain.errors import NotFound, Unavailable


class StripePortal:
    """`api_base` is another server in Stripe's place."""

    def __init__(self, secret_key: str, *, api_base: str | None = None) -> None:
        self._secret_key = secret_key
        self._api_base = api_base

    def open(self, subscription: str, *, return_url: str) -> str:
        """The address of a new session for the customer of a subscription (`sub_…`); it is good for some minutes.

        `NotFound` when Stripe does not know the subscription, `Unavailable` when it cannot be asked.
        """
        import stripe

        try:
            customer = self._client.v1.subscriptions.retrieve(subscription).customer
            given = {"customer": customer, "return_url": return_url}
            return str(self._client.v1.billing_portal.sessions.create(given).url)
        except stripe.InvalidRequestError:
            raise NotFound("The payment provider does not know this subscription any more.") from None
        except stripe.StripeError as error:
            raise Unavailable("The payment provider cannot be reached now; try again soon.", retry_after=30) from error

    @cached_property
    def _client(self) -> Any:
        import stripe  # 30 MB: only where it is needed

        stripe.enable_telemetry = False
        addresses: Any = {"api": self._api_base} if self._api_base else {}
        return stripe.StripeClient(
            self._secret_key, base_addresses=addresses, max_network_retries=2, stripe_version=API_VERSION
        )
