"""What customers do with a running subscription: another plan, more seats, an end, a pause. The provider does it; what
it answers is taken in as a webhook would be, so the answer to a change is already true."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.provider_commands import ProviderCommands
from application.store import Store
from domain import provider_asks as asks
from domain.buying_errors import (
    ChangePending,
    CurrencyMismatch,
    PaymentActionRequired,
    PaymentDeclined,
    PreviewStale,
    SubscriptionNotRunning,
)
from domain.errors import Conflict, InvalidRequest
from domain.plan import PricedPlan
from domain.provider_answers import Performed, Previewed, Running, Unpaid
from domain.provider_facts import SubscriptionStatus as Status
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.tokens import Tokens
    from application.price_references import Held, PriceReferences

PREVIEW_LASTS = timedelta(hours=1)
_PURPOSE = "preview"
_CHANGEABLE = (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE)


class When(StrEnum):
    NOW = "now"
    PERIOD_END = "period_end"


@dataclass(frozen=True)
class Wish:
    """What a customer wants: another price (by its code), so many seats, the trial to end. None: as it is."""

    price: str | None = None
    seats: int | None = None
    when: When = When.NOW
    ends_trial: bool = False


@dataclass(frozen=True)
class Preview:
    """What a wish comes to. `token` confirms it: the change is then made as it was shown, or not at all."""

    token: str
    expires_at: datetime
    takes_effect_at: datetime
    priced: PricedPlan
    seats_now: int
    seats: int
    prorated_at: datetime
    invoice: Previewed


Change = asks.ChangeNow | asks.ChangeAtPeriodEnd


class SubscriptionChanges:
    """Each answers the subscription as it then is. Asking for what is so already does nothing.

    Raises `NotFound`, how the provider refused it, and `Unavailable`; see `ProviderCommands.carry_out`.
    """

    def __init__(
        self, store: Store, commands: ProviderCommands, prices: PriceReferences, tokens: Tokens, clock: Clock
    ) -> None:
        self._store = store
        self._commands = commands
        self._prices = prices
        self._tokens = tokens
        self._clock = clock

    def preview(self, subscription_id: UUID, wish: Wish) -> Preview:
        """What would be charged when, by the provider's own lines; nothing is charged and nothing changes."""
        subscription, running = self._running(subscription_id)
        now = self._clock.now().replace(microsecond=0)
        ask, priced = self._ask(subscription, running, wish, now)
        invoice = self._previewed(ask)
        promise = asks.Promise(invoice.figures.total, invoice.figures.amount_due, running.currency, running.state)
        claims = {"sub": str(subscription_id), "wish": _told(wish), "at": int(now.timestamp()), **vars(promise)}
        return Preview(
            token=self._tokens.sign(_PURPOSE, claims, now=now, lifetime=PREVIEW_LASTS),
            expires_at=now + PREVIEW_LASTS,
            takes_effect_at=running.period_end if wish.when is When.PERIOD_END else now,
            priced=priced,
            seats_now=self._seats(subscription),
            seats=priced.terms.entitlements.seats_granted(ask.quantity),
            prorated_at=now,
            invoice=invoice,
        )

    def change(self, subscription_id: UUID, wish: Wish, preview: str | None = None) -> Subscription:
        """Makes the wish true now, or plans it for the end of the period. With the token of a preview it is charged as
        it was shown, else `PreviewStale`. `PaymentDeclined` and `PaymentActionRequired`: it waits for its payment."""
        subscription, running = self._running(subscription_id)
        now, promise = self._clock.now().replace(microsecond=0), None
        if preview is not None:
            now, promise = self._promised(subscription_id, wish, preview)
        ask, _ = self._ask(subscription, running, wish, now)
        if _is_so(ask, running):
            return subscription
        if promise is not None:
            if running.state != promise.state or self._commands.promise_of(ask, running) != promise:
                raise PreviewStale()
            ask = replace(ask, promise=promise)
        performed = self._carry_out(subscription, ask)
        if performed.unpaid is not None:
            raise _refusal(performed.unpaid)
        return self._store.fetch(Subscription, subscription_id)

    def withdraw(self, subscription_id: UUID) -> Subscription:
        """What is planned, or waits for its payment, does not come."""
        subscription, running = self._running(subscription_id)
        if running.schedule and not running.schedule_is_ours:
            raise Conflict("What is planned was planned at the payment provider, and can be withdrawn there only.")
        if running.schedule or running.held_invoice:
            ask = asks.WithdrawChange(running.subscription, running.schedule, running.held_invoice)
            self._carry_out(subscription, ask)
        return self._store.fetch(Subscription, subscription_id)

    def cancel(self, subscription_id: UUID, when: When) -> Subscription:
        """It ends with the paid period, or now and without money back. What was planned falls with it."""
        subscription, running = self._running(subscription_id)
        at_period_end = when is When.PERIOD_END
        if running.status is Status.CANCELED or (at_period_end and running.cancel_at):
            return subscription
        if running.schedule and not running.schedule_is_ours and at_period_end:
            raise ChangePending()
        schedule = running.schedule if at_period_end else None
        self._carry_out(subscription, asks.Cancel(running.subscription, at_period_end, schedule))
        return self._store.fetch(Subscription, subscription_id)

    def resume(self, subscription_id: UUID) -> Subscription:
        """The cancellation is taken back, or the pause ends: then a new period begins, once it is paid."""
        subscription, running = self._running(subscription_id)
        if running.status is Status.CANCELED:
            raise SubscriptionNotRunning(running.status)
        is_paused = running.status is Status.PAUSED
        if not is_paused and running.cancel_at is None:
            return subscription
        ask = asks.Resume(running.subscription, is_paused, running.ends_with_period)
        performed = self._carry_out(subscription, ask)
        if performed.unpaid is not None:
            raise _refusal(performed.unpaid)
        return self._store.fetch(Subscription, subscription_id)

    def pause(self, subscription_id: UUID) -> Subscription:
        """Nothing works and nothing is billed until it is resumed; what is left of the period is credited then."""
        subscription, running = self._running(subscription_id)
        if running.status is Status.PAUSED:
            return subscription
        if running.status is not Status.ACTIVE or running.cancel_at:
            raise SubscriptionNotRunning(running.status)
        if running.schedule or running.held_invoice:
            raise ChangePending()
        self._carry_out(subscription, asks.Pause(running.subscription))
        return self._store.fetch(Subscription, subscription_id)

    # the parts of it

    def _running(self, subscription_id: UUID) -> tuple[Subscription, Running]:
        """As we know it, and as the provider has it now."""
        subscription = self._store.fetch(Subscription, subscription_id)
        return subscription, self._commands.seller.running(subscription.provider_id)

    def _seats(self, subscription: Subscription) -> int:
        purchase = subscription.purchase
        return self._prices.seats(purchase.plan, purchase.plan_version, subscription.terms.quantity)

    def _carry_out(self, subscription: Subscription, ask: asks.Ask) -> Performed:
        return self._commands.carry_out(subscription.id, ask, organization_id=subscription.organization_id)

    def _ask(
        self, subscription: Subscription, running: Running, wish: Wish, now: datetime
    ) -> tuple[Change, PricedPlan]:
        """In the provider's words; refused where it makes no sense."""
        if running.status not in _CHANGEABLE:
            raise SubscriptionNotRunning(running.status)
        if wish.ends_trial and (running.status is not Status.TRIALING or wish.when is When.PERIOD_END):
            raise InvalidRequest.field("end_trial", "there is no trial to end now")
        held = self._prices.held(subscription, running)
        priced = self._priced(wish, held, running)
        quantity = self._prices.quantity(priced, wish.seats, held)
        moves = priced.price.tag != held.priced.price.tag
        price = self._prices.reference(priced) if moves else None
        if wish.when is When.PERIOD_END:
            return _later(running, held, priced, price or held.price, quantity), priced
        if running.schedule:
            raise ChangePending()
        ask = asks.ChangeNow(
            running.subscription,
            held.item,
            price,
            quantity,
            prorated_at=now,
            ends_trial=wish.ends_trial,
            may_wait=running.may_wait,
            replaces=running.held_invoice,
        )
        return ask, priced

    def _priced(self, wish: Wish, held: Held, running: Running) -> PricedPlan:
        """The wished price, which must be on sale and in the subscription's currency; or the one that is held."""
        if wish.price is None or wish.price == held.priced.price.code:
            return held.priced
        priced = self._prices.on_sale(wish.price)
        if priced.price.money.currency != running.currency:
            raise CurrencyMismatch(subscription=running.currency, price=priced.price.money.currency)
        return priced

    def _previewed(self, ask: Change) -> Previewed:
        try:
            return self._commands.seller.preview(ask)
        except LookupError:
            raise Conflict(
                "The payment provider cannot say what this would cost; change it without a preview."
            ) from None

    def _promised(self, subscription_id: UUID, wish: Wish, token: str) -> tuple[datetime, asks.Promise]:
        claims = self._tokens.read(_PURPOSE, token, now=self._clock.now())
        if claims is None or claims["sub"] != str(subscription_id):
            raise PreviewStale()
        if claims["wish"] != _told(wish):
            raise InvalidRequest.field("preview", "is of another change than this one")
        promise = asks.Promise(claims["total"], claims["due"], claims["currency"], claims["state"])
        return datetime.fromtimestamp(claims["at"], self._clock.now().tzinfo), promise


def _later(running: Running, held: Held, priced: PricedPlan, price: str, quantity: int) -> asks.ChangeAtPeriodEnd:
    if running.cancel_at:
        raise SubscriptionNotRunning("to be canceled")
    if running.held_invoice or (running.schedule and not running.schedule_is_ours):
        raise ChangePending()
    return asks.ChangeAtPeriodEnd(
        running.subscription,
        held.item,
        held.price,
        price,
        priced.price.interval,
        priced.price.interval_count,
        quantity,
        running.schedule,
    )


def _is_so(ask: Change, running: Running) -> bool:
    """Whether the subscription is what is asked for, with nothing planned that would change that."""
    names = {name: item for name, item in running.items}
    is_same = names[ask.item].quantity == ask.quantity
    if isinstance(ask, asks.ChangeNow):
        return is_same and ask.price is None and not ask.ends_trial and not running.held_invoice
    return is_same and ask.price == ask.former_price and not running.schedule


def _told(wish: Wish) -> list[Any]:
    return [wish.price, wish.seats, wish.when.value, wish.ends_trial]


def _refusal(unpaid: Unpaid) -> PaymentDeclined | PaymentActionRequired:
    if unpaid.needs_action:
        return PaymentActionRequired(pay_url=unpaid.pay_url, expires_at=unpaid.expires_at)
    return PaymentDeclined(unpaid.decline_code, pay_url=unpaid.pay_url, expires_at=unpaid.expires_at)
