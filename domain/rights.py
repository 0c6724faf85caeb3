"""What an account may do: the features, numbers and limits of everything it has, taken together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from domain.counting import Counting, Period
from domain.entitlements import Entitlements, Feature, RateLimit, RatePeriod
from domain.ids import quota_id
from domain.limit import UNLIMITED, Each, Limit, LimitPeriod, UnitPrice
from domain.meter import MeterTerms
from domain.rate import Rate

LATE_USAGE = Entitlements(seats=1).late_usage
"""How late records are taken of whoever has no plan."""
_MOST_STANDINGS = 10_000
_SECONDS = {RatePeriod.SECOND: 1, RatePeriod.MINUTE: 60, RatePeriod.HOUR: 3600, RatePeriod.DAY: 86400}


@dataclass(frozen=True)
class Source:
    """Where rights come from: a licence that works, or (`license_id` None) a plan that needs no purchase. `anchors` are
    those of its subscription, `raised` see `License.raised`."""

    product: str
    plan: str
    plan_version: int
    entitlements: Entitlements
    license_id: UUID | None = None
    since: datetime | None = None
    anchors: tuple[datetime, ...] = ()
    raised: Mapping[str, tuple[datetime, ...]] | None = None

    def counting(self, limit: Limit, zone: str) -> Counting:
        anchors = self.anchors if limit.follows_subscription else ()
        return Counting(limit.per, zone, anchors, (self.raised or {}).get(limit.name, ()))


@dataclass(frozen=True)
class Standing:
    """Which counter a limit means at a moment: of this period, and of this subject or key ('' when all count)."""

    limit: LimitInForce
    of: str
    period: Period

    @cached_property
    def counter(self) -> str:
        """Its name among those of an account."""
        start = self.period.start.isoformat() if self.period.start else ""
        return f"{self.limit.name}/{self.of}/{start}"

    def quota_id(self, account_id: UUID) -> UUID:
        return quota_id(account_id, self.limit.name, self.of, self.period.start)


class _Standings(NamedTuple):
    """Those of one period, by subject or key."""

    period: Period
    known: dict[UUID | None, Standing]


class Billed(NamedTuple):
    """Whose prices hold for what is above a limit: those of the oldest source that has some. In order of currencies."""

    prices: tuple[UnitPrice, ...]
    product: str
    plan: str
    license_id: UUID | None

    def price(self, currency: str | None) -> UnitPrice:
        """In this currency, or where the plan has none in it, or nobody says, the first."""
        return next((each for each in self.prices if each.currency == currency), self.prices[0])


@dataclass(frozen=True)
class LimitInForce:
    """A limit as it holds for an account: all that its licences grant under one `Limit.name`. `amount` None: no end.
    `product` and `plan` are those of the oldest, whose periods it follows."""

    meter: str
    terms: MeterTerms
    per: LimitPeriod
    each: Each
    amount: int | None
    hard: bool
    warn_at: Decimal | None
    counting: Counting
    product: str
    plan: str
    billed: Billed | None = None
    _last: _Standings | None = field(default=None, init=False, repr=False, compare=False)
    """Worked out once for all that happens within a period."""

    @classmethod
    def of(cls, granted: Sequence[tuple[Source, Limit]], terms: MeterTerms, zone: str) -> LimitInForce:
        """Amounts add up. It is hard when all are, warns at the lowest share, and bills when one does."""
        (source, limit), limits = granted[0], [limit for _, limit in granted]
        amounts = [each.amount for each in limits if each.amount != UNLIMITED]
        bills = (Billed(limit.overage, of.product, of.plan, of.license_id) for of, limit in granted if limit.overage)
        shares = [each.warn_at for each in limits if each.warn_at is not None]
        return cls(
            limit.meter,
            terms,
            limit.per,
            limit.each,
            sum(amounts) if len(amounts) == len(limits) else None,
            all(each.hard for each in limits),
            min(shares, default=None),
            source.counting(limit, zone),
            source.product,
            source.plan,
            next(bills, None) if len(amounts) == len(limits) else None,
        )

    @cached_property
    def name(self) -> str:
        return f"{self.meter}/{self.per}/{self.each}"

    def standing(self, at: datetime, subject: UUID | None, key_id: UUID | None) -> Standing | None:
        """What counts at a moment; None when it limits each subject or key and none is named."""
        who = {Each.SUBJECT: subject, Each.KEY: key_id}.get(self.each)
        if who is None and self.each is not Each.ORGANIZATION:
            return None
        last = self._last
        if last is None or at not in last.period:
            last = _Standings(self.counting.period(at), {})
            object.__setattr__(self, "_last", last)
        period, known = last
        if who not in known:
            if len(known) >= _MOST_STANDINGS:
                known.clear()
            known[who] = Standing(self, str(who) if who else "", period)
        return known[who]


@dataclass(frozen=True)
class Rights:
    """Of several licences the most generous feature and the fastest rate hold, and limits of one name add up.

    `accounts` are those whose use is this one's: itself, and the subjects that it has claimed.
    """

    account_id: UUID
    accounts: tuple[UUID, ...]
    time_zone: str
    sources: tuple[Source, ...]
    features: Mapping[str, Feature]
    limits: tuple[LimitInForce, ...]
    rates: Mapping[str, RateLimit]
    late_usage: timedelta

    @classmethod
    def of(
        cls,
        account_id: UUID,
        sources: Iterable[Source],
        meters: Mapping[str, MeterTerms],
        *,
        accounts: Sequence[UUID] = (),
        time_zone: str = "UTC",
    ) -> Rights:
        """`meters` has every meter that a source limits."""
        in_order = tuple(sorted(sources, key=_age))
        granted = sorted(((s, limit) for s in in_order for limit in s.entitlements.limits), key=_name)
        by_name = [list(group) for _, group in groupby(granted, key=_name)]
        return cls(
            account_id,
            tuple(accounts) or (account_id,),
            time_zone,
            in_order,
            _best_features(in_order),
            tuple(LimitInForce.of(group, meters[group[0][1].meter], time_zone) for group in by_name),
            _fastest(in_order),
            max((source.entitlements.late_usage for source in in_order), default=LATE_USAGE),
        )

    @cached_property
    def digest(self) -> str:
        """The same for equal rights, in whatever process."""
        told = (self.accounts, self.time_zone, self.limits, sorted(self.rates.items()), self.late_usage)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    @cached_property
    def _by_meter(self) -> dict[str, tuple[LimitInForce, ...]]:
        return {meter: tuple(limits) for meter, limits in groupby(self.limits, key=lambda each: each.meter)}

    def limits_on(self, meter: str) -> tuple[LimitInForce, ...]:
        return self._by_meter.get(meter, ())

    def allows(self, feature: str, count: int = 1) -> bool:
        """Whether `count` of a feature may be had; one that no licence lists may not."""
        return feature in self.features and self.features[feature].allows(count)

    def rate(self, name: str) -> Rate | None:
        found = self.rates.get(name)
        return None if found is None else Rate(found.calls, timedelta(seconds=_SECONDS[found.per]))


def _age(source: Source) -> tuple[bool, datetime, str]:
    """The oldest licence first; plans that need no purchase last."""
    return source.since is None, source.since or datetime.min, source.plan


def _name(granted: tuple[Source, Limit]) -> str:
    return granted[1].name


def _best_features(sources: Iterable[Source]) -> dict[str, Feature]:
    best: dict[str, Feature] = {}
    for feature in _all_features(sources):
        known = best.get(feature.name)
        if known is None or _generosity(feature) > _generosity(known):
            best[feature.name] = feature
    return best


def _all_features(sources: Iterable[Source]) -> Iterator[Feature]:
    return (feature for source in sources for feature in source.entitlements.features)


def _generosity(feature: Feature) -> float:
    return (float("inf") if feature.up_to is None else feature.up_to) if feature.allowed else -1


def _fastest(sources: Iterable[Source]) -> dict[str, RateLimit]:
    fastest: dict[str, RateLimit] = {}
    for rate in (rate for source in sources for rate in source.entitlements.rate_limits):
        known = fastest.get(rate.name)
        if known is None or rate.calls / _SECONDS[rate.per] > known.calls / _SECONDS[known.per]:
            fastest[rate.name] = rate
    return fastest
