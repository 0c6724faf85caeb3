"""What a plan grants: seats, leases, grace, features, limits. One value object, kept whole in every plan version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from domain.durations import CalendarTerm
from domain.limit import UNLIMITED as UNLIMITED
from domain.limit import Limit as Limit
from domain.limit import LimitPeriod as LimitPeriod
from domain.problems import Problem, check_code, check_distinct, check_duration, check_range, under
from domain.seat_policy import SeatPolicy

_DAY = timedelta(days=1)
_YEAR = 366 * _DAY
_MOST_PER_MAPPING = 200


class Overage(StrEnum):
    """Seats that may be taken above the granted ones, as a share of them, rounded down."""

    NONE = "0"
    QUARTER = "0.25"
    HALF = "0.5"
    DOUBLE = "1"
    UNLIMITED = "unlimited"


_QUARTERS = {Overage.NONE: 0, Overage.QUARTER: 1, Overage.HALF: 2, Overage.DOUBLE: 4}


class RatePeriod(StrEnum):
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True)
class Feature:
    """A gate: shut, open, or open for `up_to` things (projects: 10)."""

    name: str
    allowed: bool
    up_to: int | None = None

    @classmethod
    def of(cls, name: str, value: bool | int) -> Feature:
        """True and False open and shut it; a number counts, 0 shuts it."""
        return cls(name, value) if isinstance(value, bool) else cls(name, value > 0, value)

    @property
    def value(self) -> bool | int:
        return self.allowed if self.up_to is None else self.up_to

    def allows(self, count: int = 1) -> bool:
        return self.allowed and (self.up_to is None or count <= self.up_to)

    def problems(self) -> Iterator[Problem]:
        yield from check_code("", self.name)
        yield from check_range("", self.up_to or 0, 0, 10**9)


@dataclass(frozen=True)
class RateLimit:
    """At most `calls` in each `per`; written `10/second`."""

    name: str
    calls: int
    per: RatePeriod

    def __str__(self) -> str:
        return f"{self.calls}/{self.per}"

    def problems(self) -> Iterator[Problem]:
        yield from check_code("", self.name)
        yield from check_range("", self.calls, 1, 1_000_000)


@dataclass(frozen=True)
class Entitlements:
    """What one unit of a plan grants.

    `seats` are granted for each unit of a subscription's quantity; the word `quantity` says that a unit is a seat.
    A seat is lost one `lease` after its last heartbeat; clients are told to beat every `heartbeat` and may work
    `offline_grace` beyond the lease. `payment_grace[i]` is the grace after failed payment i+1; the next one suspends.
    A licence runs to the end of the paid period, or for `license_term`. `machines` (None: not node-locked) is how
    many fingerprints may be activated. `seat_policy` says how the seats are shared out. What was used is taken in up to
    `late_usage` after it was.
    """

    seats: int | Literal["quantity"]
    overage: Overage = Overage.NONE
    lease: timedelta = timedelta(minutes=6)
    heartbeat: timedelta = timedelta(minutes=5)
    offline_grace: timedelta = timedelta(minutes=30)
    payment_grace: tuple[timedelta, ...] = (timedelta(days=7), timedelta(days=3))
    license_term: CalendarTerm | Literal["period"] = "period"
    machines: int | None = None
    features: tuple[Feature, ...] = ()
    limits: tuple[Limit, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    seat_policy: SeatPolicy = field(default_factory=SeatPolicy)
    late_usage: timedelta = timedelta(days=35)

    def in_order(self) -> Entitlements:
        """The same entitlements with features, limits and groups by name."""
        return replace(
            self,
            features=tuple(sorted(self.features, key=lambda each: each.name)),
            limits=tuple(sorted(self.limits, key=lambda each: (each.meter, each.per, each.each))),
            rate_limits=tuple(sorted(self.rate_limits, key=lambda each: each.name)),
            seat_policy=self.seat_policy.in_order(),
        )

    def seats_granted(self, quantity: int) -> int:
        """The seats that are paid for. ValueError when `quantity` is negative."""
        if quantity < 0:
            raise ValueError(f"a quantity is not negative, but {quantity}")
        return quantity if self.seats == "quantity" else self.seats * quantity

    def seats_allowed(self, quantity: int) -> int | None:
        """The seats that may be taken at once, overage included; None when there is no end."""
        return self.with_overage(self.seats_granted(quantity))

    def with_overage(self, granted: int) -> int | None:
        """What `granted` seats become with the overage on top; None when there is no end."""
        if self.overage is Overage.UNLIMITED:
            return None
        return granted + granted * _QUARTERS[self.overage] // 4

    def grace_after(self, failures: int) -> timedelta | None:
        """How long the licence works on after the nth failed payment in a row, from 1; None: suspend now."""
        if failures < 1:
            raise ValueError(f"failed payments are counted from 1, not {failures}")
        return self.payment_grace[failures - 1] if failures <= len(self.payment_grace) else None

    def license_end(self, *, issued_at: datetime, period_end: datetime | None) -> datetime | None:
        """When a licence of these terms runs out; None when it is neither paid by period nor has a term."""
        return period_end if self.license_term == "period" else self.license_term.after(issued_at)

    def allows(self, feature: str, count: int = 1) -> bool:
        """Whether `count` of a feature may be had; a feature that is not listed may not."""
        return any(each.allows(count) for each in self.features if each.name == feature)

    def limit(self, meter: str) -> Limit | None:
        """The first limit of a meter."""
        return next((each for each in self.limits if each.meter == meter), None)

    def rate_limit(self, name: str) -> RateLimit | None:
        return next((each for each in self.rate_limits if each.name == name), None)

    def problems(self) -> list[Problem]:
        """Every rule of sanity that these terms break, with the field it is about."""
        return [*self._seat_problems(), *self._time_problems(), *self._gate_problems()]

    def _seat_problems(self) -> Iterator[Problem]:
        if self.seats != "quantity":
            yield from check_range("seats", self.seats, 1, 1_000_000)
        if self.machines is not None:
            yield from check_range("machines", self.machines, 1, 1_000_000)
        yield from self.seat_policy.problems()
        if self.seats != "quantity" and self.seat_policy.reserved > self.seats:
            yield Problem("groups", f"{self.seat_policy.reserved:,} seats are reserved, but there are {self.seats:,}")

    def _time_problems(self) -> Iterator[Problem]:
        yield from check_duration("lease", self.lease, timedelta(seconds=10), 31 * _DAY)
        yield from check_duration("heartbeat", self.heartbeat, timedelta(seconds=1), 31 * _DAY)
        if self.heartbeat >= self.lease:
            yield Problem("heartbeat", "must be shorter than the lease, or every seat is lost between two heartbeats")
        yield from check_duration("offline_grace", self.offline_grace, timedelta(0), _YEAR)
        yield from check_duration("late_usage", self.late_usage, timedelta(hours=1), _YEAR)
        if len(self.payment_grace) > 12:
            yield Problem("payment_grace", "must have at most 12 entries")
        for index, grace in enumerate(self.payment_grace):
            yield from check_duration(f"payment_grace[{index}]", grace, timedelta(0), _YEAR)
        if self.license_term != "period" and not self._is_a_term(self.license_term):
            yield Problem("license_term", "must be from P1D to P100Y")

    @staticmethod
    def _is_a_term(term: CalendarTerm) -> bool:
        return (term.months > 0 or term.days > 0) and term.months * 31 + term.days <= 100 * 12 * 31

    def _gate_problems(self) -> Iterator[Problem]:
        for feature in self.features:
            yield from under(f"features.{feature.name}", feature.problems())
        for limit in self.limits:
            yield from under(f"limits.{limit.meter}", limit.problems())
        for rate in self.rate_limits:
            yield from under(f"rate_limits.{rate.name}", rate.problems())
        yield from _set_problems("features", [each.name for each in self.features])
        yield from _set_problems("limits", [each.name for each in self.limits])
        yield from _set_problems("rate_limits", [each.name for each in self.rate_limits])


def _set_problems(path: str, names: list[str]) -> Iterable[Problem]:
    yield from check_distinct(path, names)
    if len(names) > _MOST_PER_MAPPING:
        yield Problem(path, f"must have at most {_MOST_PER_MAPPING} entries")
