"""Something whose use is counted: what its records say, and how they add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from domain import ids
from domain.aggregate import Aggregate, Created
from domain.limit import UNLIMITED, Each, Limit, LimitPeriod
from domain.problems import Problem, check_code, check_distinct, check_name, check_range, refuse

MOST_DIMENSIONS: Final = 10
MOST_DISTINCT: Final = 100_000
"""The largest limit on distinct values: each of them is remembered while it counts."""
EXACT_UP_TO: Final = 2**53
"""Counters hold whole numbers of a meter's smallest unit, as doubles: up to here they are exact."""
RESERVED_DIMENSIONS: Final = frozenset(
    {"hour", "day", "week", "month", "meter", "subject", "key", "organization", "total"}
)
"""By these names usage is divided anyway."""


class Aggregation(StrEnum):
    """`sum` adds up quantities, `count` counts records, `max` is the highest quantity, `unique` counts the distinct
    values of a dimension; `last` is a level such as stored gigabytes: the latest quantity of each subject, added up."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    UNIQUE = "unique"
    LAST = "last"

    @property
    def adds_up(self) -> bool:
        """Whether one more record can only be more: what adds up can be reserved."""
        return self in (Aggregation.SUM, Aggregation.COUNT)

    @property
    def is_level(self) -> bool:
        """Whether a record says how much there is, not how much more."""
        return self in (Aggregation.MAX, Aggregation.LAST)


@dataclass(frozen=True)
class MeterTerms:
    """`decimals`: quantities have at most so many. `dimensions`: the ones that records may have; None: any.
    `counts`: the dimension whose distinct values a `unique` meter counts; of these only digests are kept."""

    name: str
    aggregation: Aggregation = Aggregation.SUM
    unit: str = ""
    decimals: int = 0
    dimensions: tuple[str, ...] | None = None
    counts: str | None = None

    def problems(self) -> Iterator[Problem]:
        yield from check_name("name", self.name)
        if self.unit:
            yield from check_name("unit", self.unit)
        yield from check_range("decimals", self.decimals, 0, 6)
        if self.decimals and self.aggregation in (Aggregation.COUNT, Aggregation.UNIQUE):
            yield Problem("decimals", f"are for quantities; {self.aggregation} has none")
        yield from self._dimension_problems()

    def _dimension_problems(self) -> Iterator[Problem]:
        named = [*(self.dimensions or ()), *([self.counts] if self.counts else [])]
        for name in named:
            yield from check_code("dimensions", name)
            if name in RESERVED_DIMENSIONS:
                yield Problem("dimensions", f"{name} has a meaning of its own")
        yield from check_distinct("dimensions", named)
        if len(named) > MOST_DIMENSIONS:
            yield Problem("dimensions", f"must be at most {MOST_DIMENSIONS}")
        if (self.counts is None) == (self.aggregation is Aggregation.UNIQUE):
            yield Problem("counts", "names the dimension that a unique meter counts; no other meter has it")

    def limit_problems(self, limit: Limit) -> Iterator[Problem]:
        """What of a limit does not go with this meter."""
        if self.aggregation is Aggregation.LAST and limit.per is not LimitPeriod.TOTAL:
            yield Problem("per", f"{limit.meter} is a level, which never begins anew: write total")
        if self.aggregation is Aggregation.LAST and limit.each is Each.KEY:
            yield Problem("each", f"{limit.meter} is a level of subjects, not of keys")
        if limit.amount != UNLIMITED and limit.amount > self.largest_limit:
            yield Problem("amount", f"must be at most {self.largest_limit:,} of {limit.meter}")

    @property
    def largest_limit(self) -> int:
        if self.aggregation is Aggregation.UNIQUE:
            return MOST_DISTINCT
        return EXACT_UP_TO // int(10**self.decimals)

    def scaled(self, quantity: Decimal) -> int:
        """In the meter's smallest unit. ValueError when it is not a whole number of these."""
        scaled = quantity.scaleb(self.decimals)
        whole = int(scaled)
        if whole != scaled:
            raise ValueError(
                f"must have at most {self.decimals} decimals" if self.decimals else "must be a whole number"
            )
        return whole

    def quantity(self, scaled: int) -> Decimal:
        """What so many of the smallest unit are."""
        return Decimal(scaled).scaleb(-self.decimals)

    def differs_from(self, other: MeterTerms) -> str | None:
        """What of it can never change once records rely on it: its name, if it did; else None."""
        for name in ("aggregation", "decimals", "counts"):
            if getattr(self, name) != getattr(other, name):
                return name
        if self.dimensions is not None and not set(other.dimensions or self.dimensions) <= set(self.dimensions):
            return "dimensions"
        return "dimensions" if self.dimensions is not None and other.dimensions is None else None


class Meter(Aggregate):
    """A meter of the whole engine under its code. Names, units and more dimensions may come; what was counted stays
    what it was."""

    TOPIC = "meter"

    if TYPE_CHECKING:
        code: str
        terms: MeterTerms

    @classmethod
    def define(cls, code: str, terms: MeterTerms, *, now: datetime) -> Meter:
        refuse([*check_code("code", code), *terms.problems()])
        return cls.begin(cls.Defined, id=ids.meter_id(code), now=now, code=code, terms=terms)

    def revise(self, terms: MeterTerms, *, now: datetime) -> None:
        """`InvalidRequest` when something changes that records rely on; nothing happens when nothing changes."""
        refuse(terms.problems())
        if (what := terms.differs_from(self.terms)) is not None:
            refuse([Problem(what, f"of meter {self.code} can never change: define another meter")])
        if terms != self.terms:
            self.record(self.Revised, now=now, terms=terms)

    class Defined(Created):
        TOPIC = "meter.defined"
        code: str
        terms: MeterTerms

        def apply(self, meter: Meter) -> None:
            meter.code = self.code
            meter.terms = self.terms

    class Revised(Aggregate.Event):
        TOPIC = "meter.revised"
        terms: MeterTerms

        def apply(self, meter: Meter) -> None:
            meter.terms = self.terms


def implied(code: str) -> MeterTerms:
    """The meter that a plan limits and no catalogue defines: it adds up whole quantities, with any dimensions."""
    return MeterTerms(code)


def shown(quantity: Decimal) -> int | float:
    """As a number for outsiders: a whole one where it is one."""
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)
