"""A person's own sign-ins and address: what is there, what is ended, what is proven anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, address_of, let_in, opened_by, services_of
from api.bodies import Body, Email, FactorCode, Moment, Password, Token
from api.limits import Limit, admit
from api.login_limits import check_second_factor
from api.step_up import recently_proven
from api.users import profile_of
from domain.errors import InvalidRequest, NotAuthenticated
from domain.sign_in import Way

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from domain.sign_in import LoginSession

router = APIRouter(tags=["people"])

_PROVE = Limit("step-up", 10, timedelta(minutes=1))
_CHANGES = Limit("email-change", 5, timedelta(hours=1))
_CONFIRM = Limit("confirm-email", 30, timedelta(minutes=1))


class SignInAnswer(BaseModel):
    id: UUID
    way: Way
    device: str | None = Field(description="Browser and system, or what a program calls itself; null: not known.")
    network: str | None = Field(description="A /24 or /48; no whole address is kept.")
    organization_id: UUID | None
    started_at: Moment
    used_at: Moment = Field(description="When its tokens were renewed last.")
    expires_at: Moment
    current: bool = Field(description="The one that this request is made by.")


class SignInListing(BaseModel):
    data: list[SignInAnswer]


class StepUpBody(Body):
    """One of them: the code for whoever has a second factor, the password for everybody else."""

    password: Password | None = None
    code: FactorCode | None = None


class StepUpAnswer(BaseModel):
    access_token: str
    token_type: str = "Bearer"
    expires_in: int


class NewEmailBody(Body):
    email: Email


class ConfirmEmailBody(Body):
    token: Token


class SentAnswer(BaseModel):
    message: str


@router.get("/me/sessions")
def list_sign_ins(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> SignInListing:
    """Where the person is signed in, the oldest first."""
    profile_of(services, caller)
    found = services.users.sessions(_id(caller))
    return SignInListing(data=[_shown(each, caller.session_id) for each in found])


@router.delete("/me/sessions", status_code=204)
def end_other_sign_ins(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> None:
    """Ends all but the one that this request is made by. Their access tokens end at once."""
    services.users.end_other_sessions(_id(caller), caller.session_id)


@router.delete("/me/sessions/{sign_in_id}", status_code=204)
def end_sign_in(sign_in_id: UUID, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> None:
    """Ends one. Its access token ends at once."""
    services.users.end_session(_id(caller), sign_in_id)


@router.post("/auth/step-up")
def step_up(
    body: StepUpBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> StepUpAnswer:
    """Proves again who it is: an access token that is good for what asks for it, for ten minutes."""
    admit(services, _PROVE, str(caller.user_id))
    user = profile_of(services, caller).user
    if user.has_second_factor:
        check_second_factor(services, user, body.code, is_familiar=True)
    elif body.password is None:
        raise InvalidRequest.field("password", "is needed")
    else:
        services.users.check_password(user.id, body.password)
    proven = services.logins.prove(caller.session_id) if caller.session_id else None
    if proven is None:
        raise NotAuthenticated("This sign-in has ended; log in again.")
    return StepUpAnswer(access_token=proven.access_token, expires_in=proven.expires_in)


@router.post("/me/email", status_code=202)
def change_email(
    body: NewEmailBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> SentAnswer:
    """Mails a link to the new address, and a word to the old one. Nothing changes before the link is opened.

    403 `step_up_required` when the last proof of who it is is older than ten minutes."""
    profile_of(services, caller)
    recently_proven(caller, services)
    admit(services, _CHANGES, str(caller.user_id))
    services.email_addresses.request(_id(caller), body.email)
    return SentAnswer(message="A link is on its way to the new address; until it is opened, the old one stays.")


@router.post("/auth/confirm-email", status_code=204, dependencies=[opened_by("link of a mail")])
def confirm_email(body: ConfirmEmailBody, request: Request, services: Services = Depends(services_of)) -> None:
    """The token of the link in the new mailbox: from now on it is the person's address."""
    admit(services, _CONFIRM, address_of(request))
    services.email_addresses.confirm(body.token)


def _id(caller: Caller) -> UUID:
    assert caller.user_id is not None  # PERSON let it in
    return caller.user_id


def _shown(session: LoginSession, current: UUID | None) -> SignInAnswer:
    return SignInAnswer(
        id=session.session_id,
        way=Way(session.way),
        device=session.device,
        network=session.network,
        organization_id=session.organization_id,
        started_at=session.started_at,
        used_at=session.used_at,
        expires_at=session.expires_at,
        current=session.session_id == current,
    )
