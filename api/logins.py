"""Logging in and out, and new passwords."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, Field

from api.auth import ANYBODY, PERSON, Caller, device_of, let_in, opened_by, services_of
from api.bodies import Body, Email, FactorCode, Password, Token
from api.limits import Limit, admit
from api.login_limits import admit_login, check_second_factor
from api.policies import PolicyAnswer, outstanding_of
from api.step_up import recently_proven
from application.policies import Signer
from domain.errors import RateLimited
from domain.sign_in import Way
from domain.user import User

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.logins import Credentials

router = APIRouter(tags=["people"])

_PASSWORD = Limit("change-password", 10, timedelta(minutes=1))
_MAILS = Limit("forgot-password", 5, timedelta(hours=1))


class LoginBody(Body):
    email: Email
    password: Password
    organization_id: UUID | None = Field(None, description="To act for; else the one that was joined first.")
    code: FactorCode | None = Field(None, description="Of the second factor, for whoever has one.")
    device_token: Token | None = Field(None, description="Of an earlier log-in from this device, if there was one.")


class RefreshBody(Body):
    refresh_token: Token


class SwitchBody(RefreshBody):
    organization_id: UUID


class ForgotBody(Body):
    email: Email


class ResetBody(Body):
    token: Token
    password: Password


class ChangePasswordBody(Body):
    current_password: Password
    new_password: Password


class CredentialsAnswer(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    organization_id: UUID | None = Field(description="What the tokens speak for; null for a member of none.")
    device_token: str | None = Field(
        None, description="At a log-in: to be kept, and sent with the next one from this device."
    )
    outstanding_policies: list[PolicyAnswer] | None = Field(
        None, description="At a log-in: what is required and was not agreed to yet; `POST /me/consents`."
    )


@router.post("/auth/login", dependencies=[ANYBODY])
def log_in(body: LoginBody, request: Request, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """An access token for 15 minutes and a refresh token that is good once. 401 `second_factor_required` when the
    password is right and `code` is missing."""
    is_familiar = admit_login(services, request, body.email, body.device_token)
    user = services.logins.identify(body.email, body.password)
    check_second_factor(services, user, body.code, is_familiar=is_familiar)
    return let_person_in(request, user, body.organization_id, is_familiar=is_familiar)


@router.post("/auth/refresh", dependencies=[opened_by("refresh token")])
def refresh(body: RefreshBody, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """The next pair of tokens. A refresh token that comes a second time ends its session."""
    return credentials_answer(services.logins.refresh(body.refresh_token))


@router.post("/auth/switch", dependencies=[opened_by("refresh token")])
def switch(body: SwitchBody, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """As `refresh`, for another organization of the person: the next pair of tokens speaks for that one."""
    return credentials_answer(services.logins.switch(body.refresh_token, body.organization_id))


@router.post("/auth/logout", status_code=204, dependencies=[opened_by("refresh token")])
def log_out(body: RefreshBody, services: Services = Depends(services_of)) -> None:
    """Ends the session of a refresh token."""
    services.logins.log_out(body.refresh_token)


@router.post("/auth/forgot-password", status_code=202, dependencies=[ANYBODY])
def forgot_password(
    body: ForgotBody, tasks: BackgroundTasks, services: Services = Depends(services_of)
) -> dict[str, str]:
    """Mails a reset link if the address is somebody's; the answer (and the time it takes) never says whether it is."""
    tasks.add_task(mail_reset_link, services, body.email)
    return {"message": "If this address has an account, a link is on its way."}


@router.post("/auth/reset-password", status_code=204, dependencies=[opened_by("link of a mail")])
def reset_password(body: ResetBody, services: Services = Depends(services_of)) -> None:
    """A new password with the token of a reset link; ends every session of the person."""
    services.users.reset_password(body.token, body.password)


@router.post("/auth/change-password")
def change_password(
    body: ChangePasswordBody,
    request: Request,
    caller: Caller = let_in(PERSON),
    services: Services = Depends(services_of),
) -> CredentialsAnswer:
    """A new password; ends every session, and answers the tokens of a new one. 403 `step_up_required` for whoever has a
    second factor and last proved it more than ten minutes ago."""
    admit(services, _PASSWORD, str(caller.user_id))
    if services.store.fetch(User, caller.user_id).has_second_factor:
        recently_proven(caller, services)
    user = services.users.change_password(caller.user_id, current=body.current_password, new=body.new_password)
    return let_person_in(request, user, caller.organization_id, is_familiar=True)


def let_person_in(
    request: Request,
    user: User,
    organization_id: UUID | None,
    *,
    way: Way = Way.PASSWORD,
    is_familiar: bool = False,
) -> CredentialsAnswer:
    """Tokens for somebody whose right to them is proven."""
    services: Services = request.app.state.services
    given = services.logins.start(user, organization_id, way=way, device=device_of(request), is_familiar=is_familiar)
    answer = credentials_answer(given._replace(device_token=services.guessing.device_token(user)))
    acting_for = given.organization_id
    role = services.memberships.role_of(acting_for, user.id) if acting_for else None
    answer.outstanding_policies = outstanding_of(services, Signer(user.id, acting_for, role))
    return answer


def mail_reset_link(services: Services, email: str) -> None:
    """Beyond the limit nothing is sent, and nobody is told: the answer is always the same."""
    with suppress(RateLimited):
        admit(services, _MAILS, email.lower())
        services.users.forget_password(email)


def credentials_answer(credentials: Credentials) -> CredentialsAnswer:
    return CredentialsAnswer(**credentials._asdict())
