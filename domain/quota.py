"""What happens to one limit of one account in one period: grants, resets, warnings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict, Unpack
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, InvalidRequest
from domain.limit import Each, LimitPeriod
from domain.meter import Aggregation
from domain.problems import check_range, refuse


class QuotaFacts(TypedDict):
    """Which limit. `account_id` is the organization, or a subject that is nobody's (`organization_id` None); `of` is
    the subject or the key that is limited, '' when all count together. `product` and `plan` say who limits, and `hard`
    whether more is refused."""

    account_id: UUID
    organization_id: UUID | None
    meter: str
    aggregation: Aggregation
    per: LimitPeriod
    each: Each
    of: str
    product: str
    plan: str
    hard: bool
    period_start: datetime | None
    period_end: datetime | None


class Quota(Aggregate):
    """A short stream for each period, begun by the first thing worth a note. How much is used is not its to say."""

    TOPIC = "quota"

    if TYPE_CHECKING:
        account_id: UUID
        organization_id: UUID | None
        meter: str
        aggregation: Aggregation
        per: LimitPeriod
        each: Each
        product: str
        plan: str
        hard: bool
        period_start: datetime | None
        period_end: datetime | None
        granted: int
        forgiven: Decimal
        is_warned: bool
        is_reached: bool

    @classmethod
    def open(cls, *, id: UUID, now: datetime, **facts: Unpack[QuotaFacts]) -> Quota:
        return cls.begin(cls.Opened, id=id, now=now, **facts)

    def grant(self, amount: int, *, reason: str, now: datetime) -> None:
        """So much more, in this period only."""
        _require_reason(reason)
        refuse(check_range("amount", amount, 1, 10**15))
        self.record(self.Granted, now=now, amount=amount, reason=reason)

    def reset(self, used: Decimal, *, position: int, reason: str, now: datetime) -> None:
        """What counts as used, up to `position` of the usage log, is forgiven. `Conflict` for a level: it is there
        whatever is said of it."""
        _require_reason(reason)
        if self.aggregation.is_level:
            raise Conflict(f"{self.meter} is a level, which cannot be reset; grant more, or record another level.")
        if used > 0:
            self.record(self.Reset, now=now, used=used, position=position, reason=reason)

    def warn(self, used: Decimal, limit: int, *, now: datetime) -> None:
        """The share at which the plan warns is reached; once, and again after a grant or a reset."""
        if not self.is_warned and not self.is_reached:
            self.record(self.Warned, now=now, used=used, limit=limit)

    def reach(self, used: Decimal, limit: int, *, now: datetime) -> None:
        """All of it is used; once, as a warning."""
        if not self.is_reached:
            self.record(self.Reached, now=now, used=used, limit=limit)

    class Opened(Created):
        TOPIC = "quota.opened"
        account_id: UUID
        organization_id: UUID | None
        meter: str
        aggregation: Aggregation
        per: LimitPeriod
        each: Each
        of: str
        product: str
        plan: str
        hard: bool
        period_start: datetime | None
        period_end: datetime | None

        def apply(self, quota: Quota) -> None:
            quota.account_id = self.account_id
            quota.organization_id = self.organization_id
            quota.meter = self.meter
            quota.aggregation = self.aggregation
            quota.per, quota.each = self.per, self.each
            quota.product, quota.plan, quota.hard = self.product, self.plan, self.hard
            quota.period_start, quota.period_end = self.period_start, self.period_end
            quota.granted = 0
            quota.forgiven = Decimal(0)
            quota.is_warned = quota.is_reached = False

    class Granted(Aggregate.Event):
        TOPIC = "quota.granted"
        amount: int
        reason: str

        def apply(self, quota: Quota) -> None:
            quota.granted += self.amount
            quota.is_warned = quota.is_reached = False

    class Reset(Aggregate.Event):
        TOPIC = "quota.reset"
        used: Decimal
        position: int
        reason: str

        def apply(self, quota: Quota) -> None:
            quota.forgiven += self.used
            quota.is_warned = quota.is_reached = False

    class Warned(Aggregate.Event):
        TOPIC = "quota.warned"
        used: Decimal
        limit: int

        def apply(self, quota: Quota) -> None:
            quota.is_warned = True

    class Reached(Aggregate.Event):
        TOPIC = "quota.reached"
        used: Decimal
        limit: int

        def apply(self, quota: Quota) -> None:
            quota.is_reached = True


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidRequest.field("reason", "must say why")
