"""What was used above a limit that bills: counted while a period runs, stored when it is over, corrected once.

A period is settled a little after its end, and closed when no record of it is taken in any more. Each of the two is a
line of its own; the second is the difference to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.limit import LimitPeriod
from domain.meter import Aggregation

SETTLED_AFTER = timedelta(minutes=10)
"""After the end of a period: products report what was used a little later."""


@dataclass(frozen=True)
class OverageTerms:
    """How a plan bills: `included` units, then each at `unit_price` minor units of the currency. Without a
    `subscription_id` nobody but the vendor can ask for it."""

    product: str
    plan: str
    included: int
    unit_price: Decimal
    currency: str
    subscription_id: UUID | None


def amount_of(overage: Decimal, unit_price: Decimal) -> int:
    """Minor units, rounded once for the whole of a period, a half up."""
    return int((overage * unit_price).quantize(Decimal(1), ROUND_HALF_UP))


class Measured(Aggregate.Event):
    """Base of the facts that it was looked up how much was used. `included` has what was granted; `amount`, in minor
    units, is what is to be paid on top of what an earlier fact of the period said, or back if it is below zero."""

    used: Decimal
    included: int
    overage: Decimal
    unit_price: Decimal
    currency: str
    amount: int


class Overage(Aggregate):
    """One limit of one organization in one period, from the moment at which more is used than is included."""

    TOPIC = "overage"

    if TYPE_CHECKING:
        organization_id: UUID
        meter: str
        aggregation: Aggregation
        per: LimitPeriod
        period_start: datetime
        period_end: datetime
        closes_at: datetime
        terms: OverageTerms
        asked: int
        is_settled: bool
        is_closed: bool

    @classmethod
    def begin_period(
        cls,
        *,
        id: UUID,
        organization_id: UUID,
        meter: str,
        aggregation: Aggregation,
        per: LimitPeriod,
        period: tuple[datetime, datetime],
        closes_at: datetime,
        terms: OverageTerms,
        now: datetime,
    ) -> Overage:
        return cls.begin(
            cls.Begun,
            id=id,
            now=now,
            organization_id=organization_id,
            meter=meter,
            aggregation=aggregation,
            per=per,
            period_start=period[0],
            period_end=period[1],
            closes_at=closes_at,
            terms=terms,
        )

    def agree(self, terms: OverageTerms, *, now: datetime) -> None:
        """The plan's terms have changed while the period runs; what holds at its end is what counts."""
        if now < self.period_end and terms != self.terms:
            self.record(self.TermsChanged, now=now, terms=terms)

    def is_due(self, now: datetime) -> bool:
        """Whether `measure` would state something."""
        return not self.is_closed and now >= (self.closes_at if self.is_settled else self.period_end + SETTLED_AFTER)

    def measure(self, used: Decimal, granted: int, *, now: datetime) -> None:
        """So much was used and granted in all. Settles the period, or closes it; twice, or too early: nothing."""
        if not self.is_due(now):
            return
        included, price = self.terms.included + granted, self.terms.unit_price
        overage = max(used - included, Decimal(0))
        amount = amount_of(overage, price) - self.asked
        kind = self.Closed if self.is_settled else self.Settled
        said = {"used": used, "included": included, "overage": overage, "unit_price": price}
        self.record(kind, now=now, **said, currency=self.terms.currency, amount=amount)

    class Begun(Created):
        TOPIC = "overage.begun"
        organization_id: UUID
        meter: str
        aggregation: Aggregation
        per: LimitPeriod
        period_start: datetime
        period_end: datetime
        closes_at: datetime
        terms: OverageTerms

        def apply(self, overage: Overage) -> None:
            overage.organization_id = self.organization_id
            overage.meter, overage.aggregation, overage.per = self.meter, self.aggregation, self.per
            overage.period_start, overage.period_end = self.period_start, self.period_end
            overage.closes_at, overage.terms = self.closes_at, self.terms
            overage.asked = 0
            overage.is_settled = overage.is_closed = False

    class TermsChanged(Aggregate.Event):
        TOPIC = "overage.terms_changed"
        terms: OverageTerms

        def apply(self, overage: Overage) -> None:
            overage.terms = self.terms

    class Settled(Measured):
        TOPIC = "overage.settled"

        def apply(self, overage: Overage) -> None:
            overage.asked += self.amount
            overage.is_settled = True

    class Closed(Measured):
        TOPIC = "overage.closed"

        def apply(self, overage: Overage) -> None:
            overage.asked += self.amount
            overage.is_closed = True
