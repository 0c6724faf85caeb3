"""What an organization demands of how its members sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import Caller, require, require_role, services_of
from api.bodies import Body
from api.members import organization_of
from api.step_up import recently_proven
from domain.api_key import Scope
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(prefix="/organizations/{organization_id}/sign-in-policy", tags=["organizations"])


class PolicyBody(Body):
    second_factor: bool = Field(description="Whether every member has to have a second factor.")


class PolicyAnswer(BaseModel):
    second_factor: bool


@router.get("")
def show_sign_in_policy(
    organization_id: UUID,
    caller: Caller = require(Scope.MEMBERS_READ),
    services: Services = Depends(services_of),
) -> PolicyAnswer:
    """What is demanded."""
    own = organization_of(organization_id, caller)
    return PolicyAnswer(second_factor=services.sign_in_rules.demands_second_factor(own))


@router.put("")
def set_sign_in_policy(
    organization_id: UUID,
    body: PolicyBody,
    caller: Caller = require_role(Role.OWNER),
    services: Services = Depends(services_of),
) -> PolicyAnswer:
    """From now on a member without a second factor is given no tokens for this organization. 409 for an owner who has
    none; 403 `step_up_required`."""
    own = organization_of(organization_id, caller)
    recently_proven(caller, services)
    assert caller.user_id is not None  # a role is a person's
    services.sign_in_rules.set(own, demands_second_factor=body.second_factor, by=caller.user_id)
    return PolicyAnswer(second_factor=body.second_factor)
