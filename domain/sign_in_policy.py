"""How the members of an organization have to sign in, as its owner wants it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created


class SignInPolicy(Aggregate):
    """One for each organization, from the first time that something was demanded."""

    TOPIC = "sign_in_policy"

    if TYPE_CHECKING:
        organization_id: UUID
        demands_second_factor: bool

    @classmethod
    def open(cls, *, id: UUID, organization_id: UUID, now: datetime) -> SignInPolicy:
        return cls.begin(cls.Opened, id=id, now=now, organization_id=organization_id)

    def demand_second_factor(self, *, now: datetime) -> None:
        """Again: no effect."""
        if not self.demands_second_factor:
            self.record(self.SecondFactorDemanded, now=now)

    def waive_second_factor(self, *, now: datetime) -> None:
        """Again: no effect."""
        if self.demands_second_factor:
            self.record(self.SecondFactorWaived, now=now)

    class Opened(Created):
        TOPIC = "sign_in_policy.opened"
        organization_id: UUID

        def apply(self, policy: SignInPolicy) -> None:
            policy.organization_id = self.organization_id
            policy.demands_second_factor = False

    class SecondFactorDemanded(Aggregate.Event):
        TOPIC = "sign_in_policy.second_factor_demanded"

        def apply(self, policy: SignInPolicy) -> None:
            policy.demands_second_factor = True

    class SecondFactorWaived(Aggregate.Event):
        TOPIC = "sign_in_policy.second_factor_waived"

        def apply(self, policy: SignInPolicy) -> None:
            policy.demands_second_factor = False
