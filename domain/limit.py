"""How much of a meter may be used, by whom, and when that begins anew, as a plan says it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

from domain.money import CURRENCIES
from domain.problems import Problem, check_code, check_range, under

UNLIMITED: Final = "unlimited"


class LimitPeriod(StrEnum):
    """When a limit begins anew; `total` never does (stored gigabytes, say)."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    TOTAL = "total"


class Each(StrEnum):
    """Whose use counts together: all of the organization's, or that of each of its subjects or API keys."""

    ORGANIZATION = "organization"
    SUBJECT = "subject"
    KEY = "key"


class Anchor(StrEnum):
    """What the periods follow: the calendar of the organization's time zone, or the subscription's own periods."""

    CALENDAR = "calendar"
    SUBSCRIPTION = "subscription"


class OnUpgrade(StrEnum):
    """What a larger amount means for what is used already: it stays counted, or the count begins anew."""

    RAISE = "raise"
    RESET = "reset"


@dataclass(frozen=True)
class UnitPrice:
    """What each unit above a limit costs: `amount` minor units of the currency, also parts of one."""

    currency: str
    amount: Decimal

    def problems(self) -> Iterator[Problem]:
        if self.currency not in CURRENCIES:
            yield Problem("", f"{self.currency} is not a currency of ISO 4217")
        if not (0 < self.amount <= 10**9 and self.amount == round(self.amount, 12)):
            yield Problem("", "must be a price above 0 in minor units, such as 0.25, with at most 12 decimals")


@dataclass(frozen=True)
class Limit:
    """How much of a meter may be used in a period. A hard limit refuses, a soft one only reports, or bills what is
    above it where `overage` says at which price. Without an `anchor` months and years follow the subscription, all
    others the calendar."""

    meter: str
    amount: int | Literal["unlimited"]
    per: LimitPeriod
    warn_at: Decimal | None = None
    hard: bool = True
    each: Each = Each.ORGANIZATION
    anchor: Anchor | None = None
    on_upgrade: OnUpgrade = OnUpgrade.RAISE
    overage: tuple[UnitPrice, ...] = ()

    @property
    def name(self) -> str:
        """What tells the limits of a plan apart, e.g. `api_calls/month/organization`."""
        return f"{self.meter}/{self.per}/{self.each}"

    @property
    def follows_subscription(self) -> bool:
        if self.anchor is not None:
            return self.anchor is Anchor.SUBSCRIPTION
        return self.per in (LimitPeriod.MONTH, LimitPeriod.YEAR)

    @property
    def warns_from(self) -> int | None:
        """The first used quantity that is worth a warning; None when there is none to give."""
        if self.warn_at is None or self.amount == UNLIMITED:
            return None
        return math.ceil(self.warn_at * self.amount)

    def is_more_than(self, other: Limit) -> bool:
        """Whether it allows more."""
        if other.amount == UNLIMITED or self.amount == UNLIMITED:
            return other.amount != self.amount and self.amount == UNLIMITED
        return self.amount > other.amount

    def problems(self) -> Iterator[Problem]:
        yield from check_code("", self.meter)
        if self.amount != UNLIMITED:
            yield from check_range("amount", self.amount, 0, 10**15)
        if self.warn_at is not None and not (0 < self.warn_at <= 1 and self.warn_at == round(self.warn_at, 4)):
            yield Problem("warn_at", "must be a share above 0 and at most 1, such as 0.8, with at most 4 decimals")
        if self.warn_at is not None and self.each is not Each.ORGANIZATION:
            yield Problem("warn_at", f"warns of the organization's use, not of each {self.each}'s")
        yield from self._overage_problems()

    def _overage_problems(self) -> Iterator[Problem]:
        for price in self.overage:
            yield from under(f"overage.{price.currency}", price.problems())
        if self.overage and self.hard:
            yield Problem("overage", "is billed above a soft limit only: give it hard: false")
        if self.overage and self.amount == UNLIMITED:
            yield Problem("overage", "there is nothing above an unlimited amount")
        if self.overage and self.each is not Each.ORGANIZATION:
            yield Problem("overage", f"bills the organization's use, not each {self.each}'s")
        if self.overage and self.per in (LimitPeriod.HOUR, LimitPeriod.TOTAL):
            yield Problem("overage", "is billed by the day, the week, the month or the year")
