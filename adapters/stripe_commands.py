"""Has Stripe do what was asked: each call under a key of the command's, so that it is done once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Any

from adapters.stripe_client import Stripe, is_replayed, plain
from adapters.stripe_fields import Payload, maybe_time
from adapters.stripe_outcomes import StripeOutcomes
from adapters.stripe_phases import phases_with
from adapters.stripe_running import OURS, change_of
from domain import provider_asks as asks
from domain.buying_errors import BuyingNotSetUp, OutcomeUnknown, ProviderRefused, ProviderUnavailable
from domain.errors import Unavailable, UsherError
from domain.provider_answers import Performed
from domain.provider_desk import Command

Words = Mapping[str, str | None]
"""What belongs to an ask and not into the log: a page's addresses, a customer's name and address."""


@dataclass
class Call:
    """A command on its way. `begun`: a step of it was done, so it must be brought to its end."""

    command: Command
    words: Words
    begun: bool = False

    def key(self, step: str) -> dict[str, str]:
        """Under which Stripe does one step of it once (https://docs.stripe.com/api/idempotent_requests)."""
        return {"idempotency_key": f"usher-{self.command.id}-{step}"}

    @property
    def stamp(self) -> dict[str, str]:
        """By which what was made for it is recognized later."""
        return {**OURS, "usher_command": str(self.command.id), "organization_id": str(self.command.organization_id)}


class StripeCommands:
    """Sent twice, a command is done once. Raises what `Stripe.write` raises; for what is half done `OutcomeUnknown`."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._outcomes = StripeOutcomes(stripe)

    def perform(self, command: Command, words: Words) -> Performed:
        """Where nobody can say, or Stripe says no to what it may have done a moment ago, Stripe is asked how things
        stand."""
        try:
            return self._perform(command.ask, Call(command, words))
        except (OutcomeUnknown, ProviderRefused) as error:
            found = self._look(command)
            if found is not None:
                return found
            if isinstance(error, OutcomeUnknown) and error.is_final:
                raise ProviderUnavailable() from error
            raise

    def find(self, command: Command) -> Performed | None:
        """What came of a command, whoever sent it; None when Stripe does not look as if it was done."""
        return self._outcomes.find(command)

    def _look(self, command: Command) -> Performed | None:
        with suppress(Unavailable):
            return self._outcomes.find(command)
        return None

    @singledispatchmethod
    def _perform(self, ask: Any, call: Call) -> Performed:
        raise TypeError(f"Stripe is not asked for a {type(ask).__name__}")

    @_perform.register
    def _(self, ask: asks.MakeCustomer, call: Call) -> Performed:
        given = {**_given(call.words, "email", "name"), "metadata": call.stamp}
        return self._outcomes.customer(self._send("customers", "create", given, call, "customer"))

    @_perform.register
    def _(self, ask: asks.OpenCheckout, call: Call) -> Performed:
        organization = str(call.command.organization_id)
        trial = {"trial_period_days": ask.trial_days} if ask.trial_days else {}
        given: dict[str, Any] = {
            "mode": "subscription",
            "customer": ask.customer,
            "client_reference_id": organization,
            "line_items": [{"price": ask.price, "quantity": ask.quantity}],
            "subscription_data": {"metadata": call.stamp, **trial},
            "metadata": call.stamp,
            "billing_address_collection": "auto",
            "customer_update": {"address": "auto", "name": "auto"},
            "tax_id_collection": {"enabled": True},
            **_given(call.words, "success_url", "cancel_url"),
        }
        given |= {"discounts": [{"promotion_code": ask.discount}]} if ask.discount else {"allow_promotion_codes": True}
        made = plain(self._send("checkout.sessions", "create", given, call, "checkout"))
        return Performed(made["id"], url=made["url"], expires_at=maybe_time(made["expires_at"]))

    @_perform.register
    def _(self, ask: asks.OpenPortal, call: Call) -> Performed:
        given = {"customer": ask.customer, **_given(call.words, "return_url")}
        made = plain(self._send("billing_portal.sessions", "create", given, call, "portal"))
        return Performed(made["id"], url=made["url"])

    @_perform.register
    def _(self, ask: asks.ChangeNow, call: Call) -> Performed:
        """A card that does not pay leaves the subscription as it is; the change waits a day for another one."""
        if ask.replaces:
            self._send("invoices", "void_invoice", {}, call, "void", ask.replaces)
        behavior = "pending_if_incomplete" if ask.may_wait else "allow_incomplete"
        given = {**change_of(ask), "payment_behavior": behavior}
        return self._became(self._send("subscriptions", "update", given, call, "update", ask.subscription))

    @_perform.register
    def _(self, ask: asks.ChangeAtPeriodEnd, call: Call) -> Performed:
        """A schedule made of the subscription as it is, and a phase after the present one."""
        schedule = self._schedule(ask, call)
        given = {"end_behavior": "release", "metadata": call.stamp, "phases": phases_with(ask, plain(schedule))}
        try:
            planned = self._send("subscription_schedules", "update", given, call, "plan", schedule.id)
        except Unavailable:
            raise
        except UsherError:
            if ask.schedule is None:  # a schedule that plans nothing would only be in the way
                self._send("subscription_schedules", "release", {}, call, "undo", schedule.id)
            raise
        return self._outcomes.subscription(ask.subscription, planned)

    @_perform.register
    def _(self, ask: asks.WithdrawChange, call: Call) -> Performed:
        released = self._release(ask.schedule, call)
        if ask.invoice:
            self._send("invoices", "void_invoice", {}, call, "void", ask.invoice)
        return self._outcomes.subscription(ask.subscription, released)

    @_perform.register
    def _(self, ask: asks.Cancel, call: Call) -> Performed:
        released = self._release(ask.schedule, call)
        if ask.at_period_end:
            given = {"cancel_at_period_end": True}
            ended = self._send("subscriptions", "update", given, call, "cancel", ask.subscription)
        else:
            ended = self._send("subscriptions", "cancel", {}, call, "cancel", ask.subscription)
        return self._became(ended, released)

    @_perform.register
    def _(self, ask: asks.Pause, call: Call) -> Performed:
        """The unused time is credited with the next invoice, as Stripe does it by itself."""
        return self._became(self._send("subscriptions", "pause", {}, call, "pause", ask.subscription))

    @_perform.register
    def _(self, ask: asks.Resume, call: Call) -> Performed:
        """A paused one begins a new period, once that is paid."""
        if ask.is_paused:
            given: dict[str, Any] = {"payment_behavior": "resume_on_payment_success"}
            return self._became(self._send("subscriptions", "resume", given, call, "resume", ask.subscription))
        given = {"cancel_at_period_end": False} if ask.ends_with_period else {"cancel_at": ""}
        return self._became(self._send("subscriptions", "update", given, call, "resume", ask.subscription))

    @_perform.register
    def _(self, ask: asks.BillOverage, call: Call) -> Performed:
        """Looks first: a key is forgotten after a day, a line is not."""
        found = self._outcomes.find(call.command)
        if found is not None:
            return found
        given = {
            "customer": self._outcomes.customer_of(ask.subscription),
            "amount": ask.amount,
            "currency": ask.currency,
            "description": ask.description,
            "period": {"start": int(ask.period_start.timestamp()), "end": int(ask.period_end.timestamp())},
            "metadata": {**call.stamp, "usher_fact": ask.fact},
        }
        return Performed(self._send("invoice_items", "create", given, call, "item").id)

    def _became(self, answer: Any, schedule: Any = None) -> Performed:
        """From Stripe's answer, unless it repeats an old one."""
        if is_replayed(answer):
            return self._outcomes.subscription(answer.id, schedule)
        return self._outcomes.told(answer, schedule)

    def _release(self, schedule: str | None, call: Call) -> Any:
        """The subscription goes on without it."""
        return self._send("subscription_schedules", "release", {}, call, "release", schedule) if schedule else None

    def _schedule(self, ask: asks.ChangeAtPeriodEnd, call: Call) -> Any:
        """The one that is there, or a new one, whose only phase is what the subscription is now."""
        if ask.schedule:
            return self._stripe.read(lambda: self._stripe.v1.subscription_schedules.retrieve(ask.schedule))
        given = {"from_subscription": ask.subscription}
        return self._send("subscription_schedules", "create", given, call, "schedule")

    def _send(self, collection: str, verb: str, given: Mapping[str, Any], call: Call, step: str, *ids: str) -> Any:
        place: Any = self._stripe.writing
        for name in collection.split("."):
            place = getattr(place, name)
        try:
            answer = self._stripe.write(lambda: getattr(place, verb)(*ids, dict(given), call.key(step)))
        except (ProviderUnavailable, BuyingNotSetUp) as error:
            if call.begun:
                raise OutcomeUnknown(retry_after=error.retry_after) from error
            raise
        call.begun = True
        return answer


def _given(words: Words, *names: str) -> Payload:
    return {name: words[name] for name in names if words.get(name)}
