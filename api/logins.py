"""Logging in and out, and new passwords."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, Field

from api.auth import ANYBODY, PERSON, Caller, address_of, let_in, opened_by, services_of
from api.bodies import Body, Email, Password, Token
from api.limits import Limit, admit
from domain.errors import RateLimited

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.logins import Credentials

router = APIRouter(tags=["people"])

LOGIN = Limit("login", 10, timedelta(minutes=1))
_LOGIN_ADDRESS = Limit("login-address", 60, timedelta(minutes=1))
_PASSWORD = Limit("change-password", 10, timedelta(minutes=1))
_MAILS = Limit("forgot-password", 5, timedelta(hours=1))


class LoginBody(Body):
    email: Email
    password: Password
    organization_id: UUID | None = Field(None, description="To act for; else the one that was joined first.")


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


@router.post("/auth/login", dependencies=[ANYBODY])
def log_in(body: LoginBody, request: Request, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """An access token for 15 minutes and a refresh token that is good once."""
    address = address_of(request)
    admit(services, LOGIN, f"{address} {body.email.lower()}")
    admit(services, _LOGIN_ADDRESS, address)
    return _credentials(services.logins.log_in(**body.model_dump()))


@router.post("/auth/refresh", dependencies=[opened_by("refresh token")])
def refresh(body: RefreshBody, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """The next pair of tokens. A refresh token that comes a second time ends its session."""
    return _credentials(services.logins.refresh(body.refresh_token))


@router.post("/auth/switch", dependencies=[opened_by("refresh token")])
def switch(body: SwitchBody, services: Services = Depends(services_of)) -> CredentialsAnswer:
    """As `refresh`, for another organization of the person: the next pair of tokens speaks for that one."""
    return _credentials(services.logins.switch(body.refresh_token, body.organization_id))


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
    body: ChangePasswordBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> CredentialsAnswer:
    """A new password; ends every session, and answers the tokens of a new one."""
    admit(services, _PASSWORD, str(caller.user_id))
    user = services.users.change_password(caller.user_id, current=body.current_password, new=body.new_password)
    return _credentials(services.logins.start(user, caller.organization_id))


def mail_reset_link(services: Services, email: str) -> None:
    """Beyond the limit nothing is sent, and nobody is told: the answer is always the same."""
    with suppress(RateLimited):
        admit(services, _MAILS, email.lower())
        services.users.forget_password(email)


def _credentials(credentials: Credentials) -> CredentialsAnswer:
    return CredentialsAnswer(**credentials._asdict())
