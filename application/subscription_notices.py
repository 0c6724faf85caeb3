"""Mails about subscriptions: their beginning, changes and end, and what customers are told ahead of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from application.notices import Writer
from application.store import Store
from domain.billing_account import BillingAccount
from domain.license import License
from domain.mail_kinds import MailKind
from domain.notice import Draft
from domain.provider_facts import SubscriptionStatus as Status
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.purchases import Purchases

_NEWS = timedelta(days=7)
"""After it a subscription that becomes known has begun long ago: before Usher was there, say."""
_CHANGES = (Subscription.PlanChanged, Subscription.QuantityChanged)
_GOES_ON = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE})


class SubscriptionNotices:
    """All are about a subscription whose licence works; what is over, or overtaken by something newer, is not told."""

    def __init__(self, store: Store, purchases: Purchases, clock: Clock) -> None:
        self._store = store
        self._purchases = purchases
        self._clock = clock

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "subscription_confirmed": self._confirmed,
            "subscription_changed": self._changed,
            "subscription_cancelled": self._cancelled,
            "cancellation_withdrawn": self._stays,
            "trial_ending": self._trial_ending,
            "renewal_notice": self._renewal_coming,
            "subscription_ending": self._end_coming,
            "card_expiring": self._card_expiring,
        }

    def _confirmed(self, event: Subscription.Started | Subscription.Entitled) -> Draft | None:
        subscription, license = self._running(event)
        price = self._purchases.price(subscription)
        terms = subscription.terms
        if license is None or price is None or self._clock.now() - terms.period_start > _NEWS:
            return None
        is_trial = terms.status is Status.TRIALING
        context = {
            "seats": license.terms.seats,
            "price": price,
            "trial_ends_at": terms.trial_end if is_trial else None,
            "renews_at": None if is_trial or terms.cancel_at else terms.period_end,
            "ends_at": None if is_trial else terms.cancel_at,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.SUBSCRIPTION_CONFIRMED, license, context)

    def _changed(self, event: Subscription.PlanChanged | Subscription.QuantityChanged) -> Draft | None:
        """Of several changes in one report the first speaks for all."""
        subscription, license = self._running(event)
        price = self._purchases.price(subscription)
        if license is None or price is None or not self._speaks(event, *_CHANGES):
            return None
        before = self._store.fetch(Subscription, subscription.id, version=event.originator_version - 1)
        former_plan, former_seats = self._purchases.plan_and_seats(before.purchase, before.terms.quantity)
        context = {
            "seats": license.terms.seats,
            "price": price,
            "former_plan_name": former_plan,
            "former_seats": former_seats,
            "changed_at": event.timestamp,
            "next_charge_at": None if subscription.terms.cancel_at else subscription.terms.period_end,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.SUBSCRIPTION_CHANGED, license, context)

    def _cancelled(self, event: Subscription.CancellationSet) -> Draft | None:
        subscription, license = self._running(event)
        ends_at = subscription.terms.cancel_at
        if license is None or ends_at is None or not self._speaks(event, Subscription.CancellationSet):
            return None
        if ends_at <= self._clock.now():
            return None
        context = {"works_until": ends_at, "manage_url": self._purchases.manage_url(subscription.id)}
        return self._purchases.draft(MailKind.SUBSCRIPTION_CANCELLED, license, context)

    def _stays(self, event: Subscription.CancellationSet) -> Draft | None:
        subscription, license = self._running(event)
        price = self._purchases.price(subscription)
        if (
            license is None
            or price is None
            or subscription.terms.cancel_at
            or subscription.terms.status not in _GOES_ON
        ):
            return None
        if not self._speaks(event, Subscription.CancellationSet):
            return None
        context = {
            "price": price,
            "next_charge_at": subscription.terms.period_end,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.CANCELLATION_WITHDRAWN, license, context)

    def _trial_ending(self, event: Subscription.TrialEnding) -> Draft | None:
        subscription, license = self._running(event)
        terms, price = subscription.terms, self._purchases.price(subscription)
        if (
            license is None
            or price is None
            or terms.status is not Status.TRIALING
            or terms.trial_end != event.trial_end
        ):
            return None
        if event.trial_end <= self._clock.now() or not self._speaks(event, Subscription.TrialEnding):
            return None
        context = {
            "trial_ends_at": event.trial_end,
            "price": price,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.TRIAL_ENDING, license, context)

    def _renewal_coming(self, event: Subscription.RenewalComing) -> Draft | None:
        """Not while payments fail: there is something more urgent to say."""
        subscription, license = self._running(event)
        terms, price = subscription.terms, self._purchases.price(subscription)
        if license is None or price is None or terms.status is not Status.ACTIVE or subscription.payments.failures:
            return None
        if terms.period_end != event.renews_at or (terms.cancel_at and terms.cancel_at <= event.renews_at):
            return None
        if event.renews_at <= self._clock.now() or not self._speaks(event, Subscription.RenewalComing):
            return None
        context = {
            "price": price,
            "next_charge_at": event.renews_at,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.RENEWAL_NOTICE, license, context)

    def _end_coming(self, event: Subscription.EndComing) -> Draft | None:
        subscription, license = self._running(event)
        if license is None or subscription.terms.cancel_at != event.ends_at or event.ends_at <= self._clock.now():
            return None
        if not self._speaks(event, Subscription.EndComing):
            return None
        context = {"works_until": event.ends_at, "manage_url": self._purchases.manage_url(subscription.id)}
        return self._purchases.draft(MailKind.SUBSCRIPTION_ENDING, license, context)

    def _card_expiring(self, event: BillingAccount.CardExpiring) -> Draft | None:
        """To the customer of a subscription that the card will be charged for."""
        account = self._store.fetch(BillingAccount, event.originator_id)
        card = next((each for each in account.cards_in_use if each.expires_at == event.expires_at), None)
        charged = next(filter(None, map(self._charged, account.subscriptions)), None)
        if card is None or charged is None or event.expires_at <= self._clock.now():
            return None
        subscription, license = charged
        price = self._purchases.price(subscription)
        if price is None:
            return None
        context = {
            "price": price,
            "next_charge_at": subscription.terms.period_end,
            "expires_on": event.expires_at - timedelta(days=1),
            "brand": card.brand.capitalize() if card.brand else None,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.CARD_EXPIRING, license, context)

    def _charged(self, subscription_id: Any) -> tuple[Subscription, License] | None:
        """A subscription that goes on, with its licence."""
        subscription = self._store.fetch(Subscription, subscription_id)
        license = self._purchases.working_license(subscription_id)
        goes_on = subscription.terms.status in _GOES_ON and subscription.terms.cancel_at is None
        return (subscription, license) if license is not None and goes_on else None

    def _running(self, event: Any) -> tuple[Subscription, License | None]:
        """The subscription as it is, and its licence when that works."""
        subscription = self._store.fetch(Subscription, event.originator_id)
        return subscription, self._purchases.working_license(subscription.id)

    def _speaks(self, event: Any, *kinds: type[Any]) -> bool:
        """Whether no newer event of these kinds has overtaken it, and none of the same report speaks for it."""
        alike: list[Any] = [each for each in self._store.events.get(event.originator_id) if isinstance(each, kinds)]
        of_report = [each for each in alike if each.timestamp == event.timestamp]
        is_newest = alike[-1].timestamp == event.timestamp
        return bool(is_newest and of_report[0].originator_version == event.originator_version)
