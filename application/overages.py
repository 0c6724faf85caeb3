"""What is used above limits that bill: noted while it happens, measured when the period is over and when it closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.rights_book import RightsBook
from application.store import Store
from domain.counting import Counting, Period
from domain.errors import ConcurrentChange
from domain.ids import overage_id
from domain.license import License
from domain.limit import Each
from domain.organization import Organization
from domain.overage import Overage, OverageTerms
from domain.quota_pool import Line
from domain.rights import LimitInForce, Rights, Standing
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.quota_totals import QuotaTotals, Total
    from application.catalog import Catalog
    from application.offer import Offer

_ATTEMPTS = 8
_MOST = 100_000

Touched = tuple[UUID, str, datetime]
"""An account, a meter, and the earliest moment at which it was used by new records."""


class Overages:
    """For followers of both logs, and for the scheduler. Whatever runs twice notes nothing twice."""

    def __init__(
        self, store: Store, rights: RightsBook, totals: QuotaTotals, offer: Offer, catalog: Catalog, clock: Clock
    ) -> None:
        self._store = store
        self._rights = rights
        self._totals = totals
        self._offer = offer
        self._catalog = catalog
        self._clock = clock
        self._noted: set[tuple[UUID, str]] = set()

    def look(self, touched: Iterable[Touched]) -> None:
        """There are new records: notes the periods, past ones too, in which more is used now than is included."""
        for account_id, meter, since in touched:
            rights = self._rights.remembered(account_id).rights
            new = [each for each in self._standings(rights, meter, since) if self._key(rights, each) not in self._noted]
            if not new:
                continue
            _, totals = self._totals.read(rights, [Line(each, 0) for each in new])
            for standing, total in zip(new, totals, strict=True):
                if total.used > _included(standing, total):
                    self._note(self._rights.read(account_id).rights, standing)

    def refresh(self, accounts: Iterable[UUID]) -> None:
        """What these may do has changed: so may have the terms of what they use above limits now."""
        for account_id in accounts:
            rights = self._rights.read(account_id).rights
            for limit in rights.limits:
                if limit.billed is None or limit.hard:
                    continue
                standing = _standing(limit, limit.counting.period(self._clock.now()))
                if self._store.find(Overage, overage_id(standing.quota_id(account_id))) is not None:
                    self._note(rights, standing)

    def measure(self, id: UUID) -> None:
        """Settles or closes a period, if it is time."""
        for _ in range(_ATTEMPTS):
            overage, now = self._store.fetch(Overage, id), self._clock.now()
            if not overage.is_due(now):
                return
            rights = self._rights.read(overage.organization_id).rights
            standing = self._past(rights, overage)
            _, (total,) = self._totals.read(rights, [Line(standing, 0)])
            terms = standing.limit.terms
            overage.measure(terms.quantity(total.used), int(terms.quantity(total.granted)), now=now)
            if self._stored(overage):
                return
        raise ConcurrentChange(retry_after=1)

    def _standings(self, rights: Rights, meter: str, since: datetime) -> Iterator[Standing]:
        now = self._clock.now()
        for limit in rights.limits_on(meter):
            if limit.billed is None or limit.hard:
                continue
            at: datetime | None = min(since, now)
            while at is not None and at <= now:
                period = limit.counting.period(at)
                yield _standing(limit, period)
                at = period.end

    def _note(self, rights: Rights, standing: Standing) -> None:
        """`rights` are those of now; the limit may have changed since it was looked at."""
        limit = next((each for each in rights.limits if each.name == standing.limit.name and each.billed), None)
        period = standing.period
        if limit is None or limit.amount is None or period.start is None or period.end is None:
            return
        if self._store.find(Organization, rights.account_id) is None:
            return  # a visitor's plan that bills has nobody to bill
        id, terms = overage_id(standing.quota_id(rights.account_id)), self._terms(limit)
        for _ in range(_ATTEMPTS):
            now = self._clock.now()
            overage = self._store.find(Overage, id) or Overage.begin_period(
                id=id,
                organization_id=rights.account_id,
                meter=limit.meter,
                aggregation=limit.terms.aggregation,
                per=limit.per,
                period=(period.start, period.end),
                closes_at=period.end + rights.late_usage,
                terms=terms,
                now=now,
            )
            overage.agree(terms, now=now)
            if self._stored(overage):
                return self._remember(rights, standing)
        raise ConcurrentChange(retry_after=1)

    def _terms(self, limit: LimitInForce) -> OverageTerms:
        billed, amount = limit.billed, limit.amount
        assert billed is not None and amount is not None
        license = self._store.find(License, billed.license_id) if billed.license_id else None
        subscription = None
        if license is not None and license.subscription_id is not None:
            subscription = self._store.find(Subscription, license.subscription_id)
        price = billed.price(self._currency(subscription) if subscription else None)
        id = subscription.id if subscription else None
        return OverageTerms(billed.product, billed.plan, amount, price.amount, price.currency, id)

    def _currency(self, subscription: Subscription) -> str | None:
        priced = self._catalog.plan(subscription.purchase.plan).priced(subscription.purchase.price)
        return priced.price.money.currency if priced else None

    def _past(self, rights: Rights, overage: Overage) -> Standing:
        """The limit as it was, also when the organization has it no more. Where its period was cut short meanwhile, by
        an upgrade that begins anew or another anchor, what came after is another period's."""
        same = _same(rights, overage)
        end = same.counting.period(overage.period_start).end if same else None
        end = min(overage.period_end, end) if end else overage.period_end
        terms, meter = overage.terms, self._offer.look().meters[overage.meter]
        limit = LimitInForce(
            meter=overage.meter,
            terms=meter,
            per=overage.per,
            each=Each.ORGANIZATION,
            amount=terms.included,
            hard=False,
            warn_at=None,
            counting=Counting(overage.per),
            product=terms.product,
            plan=terms.plan,
        )
        return _standing(limit, Period(overage.period_start, end))

    def _stored(self, overage: Overage) -> bool:
        try:
            self._store.put(overage)
        except IntegrityError:
            return False  # somebody else noted or measured it at this moment
        return True

    def _remember(self, rights: Rights, standing: Standing) -> None:
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted.add(self._key(rights, standing))

    @staticmethod
    def _key(rights: Rights, standing: Standing) -> tuple[UUID, str]:
        """What is noted under the same rights need not be looked at again with every record that comes."""
        return standing.quota_id(rights.account_id), rights.digest


def _same(rights: Rights, overage: Overage) -> LimitInForce | None:
    found = (each for each in rights.limits_on(overage.meter) if each.per is overage.per and each.billed)
    return next((each for each in found if each.each is Each.ORGANIZATION), None)


def _standing(limit: LimitInForce, period: Period) -> Standing:
    return Standing(limit, "", period)


def _included(standing: Standing, total: Total) -> int:
    limit = standing.limit
    return (limit.amount or 0) * int(10**limit.terms.decimals) + total.granted
