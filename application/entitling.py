"""From subscription to licence: issue it once, then let it follow what was bought and how it is paid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from application.work import Work
from domain.ids import license_id_for
from domain.license import License
from domain.license_terms import Terms
from domain.reminders import Reminder, reminders_of
from domain.standing import standing_of
from domain.subscription import Subscription

if TYPE_CHECKING:
    from application.catalog import Catalog
    from application.license_keys import LicenseKeys


class Entitling:
    """Asked again after every report and at every deadline; asking twice changes nothing."""

    def __init__(self, catalog: Catalog, keys: LicenseKeys) -> None:
        self._catalog = catalog
        self._keys = keys

    def settle(self, work: Work, subscription: Subscription, now: datetime) -> License | None:
        """Makes the subscription's licence what it should be at `now`; None while there never was a right to one."""
        license = work.find(License, license_id_for(subscription.id))
        terms = self._terms(subscription)
        if license is None:
            if not subscription.is_entitled:
                return None
            license = self._issue(work, subscription, terms, now)
        license.transfer(subscription.organization_id, now=now)
        license.follow_purchase(terms, now=now)
        license.follow_period(_paid_until(subscription, license), now=now)
        license.follow_payment(standing_of(subscription, license.terms.entitlements, now), now=now)
        license.expire(now=now)
        subscription.plan_reminders(self._reminders(subscription), now=now)
        return license

    def _issue(self, work: Work, subscription: Subscription, terms: Terms, now: datetime) -> License:
        id = license_id_for(subscription.id)
        key, row = self._keys.make(id, version=1, product=terms.product)
        work.rows.append(row)
        return work.add(
            License.issue(
                id=id,
                organization_id=subscription.organization_id,
                subscription_id=subscription.id,
                key=key,
                terms=terms,
                expires_at=terms.entitlements.license_end(issued_at=now, period_end=_period_end(subscription)),
                now=now,
            )
        )

    def _reminders(self, subscription: Subscription) -> Iterator[Reminder]:
        purchase = subscription.purchase
        plan = self._catalog.published(purchase.plan, purchase.plan_version).terms
        return reminders_of(subscription.terms, plan.notices, plan.price(purchase.price))

    def _terms(self, subscription: Subscription) -> Terms:
        purchase = subscription.purchase
        plan = self._catalog.published(purchase.plan, purchase.plan_version)
        entitlements = plan.terms.entitlements
        seats = entitlements.seats_granted(subscription.terms.quantity)
        return Terms(plan.product, purchase.plan, purchase.plan_version, seats, entitlements)


def _paid_until(subscription: Subscription, license: License) -> datetime | None:
    return license.terms.entitlements.license_end(issued_at=license.created_on, period_end=_period_end(subscription))


def _period_end(subscription: Subscription) -> datetime:
    """A cancellation that is set ends the licence before the period does."""
    terms = subscription.terms
    return min(terms.period_end, terms.cancel_at) if terms.cancel_at else terms.period_end
