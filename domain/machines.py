"""The machines of a node-locked licence: which are bound to it, and how often it may move on to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.errors import ActivationsExhausted, Conflict, MachinesExhausted

FILE_HOLDS = timedelta(days=30)
"""How long a machine may rely on a licence file that names it without fetching a new one."""
_FEWEST_MOVES = 2


@dataclass(frozen=True)
class Machines:
    """Fingerprint digests: of the `bound` machines with since when, and of the `released` ones with when.

    A released machine may hold a licence file that was signed just before, so it counts on for as long as such a file
    holds. Bound and counting machines together are at most twice the limit (two more than it for the smallest), or
    activating, downloading and deactivating in turn would make files for machines without end.
    """

    bound: Mapping[str, datetime] = field(default_factory=dict)
    released: Mapping[str, datetime] = field(default_factory=dict)

    def require_room(self, digest: str, limit: int | None, now: datetime) -> None:
        """For one more machine. `Conflict` when the plan binds none, `MachinesExhausted` when as many are bound as it
        allows, `ActivationsExhausted` when too many were in the last 30 days."""
        if limit is None:
            raise Conflict("The plan of this licence is not bound to machines; there is nothing to activate.")
        if len(self.bound) >= limit:
            raise MachinesExhausted(limit=limit, used=len(self.bound))
        counting = self._counting(now)
        if digest not in counting and len(self.bound) + len(counting) >= limit + max(limit, _FEWEST_MOVES):
            wait = min(counting.values()) + FILE_HOLDS - now
            raise ActivationsExhausted(retry_after=int(wait.total_seconds()) + 1)

    def with_bound(self, digest: str, now: datetime) -> Machines:
        counting = {each: at for each, at in self._counting(now).items() if each != digest}
        return Machines({**self.bound, digest: now}, counting)

    def with_released(self, digest: str, now: datetime) -> Machines:
        left = {each: at for each, at in self.bound.items() if each != digest}
        return Machines(left, {**self._counting(now), digest: now})

    def _counting(self, now: datetime) -> dict[str, datetime]:
        return {each: at for each, at in self.released.items() if at + FILE_HOLDS > now}
