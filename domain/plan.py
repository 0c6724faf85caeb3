"""A plan is sold in versions: what was published is never edited, changed terms make the next version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from domain import ids
from domain.aggregate import Aggregate, Created
from domain.entitlements import Entitlements
from domain.errors import NotFound
from domain.money import CURRENCIES, Money
from domain.problems import Problem, check_code, check_distinct, check_name, check_range, refuse, under
from domain.reminders import NoticePeriods

_REFERENCE = re.compile(r"[!-~]{1,255}")


class Interval(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ONE_TIME = "one_time"


_THREE_YEARS = {Interval.DAY: 1095, Interval.WEEK: 156, Interval.MONTH: 36, Interval.YEAR: 3, Interval.ONE_TIME: 1}


@dataclass(frozen=True)
class PriceTag:
    """What a price asks for, under which code: another amount under the same code is another price."""

    code: str
    money: Money
    interval: Interval
    interval_count: int = 1


@dataclass(frozen=True)
class Price:
    """What one unit of a plan costs every `interval_count` intervals, or once.

    `code` is ours and the lookup key at the provider; `stripe_price` is Stripe's id, when there is one.
    """

    code: str
    money: Money
    interval: Interval
    interval_count: int = 1
    stripe_price: str | None = None

    @property
    def tag(self) -> PriceTag:
        return PriceTag(self.code, self.money, self.interval, self.interval_count)

    @property
    def references(self) -> frozenset[str]:
        """The names under which this price may be asked for."""
        return frozenset({self.code, self.stripe_price or self.code})

    def problems(self) -> Iterator[Problem]:
        yield from check_code("code", self.code)
        yield from check_range("amount", self.money.amount, 0, 10**12)
        if self.money.currency not in CURRENCIES:
            yield Problem("currency", f"{self.money.currency} is not a currency of ISO 4217")
        yield from check_range("interval_count", self.interval_count, 1, _THREE_YEARS[self.interval])
        if self.stripe_price is not None and not _REFERENCE.fullmatch(self.stripe_price):
            yield Problem("stripe_price", "must be 1 to 255 printable ASCII characters without spaces")


@dataclass(frozen=True)
class PlanTerms:
    """One version of a plan; no price means that it is negotiated."""

    name: str
    trial_days: int
    entitlements: Entitlements
    prices: tuple[Price, ...]
    notices: NoticePeriods = field(default_factory=NoticePeriods)

    def in_order(self) -> PlanTerms:
        """The same terms, whatever order they were written in: prices by code, features and limits by name, notices by
        length."""
        prices = tuple(sorted(self.prices, key=lambda price: price.code))
        return replace(self, entitlements=self.entitlements.in_order(), prices=prices, notices=self.notices.in_order())

    def price(self, reference: str) -> Price | None:
        """The price that is known by this code or Stripe id."""
        return next((price for price in self.prices if reference in price.references), None)

    def problems(self) -> list[Problem]:
        """Every rule of sanity that these terms break, with the field it is about."""
        return [*self._own_problems(), *self._price_problems()]

    def _own_problems(self) -> Iterator[Problem]:
        yield from check_name("name", self.name)
        yield from check_range("trial_days", self.trial_days, 0, 730)
        yield from under("entitlements", self.entitlements.problems())
        yield from under("notices", self.notices.problems())

    def _price_problems(self) -> Iterator[Problem]:
        for index, price in enumerate(self.prices):
            yield from under(f"prices[{index}]", price.problems())
            if price.interval is Interval.ONE_TIME and self.entitlements.license_term == "period":
                yield Problem(
                    f"prices[{index}].interval",
                    "a one-time price pays for no period: give entitlements.license_term a duration such as P1Y",
                )
        yield from check_distinct("prices", [name for price in self.prices for name in price.references])
        sold_in = {price.money.currency for price in self.prices}
        for limit in self.entitlements.limits:
            if limit.overage and (missing := sold_in - {each.currency for each in limit.overage}):
                yield Problem(
                    f"entitlements.limits.{limit.meter}.overage", f"has no price in {', '.join(sorted(missing))}"
                )


@dataclass(frozen=True)
class PricedPlan:
    """What a price reference stands for: this price of this version of this plan."""

    plan: str
    product: str
    version: int
    terms: PlanTerms
    price: Price
    on_sale: bool


class Plan(Aggregate):
    """A plan of one product under its code; neither code nor product ever changes."""

    TOPIC = "plan"

    if TYPE_CHECKING:
        code: str
        product: str
        versions: tuple[PlanTerms, ...]
        withdrawn: bool

    @classmethod
    def publish(cls, *, code: str, product: str, terms: PlanTerms, now: datetime) -> Plan:
        """The plan with its version 1. `InvalidRequest` when something is not sane."""
        refuse([*check_code("code", code), *check_code("product", product), *terms.problems()])
        return cls.begin(
            cls.Published, id=ids.plan_id(code), now=now, code=code, product=product, terms=terms.in_order()
        )

    def publish_version(self, terms: PlanTerms, *, now: datetime) -> None:
        """Sold from now on under `terms`, also after a withdrawal. Nothing happens when they are the current ones."""
        refuse(terms.problems())
        if terms.in_order() != self.current:
            self.record(self.VersionPublished, now=now, number=self.current_version + 1, terms=terms.in_order())
        elif self.withdrawn:
            self.record(self.Returned, now=now)

    def withdraw(self, *, now: datetime) -> None:
        """Not sold any more. Subscriptions keep the version they have."""
        if not self.withdrawn:
            self.record(self.Withdrawn, now=now)

    @property
    def current_version(self) -> int:
        """The number of the newest version, from 1 (`version` is the length of the stream, not this)."""
        return len(self.versions)

    @property
    def current(self) -> PlanTerms:
        return self.versions[-1]

    def terms(self, number: int) -> PlanTerms:
        """The terms of version `number`, as they were published. `NotFound` when there is no such version."""
        if not 1 <= number <= len(self.versions):
            raise NotFound.of(f"version {number} of plan", self.code)
        return self.versions[number - 1]

    def priced(self, reference: str, tag: PriceTag | None = None) -> PricedPlan | None:
        """The newest version that has this price code or Stripe id, or a price of this tag; on sale when it is the
        current one."""
        for number in range(self.current_version, 0, -1):
            terms = self.terms(number)
            price = terms.price(tag.code if tag else reference)
            if price and (tag is None or price.tag == tag):
                on_sale = number == self.current_version and not self.withdrawn
                return PricedPlan(self.code, self.product, number, terms, price, on_sale)
        return None

    class Published(Created):
        TOPIC = "plan.published"
        code: str
        product: str
        terms: PlanTerms

        def apply(self, plan: Plan) -> None:
            plan.code = self.code
            plan.product = self.product
            plan.versions = (self.terms,)
            plan.withdrawn = False

    class VersionPublished(Aggregate.Event):
        TOPIC = "plan.version_published"
        number: int
        terms: PlanTerms

        def apply(self, plan: Plan) -> None:
            plan.versions = (*plan.versions, self.terms)
            plan.withdrawn = False

    class Withdrawn(Aggregate.Event):
        TOPIC = "plan.withdrawn"

        def apply(self, plan: Plan) -> None:
            plan.withdrawn = True

    class Returned(Aggregate.Event):
        """A withdrawn plan is sold again under the terms it had."""

        TOPIC = "plan.returned"

        def apply(self, plan: Plan) -> None:
            plan.withdrawn = False
