"""Limits on what can be tried again and again: log-ins, mails, new accounts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.errors import RateLimited

if TYPE_CHECKING:
    from adapters.bootstrap import Services


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` calls `per` time for each one who is counted."""

    name: str
    count: int
    per: timedelta


def admit(services: Services, limit: Limit, who: str) -> None:
    """Counts a call; `RateLimited` when it is one too many.

    `who` can be an address: only its digest reaches Redis.
    """
    digest = hashlib.sha256(who.encode()).hexdigest()[:32]
    allowance = services.rate_limit.allow(f"{limit.name}:{digest}", limit.count, limit.per)
    if allowance.retry_after:
        refusal = RateLimited(retry_after=allowance.retry_after)
        refusal.allowance = allowance
        raise refusal
