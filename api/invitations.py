"""Invitations by mail: an organization sends and withdraws them, whoever gets one accepts it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, address_of, let_in, opened_by, require, services_of
from api.bodies import Body, Email, Line, Moment, Password, Token
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.members import organization_of
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.policies import Consents, agreed_in
from api.users import RegistrationAnswer, profile_of
from domain.api_key import Scope
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.invitations import SentInvitation

router = APIRouter(tags=["organizations"], route_class=RepeatableRoute, dependencies=[Depends(known_parameters)])

_INVITE = Limit("invite", 60, timedelta(hours=1))
_INVITED = Limit("invited", 5, timedelta(days=1))
"""Mails in our name to one address, whoever has them sent."""
OPENING = Limit("invitation", 30, timedelta(minutes=1))


class InvitationBody(Body):
    email: Email
    role: Role = Field(description="Not above your own.")


class InvitationAnswer(BaseModel):
    id: UUID
    email: str
    role: Role
    invited_by: UUID | None = Field(description="The member; null for an API key or the vendor.")
    invited_at: Moment
    expires_at: Moment


class InvitationListing(Listing):
    data: list[InvitationAnswer]


class AcceptBody(Body):
    token: Token = Field(description="Of the link in the mail.")


class InvitedPersonBody(AcceptBody):
    password: Password
    full_name: Line
    consents: Consents = ()


class OfferAnswer(BaseModel):
    organization_id: UUID
    organization_name: str | None
    email: str
    role: Role
    expires_at: Moment
    has_account: bool = Field(description="Whether the address has an account: log in and accept, else register.")


class JoinedAnswer(BaseModel):
    organization_id: UUID
    role: Role


@router.post("/organizations/{organization_id}/members", status_code=201)
def invite(
    organization_id: UUID,
    body: InvitationBody,
    caller: Caller = require(Scope.MEMBERS_WRITE),
    services: Services = Depends(services_of),
) -> InvitationAnswer:
    """Mails a link that makes its reader a member, once and for seven days; one sent before ends with it."""
    own = organization_of(organization_id, caller)
    admit(services, _INVITE, str(own))
    admit(services, _INVITED, body.email.lower())
    return _shown(services.invitations.invite(own, body.email, body.role, by=caller.authority))


@router.get("/organizations/{organization_id}/invitations")
def list_invitations(
    organization_id: UUID,
    caller: Caller = require(Scope.MEMBERS_WRITE),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> InvitationListing:
    """Those that can still be accepted, the oldest first."""
    own, position = organization_of(organization_id, caller), services.store.recorder.max_notification_id() or 0
    found = services.invitations.open(own, after=page.after_time_and_id, limit=page.take)
    return InvitationListing(
        **page.answer(found, cursor=lambda one: (one.invited_at, one.invitation_id), show=_shown, position=position)
    )


@router.delete("/organizations/{organization_id}/invitations/{invitation_id}", status_code=204)
def withdraw_invitation(
    organization_id: UUID,
    invitation_id: UUID,
    caller: Caller = require(Scope.MEMBERS_WRITE),
    services: Services = Depends(services_of),
) -> None:
    """Its link does not work any more."""
    services.invitations.withdraw(organization_of(organization_id, caller), invitation_id, by=caller.authority)


@router.get("/invitations", dependencies=[opened_by("link of an invitation")])
def show_offer(
    token: Annotated[Token, Query(description="Of the link in the mail.")],
    request: Request,
    services: Services = Depends(services_of),
) -> OfferAnswer:
    """What the invitation of a link is to. 400 `signature_invalid` once it is used, withdrawn or out of date."""
    admit(services, OPENING, address_of(request))
    offer = services.invitations.offer(token)
    return OfferAnswer(
        organization_id=offer.sent.organization_id,
        organization_name=offer.organization_name,
        email=offer.sent.email,
        role=offer.sent.role,
        expires_at=offer.sent.expires_at,
        has_account=offer.has_account,
    )


@router.post("/invitations/accept")
def accept_invitation(
    body: AcceptBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> JoinedAnswer:
    """Makes the person who is logged in a member, if the invitation was sent to its address."""
    profile_of(services, caller)
    joined = services.invitations.accept(body.token, caller.user_id)
    return JoinedAnswer(organization_id=joined.organization_id, role=joined.role)


@router.post("/invitations/register", status_code=201, dependencies=[opened_by("link of an invitation")])
def register_invited(
    body: InvitedPersonBody, request: Request, services: Services = Depends(services_of)
) -> RegistrationAnswer:
    """A new account for the address of the invitation, which the link has proven, and its membership."""
    admit(services, OPENING, address_of(request))
    made = services.invitations.register(
        body.token, password=body.password, full_name=body.full_name, agreed=agreed_in(body.consents)
    )
    return RegistrationAnswer(user_id=made.user_id, organization_id=made.organization_id)


def _shown(sent: SentInvitation) -> InvitationAnswer:
    return InvitationAnswer(
        id=sent.invitation_id,
        email=sent.email,
        role=sent.role,
        invited_by=sent.invited_by,
        invited_at=sent.invited_at,
        expires_at=sent.expires_at,
    )
