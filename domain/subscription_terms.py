"""What a subscription consists of: what is bought, how it stands at the provider, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.provider_facts import DisputeOutcome, Seen
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

    @property
    def period(self) -> tuple[datetime, datetime]:
        return self.period_start, self.period_end


@dataclass(frozen=True)
class Dispute:
    disputed_at: datetime
    outcome: DisputeOutcome


@dataclass(frozen=True)
class PlannedChange:
    """What the subscription becomes by itself at a time; `seats` are those that are then paid for."""

    purchase: Purchase
    quantity: int
    seats: int
    takes_effect_at: datetime


@dataclass(frozen=True)
class HeldChange:
    """What the subscription becomes once its invoice is paid, until `expires_at`."""

    purchase: Purchase
    quantity: int
    seats: int
    expires_at: datetime
    invoice_id: UUID | None


class Start(TypedDict):
    """The first report of a subscription."""

    organization_id: UUID
    provider: str
    provider_id: str
    purchase: Purchase
    terms: Terms
    seen: Seen
