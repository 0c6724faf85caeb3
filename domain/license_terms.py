"""What a licence carries: what is kept of its key, and what it grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from domain.entitlements import Entitlements
from domain.limit import OnUpgrade

RENEWAL_LEEWAY = timedelta(hours=1)
"""How long a subscription's licence works past the paid period: the provider's word of the renewal comes a little
late, and customers must not stand outside meanwhile."""

Raised = Mapping[str, tuple[datetime, ...]]
"""Of limits that begin anew with an upgrade: name → when the amount was raised."""


@dataclass(frozen=True)
class Key:
    """What is kept of a licence key: enough to find and to hint at it, not to know it."""

    version: int
    digest: str
    hint: str


@dataclass(frozen=True)
class Terms:
    """What the licence grants: a plan version's entitlements, taken over whole, and the seats that were bought."""

    product: str
    plan: str
    plan_version: int
    seats: int
    entitlements: Entitlements

    @property
    def seats_allowed(self) -> int | None:
        """Seats that may be taken at once, overage included; None when there is no end."""
        return self.entitlements.with_overage(self.seats)

    def raised(self, former: Terms, raised: Raised, at: datetime) -> Raised:
        """What was raised before, and with it what these terms raise at `at`."""
        before = {limit.name: limit for limit in former.entitlements.limits}
        now = {
            limit.name: (*raised.get(limit.name, ()), at)
            for limit in self.entitlements.limits
            if limit.on_upgrade is OnUpgrade.RESET and limit.name in before and limit.is_more_than(before[limit.name])
        }
        return {**raised, **now}


class Grant(TypedDict):
    """What a licence is issued with. No subscription: the vendor gives it by hand."""

    organization_id: UUID
    subscription_id: UUID | None
    key: Key
    terms: Terms
    expires_at: datetime | None
