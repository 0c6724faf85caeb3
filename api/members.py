"""Members of an organization (contract §5): who they are, their roles, leaving and handing over."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api.auth import Caller, require, require_role, services_of
from api.bodies import Body, Moment
from api.idempotency import RepeatableRoute
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.step_up import recently_proven
from domain.api_key import Scope
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.members import KnownMember

router = APIRouter(
    prefix="/organizations/{organization_id}",
    tags=["organizations"],
    route_class=RepeatableRoute,
    dependencies=[Depends(known_parameters)],
)


class RoleBody(Body):
    role: Role


class SuccessorBody(Body):
    user_id: UUID


class MemberAnswer(BaseModel):
    user_id: UUID
    email: str
    full_name: str
    role: Role
    joined_at: Moment


class MemberListing(Listing):
    data: list[MemberAnswer]


def organization_of(organization_id: UUID, caller: Caller) -> UUID:
    """The organization of the path, which is the caller's own; the vendor's may be any."""
    caller.must_see(organization_id, "organization", organization_id)
    return organization_id


@router.get("/members")
def list_members(
    organization_id: UUID,
    caller: Caller = require(Scope.MEMBERS_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> MemberListing:
    """Everybody who may act for the organization, in the order in which they came."""
    own, position = organization_of(organization_id, caller), services.store.recorder.max_notification_id() or 0
    found = services.members.of(own, after=page.after_time_and_id, limit=page.take)
    return MemberListing(
        **page.answer(found, cursor=lambda one: (one.joined_at, one.user_id), show=_shown, position=position)
    )


@router.patch("/members/{user_id}")
def change_role(
    organization_id: UUID,
    user_id: UUID,
    body: RoleBody,
    caller: Caller = require(Scope.MEMBERS_WRITE),
    services: Services = Depends(services_of),
) -> MemberAnswer:
    """Another role, which counts at once. Nobody gives, changes or takes a role above the own one."""
    own = organization_of(organization_id, caller)
    return _shown(services.members.change_role(own, user_id, body.role, by=caller.authority))


@router.delete("/members/{user_id}", status_code=204)
def remove_member(
    organization_id: UUID,
    user_id: UUID,
    caller: Caller = require(Scope.MEMBERS_WRITE),
    services: Services = Depends(services_of),
) -> None:
    """The person may not act for the organization any more, at once. Its API keys stay: they are not a person's."""
    services.members.remove(organization_of(organization_id, caller), user_id, by=caller.authority)


@router.post("/leave", status_code=204)
def leave_organization(
    organization_id: UUID, caller: Caller = require_role(Role.VIEWER), services: Services = Depends(services_of)
) -> None:
    """By a member itself; the last owner cannot."""
    services.members.leave(organization_of(organization_id, caller), caller.user_id)


@router.post("/transfer-ownership")
def transfer_ownership(
    organization_id: UUID,
    body: SuccessorBody,
    caller: Caller = require_role(Role.OWNER),
    services: Services = Depends(services_of),
) -> MemberAnswer:
    """Another member becomes the owner, the caller an admin. 403 `step_up_required` when the last proof of who it is is
    older than ten minutes."""
    own = organization_of(organization_id, caller)
    recently_proven(caller, services)
    services.members.transfer_ownership(own, body.user_id, by=caller.user_id)
    return _shown(services.members.find(own, body.user_id))


def _shown(member: KnownMember) -> MemberAnswer:
    return MemberAnswer(**member._asdict())
