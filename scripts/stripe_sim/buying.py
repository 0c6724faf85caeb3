"""How a subscription begins: in a checkout session, or by an API call; with a trial, or paid, or not paid."""

from __future__ import annotations

from copy import deepcopy

from scripts.stripe_sim import objects
from scripts.stripe_sim.collecting import Collecting
from scripts.stripe_sim.ledger import Json, Refused, verb
from scripts.stripe_sim.periods import period_at

DAY = 86_400
ENDED = ("canceled", "incomplete_expired")


class Buying(Collecting):
    """Verbs that make subscriptions."""

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
        """A person completes a checkout session: a known `customer`, or a new one made of `email` and `name`.

        Since API version 2025-03-31 the payment comes first: charge.succeeded and payment_intent.succeeded precede the
        subscription and its invoice, and nothing leads from them to the invoice until the invoice payment exists.
        `metadata` stays on the session; the subscription carries `subscription_metadata`.
        """
        terms = self._get("price", price)
        if customer is None and email is None:
            raise Refused("A checkout needs a customer or an email address.")
        with self._by_request():
            buyer = self._living_customer(customer) if customer else self._new_customer(email or "", name)
            card = self._new_card(buyer)
            due = 0 if trial_days else max(terms["unit_amount"] * quantity + buyer["balance"], 0)
            intent = self._pay_at_checkout(buyer, terms, due, card) if due else None
            subscription, invoice = self._begin(
                buyer, terms, quantity, card=card, trial_days=trial_days, metadata=subscription_metadata, paid_by=intent
            )
            self._collect(invoice)
            session = objects.checkout_session(
                self._id("cs_test"),
                at=self.at,
                customer=buyer,
                new_customer=customer is None,
                currency=terms["currency"],
                total=invoice["total"],
                payment_status="paid" if due else "no_payment_required",
                subscription=subscription["id"],
                invoice=invoice["id"],
                client_reference_id=client_reference_id,
                metadata=metadata,
            )
            self._emit("checkout.session.completed", self._add(session))

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
        buyer, terms = self._living_customer(customer), self._get("price", price)
        with self._by_request():
            card = self._new_card(buyer) if has_card else None
            fails = not trial_days and terms["unit_amount"] > 0 and not (pays and has_card)
            _, invoice = self._begin(
                buyer,
                terms,
                quantity,
                card=card,
                trial_days=trial_days,
                metadata=metadata,
                status="incomplete" if fails else None,
                without_card_at_trial_end=without_card_at_trial_end,
            )
            if fails:
                self._decline(invoice)
            else:
                self._collect(invoice)

    @verb
    def expire(self, subscription: str) -> None:
        """Nobody paid the first invoice within 23 hours: the subscription is over before it began."""
        thing = self._in_status(subscription, "incomplete")
        self._until(thing["created"] + 23 * 3600)
        self._void(self._get("invoice", thing["latest_invoice"]))
        with self._changing(thing, "customer.subscription.updated"):
            thing["status"], thing["ended_at"] = "incomplete_expired", self.at

    def _pay_at_checkout(self, buyer: Json, price: Json, due: int, card: Json) -> Json:
        intent = self._intend(due, price["currency"], buyer["id"], card, "Subscription creation")
        self._charge(intent, card)
        return intent

    def _begin(
        self,
        buyer: Json,
        price: Json,
        quantity: int,
        *,
        card: Json | None,
        trial_days: int,
        metadata: dict[str, str] | None,
        status: str | None = None,
        without_card_at_trial_end: str = "create_invoice",
        paid_by: Json | None = None,
    ) -> tuple[Json, Json]:
        """The subscription and its first invoice, finalized."""
        trial = (self.at, self.at + trial_days * DAY) if trial_days else None
        subscription_id, terms = self._id("sub"), price["recurring"]
        item = objects.subscription_item(
            self._id("si"),
            at=self.at,
            subscription=subscription_id,
            price=deepcopy(price),
            quantity=quantity,
            period=trial or period_at(self.at, terms["interval"], terms["interval_count"], self.at),
        )
        subscription = self._add(
            objects.subscription(
                subscription_id,
                at=self.at,
                customer=buyer["id"],
                item=item,
                status=status or ("trialing" if trial else "active"),
                trial=trial,
                without_card_at_trial_end=without_card_at_trial_end,
                default_payment_method=card["id"] if card else None,
                metadata=metadata,
            )
        )
        with self._changing(buyer, "customer.updated"):
            buyer["currency"] = price["currency"]
        line = self._line(subscription, free=trial is not None)
        invoice = self._draft(subscription, [line], reason="subscription_create", period=(self.at, self.at))
        self._finalize(invoice, paid_by)
        self._emit("customer.subscription.created", subscription)
        return subscription, invoice

    def _line(self, subscription: Json, *, free: bool = False) -> Json:
        """The line for the item's current period at its current price and quantity."""
        item = subscription["items"]["data"][0]
        name = self._get("product", item["price"]["product"])["name"]
        return objects.line(
            self._id("il"),
            subscription=subscription,
            price=item["price"],
            quantity=item["quantity"],
            amount=0 if free else item["price"]["unit_amount"] * item["quantity"],
            description=f"Trial period for {name}" if free else f"{item['quantity']} × {name}",
            period=(item["current_period_start"], item["current_period_end"]),
        )

    def _in_status(self, id: str, *statuses: str) -> Json:
        """The subscription, when its status is one of these, or any that is not final."""
        subscription = self._get("subscription", id)
        status = subscription["status"]
        if status in ENDED or (statuses and status not in statuses):
            raise Refused(f"Subscription {id} is {status}.")
        return subscription
