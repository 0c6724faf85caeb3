"""What an organization's owner demands of how its members sign in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from application.work import Work, Works
from domain.errors import Conflict
from domain.ids import sign_in_policy_id_for
from domain.sign_in_policy import SignInPolicy
from domain.user import User

if TYPE_CHECKING:
    from adapters.sign_in_policies import SignInPolicies


class SignInRules:
    """A demand counts from the next log-in and refresh on: tokens that are out end within a quarter of an hour."""

    def __init__(self, works: Works, policies: SignInPolicies) -> None:
        self._works = works
        self._policies = policies

    def demands_second_factor(self, organization_id: UUID) -> bool:
        return organization_id in self._policies.demanding([organization_id])

    def set(self, organization_id: UUID, *, demands_second_factor: bool, by: UUID) -> None:
        """`Conflict` when whoever demands a second factor has none: the owner would shut itself out."""

        def decide(work: Work, now: datetime) -> None:
            if demands_second_factor and not work.fetch(User, by).has_second_factor:
                raise Conflict("Add a second factor to your own account first.")
            policy = _policy_of(work, organization_id, now)
            if demands_second_factor:
                policy.demand_second_factor(now=now)
            else:
                policy.waive_second_factor(now=now)
            work.rows.append(self._policies.put(organization_id, demands_second_factor))

        self._works.run(decide)


def _policy_of(work: Work, organization_id: UUID, now: datetime) -> SignInPolicy:
    id = sign_in_policy_id_for(organization_id)
    found = work.find(SignInPolicy, id)
    return found or work.add(SignInPolicy.open(id=id, organization_id=organization_id, now=now))
