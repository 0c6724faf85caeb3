"""What a subscription buys, how it stands at the provider, and what became of a payment of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.provider_facts import DisputeOutcome
from domain.provider_facts import SubscriptionStatus as Status


@dataclass(frozen=True)
class Purchase:
    """What is bought: a plan version of our catalogue, under one of its prices."""

    plan: str
    plan_version: int
    price: str


@dataclass(frozen=True)
class Terms:
    """How a subscription stands at the provider. Times are the provider's."""

    status: Status
    quantity: int
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None
    cancel_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Dispute:
    disputed_at: datetime
    outcome: DisputeOutcome
