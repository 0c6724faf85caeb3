"""What is sold and to whom, and how a subscription begins."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim.account import Account, verb
from scripts.stripe_sim.cards import CARDS, DECLINED
from scripts.stripe_sim.errors import Refused


class Buying(Account):
    """Verbs that make customers and subscriptions."""

    @verb
    def product(self, name: str, *, id: str | None = None) -> None:
        """A product that prices can belong to."""
        self.post("products", {"name": name, "id": id})

    @verb
    def price(
        self,
        id: str | None = None,
        *,
        amount: int,
        currency: str = "usd",
        interval: str = "month",
        interval_count: int = 1,
        lookup_key: str | None = None,
        product: str | None = None,
    ) -> None:
        """A recurring price per seat in minor units, under an id of one's own; without `product` it gets one."""
        given = {
            "currency": currency,
            "unit_amount": amount,
            "recurring": {"interval": interval, "interval_count": interval_count},
            "lookup_key": lookup_key,
            **({"product": product} if product else {"product_data": {"name": id or "Product"}}),
        }
        with self.by_request():
            self.api.prices.make(given, id=id)

    @verb
    def customer(
        self, email: str, *, name: str | None = None, metadata: dict[str, str] | None = None, id: str | None = None
    ) -> None:
        """A customer with an address for mail and no card."""
        with self.by_request():
            self.api.customers.make({"email": email, "name": name, "metadata": metadata or {}, "id": id})

    @verb
    def update_customer(self, customer: str, /, **changes: Any) -> None:
        """Change what the API lets one change of a customer, such as `email`, `name`, `metadata`."""
        self.post(f"customers/{customer}", changes)

    @verb
    def attach_card(self, customer: str) -> None:
        """A card that the customer pays with from now on, also for running subscriptions that have none."""
        with self.by_request():
            card = self.post("payment_methods/pm_card_visa/attach", {"customer": customer})
            self.post(f"customers/{customer}", {"invoice_settings": {"default_payment_method": card["id"]}})

    @verb
    def checkout(
        self,
        *,
        price: str,
        customer: str | None = None,
        email: str | None = None,
        name: str | None = None,
        quantity: int = 1,
        trial_days: int = 0,
        client_reference_id: str | None = None,
        metadata: dict[str, str] | None = None,
        subscription_metadata: dict[str, str] | None = None,
    ) -> None:
        """A person completes a checkout session with a new card: a known `customer`, or a new one.

        `metadata` stays on the session; the subscription carries `subscription_metadata`.
        """
        if customer is None and email is None:
            raise Refused("A checkout needs a customer or an email address.")
        data = {"metadata": subscription_metadata or {}, **({"trial_period_days": trial_days} if trial_days else {})}
        with self.by_request():
            session = self.post(
                "checkout/sessions",
                {
                    "mode": "subscription",
                    "success_url": "https://shop.example/thanks",
                    "cancel_url": "https://shop.example/cancel",
                    "line_items": [{"price": price, "quantity": quantity}],
                    "customer": customer,
                    "customer_email": None if customer else email,
                    "client_reference_id": client_reference_id,
                    "metadata": metadata,
                    "subscription_data": data,
                },
            )
            card = self.api.payment_methods.of_card(CARDS["visa"])
            self.api.completion.pay(self.get("checkout.session", session["id"]), card, email=email, name=name)

    @verb
    def subscribe(
        self,
        customer: str,
        price: str,
        *,
        quantity: int = 1,
        trial_days: int = 0,
        pays: bool = True,
        has_card: bool = True,
        without_card_at_trial_end: str = "create_invoice",
        metadata: dict[str, str] | None = None,
    ) -> None:
        """The vendor subscribes a customer by an API call, without checkout.

        When the first payment fails (`pays=False`, or no card) the subscription is `incomplete` until its invoice is
        paid or it expires. `without_card_at_trial_end`: create_invoice, cancel or pause.
        """
        with self.by_request():
            card = self.post("payment_methods/pm_card_visa/attach", {"customer": customer}) if has_card else None
            if card and not pays:
                self.api.payment_methods.behave(card, DECLINED)
            self.post(
                "subscriptions",
                {
                    "customer": customer,
                    "items": [{"price": price, "quantity": quantity}],
                    "default_payment_method": card and card["id"],
                    "trial_period_days": trial_days or None,
                    "trial_settings": {"end_behavior": {"missing_payment_method": without_card_at_trial_end}},
                    "payment_behavior": None if card else "default_incomplete",
                    "metadata": metadata,
                },
            )
