"""Notes that an organization has used a share of a limit that its plan warns of, or all of it."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.quota_admin import open_quota
from application.rights_book import RightsBook
from application.store import Store
from domain.errors import ConcurrentChange
from domain.quota_pool import Line
from domain.rights import Rights, Standing

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.quota_totals import QuotaTotals, Total

_ATTEMPTS = 8
_MOST = 100_000


class _Mark(NamedTuple):
    """How far a limit of `amount` (grants included) is used: so far that it is worth a note."""

    amount: int
    is_reached: bool


class QuotaWatch:
    """For a follower of the usage log. Looking twice notes nothing twice."""

    def __init__(self, store: Store, rights: RightsBook, totals: QuotaTotals, clock: Clock) -> None:
        self._store = store
        self._rights = rights
        self._totals = totals
        self._clock = clock
        self._noted: dict[UUID, _Mark] = {}

    def look(self, touched: Iterable[tuple[UUID, str]]) -> None:
        """Of these accounts and meters there are new records."""
        meters: dict[UUID, set[str]] = {}
        for account_id, meter in touched:
            meters.setdefault(account_id, set()).add(meter)
        for account_id, of in meters.items():
            if self._marks(self._rights.remembered(account_id).rights, of):
                rights = self._rights.read(account_id).rights  # it may have changed: nobody is warned of an old limit
                for standing, total, mark in self._marks(rights, of):
                    self._note(rights, standing, total, mark)

    def _marks(self, rights: Rights, meters: Iterable[str]) -> list[tuple[Standing, Total, _Mark]]:
        """The limits of which something new is to be noted."""
        now = self._clock.now()
        limits = [limit for meter in meters for limit in rights.limits_on(meter)]
        found = (limit.standing(now, None, None) for limit in limits if limit.warn_at and limit.amount is not None)
        standings = [standing for standing in found if standing is not None]
        if not standings:
            return []
        _, totals = self._totals.read(rights, [Line(standing, 0) for standing in standings])
        pairs = zip(standings, totals, strict=True)
        marked = ((standing, total, self._news(standing, total, rights.account_id)) for standing, total in pairs)
        return [(standing, total, mark) for standing, total, mark in marked if mark is not None]

    def _news(self, standing: Standing, total: Total, account_id: UUID) -> _Mark | None:
        """What was noted is remembered, or a limit that is used up would be read again with every record that comes."""
        mark, quota_id = _mark(standing, total), standing.quota_id(account_id)
        if mark is None:
            self._noted.pop(quota_id, None)
        return None if self._noted.get(quota_id) == mark else mark

    def _note(self, rights: Rights, standing: Standing, total: Total, mark: _Mark) -> None:
        terms = standing.limit.terms
        used, limit = terms.quantity(total.used), int(terms.quantity(mark.amount))
        for _ in range(_ATTEMPTS):
            now = self._clock.now()
            quota = open_quota(self._store, rights, standing, now)
            if mark.is_reached:
                quota.reach(used, limit, now=now)
            else:
                quota.warn(used, limit, now=now)
            try:
                self._store.put(quota)
            except IntegrityError:
                continue  # somebody else noted something at this moment
            if len(self._noted) >= _MOST:
                self._noted.clear()
            self._noted[quota.id] = mark
            return
        raise ConcurrentChange(retry_after=1)


def _mark(standing: Standing, total: Total) -> _Mark | None:
    """None while the share is not reached at which the plan warns."""
    limit = standing.limit
    amount = (limit.amount or 0) * int(10**limit.terms.decimals) + total.granted
    return _Mark(amount, total.used >= amount) if total.used >= ceil((limit.warn_at or 1) * amount) else None
