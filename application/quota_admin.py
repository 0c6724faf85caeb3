"""What the vendor does to quotas by hand: more of it for this period, or what was used set back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.quota_work import QuotaWork
from application.rights_book import RightsBook
from application.store import Store
from domain.errors import ConcurrentChange, InvalidRequest
from domain.limit import Each, LimitPeriod
from domain.organization import Organization
from domain.quota import Quota
from domain.quota_pool import Line
from domain.rights import Rights, Standing

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.quota_totals import QuotaTotals, Total

_ATTEMPTS = 8


class Meant(NamedTuple):
    """Which limits: those of a meter, of one period when it is named; of a subject or a key if one is, else those that
    count for the whole account."""

    account_id: UUID
    meter: str
    per: LimitPeriod | None = None
    subject: UUID | None = None
    key_id: UUID | None = None

    def standings(self, rights: Rights, now: datetime) -> list[Standing]:
        each = Each.SUBJECT if self.subject else Each.KEY if self.key_id else Each.ORGANIZATION
        found = [
            limit.standing(now, self.subject, self.key_id)
            for limit in rights.limits_on(self.meter)
            if limit.each is each and self.per in (None, limit.per)
        ]
        return [standing for standing in found if standing is not None]


class QuotaAdmin:
    """Every change takes a reason, which stays in the history."""

    def __init__(self, store: Store, rights: RightsBook, totals: QuotaTotals, quotas: QuotaWork, clock: Clock) -> None:
        self._store = store
        self._rights = rights
        self._totals = totals
        self._quotas = quotas
        self._clock = clock

    def grant(self, meant: Meant, amount: int, *, reason: str) -> list[Quota]:
        """So much more in the present period. `InvalidRequest` when nothing limits the meter."""
        return self._change(meant, lambda quota, _, now: quota.grant(amount, reason=reason, now=now))

    def reset(self, meant: Meant, *, reason: str) -> list[Quota]:
        """What was used in the present period counts no more. `InvalidRequest` as above, `Conflict` for a level."""

        def forgive(quota: Quota, total: tuple[int, Total, Standing], now: datetime) -> None:
            position, counted, standing = total
            used = standing.limit.terms.quantity(counted.used)
            quota.reset(used, position=position, reason=reason, now=now)

        return self._change(meant, forgive)

    def _change(self, meant: Meant, act: Callable[[Quota, tuple[int, Total, Standing], datetime], None]) -> list[Quota]:
        for _ in range(_ATTEMPTS):
            rights, now = self._rights.read(meant.account_id).rights, self._clock.now()
            standings = meant.standings(rights, now)
            if not standings:
                raise InvalidRequest.field("meter", f"nothing limits {meant.meter} here")
            quotas = [open_quota(self._store, rights, each, now) for each in standings]
            position, totals = self._totals.read(rights, [Line(each, 0) for each in standings])  # later than the quotas
            for quota, total, standing in zip(quotas, totals, standings, strict=True):
                act(quota, (position, total, standing), now)
            try:
                self._store.put(*quotas)
            except IntegrityError:
                continue  # somebody else changed it: what was used may be forgiven already
            self._quotas.forget(rights.account_id)
            return quotas
        raise ConcurrentChange(retry_after=1)


def open_quota(store: Store, rights: Rights, standing: Standing, now: datetime) -> Quota:
    """What is noted of a limit in its period; a new note when there is none."""
    account_id, limit = rights.account_id, standing.limit
    id = standing.quota_id(account_id)
    is_organization = store.find(Organization, account_id) is not None
    return store.find(Quota, id) or Quota.open(
        id=id,
        now=now,
        account_id=account_id,
        organization_id=account_id if is_organization else None,
        meter=limit.meter,
        aggregation=limit.terms.aggregation,
        per=limit.per,
        each=limit.each,
        of=standing.of,
        product=limit.product,
        plan=limit.plan,
        hard=limit.hard,
        period_start=standing.period.start,
        period_end=standing.period.end,
    )
