"""A person's second factor: an authenticator app, with recovery codes."""

from __future__ import annotations

from email.utils import parseaddr
from typing import TYPE_CHECKING
from uuid import UUID

import segno
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, let_in, services_of
from api.bodies import Body, FactorCode, Moment
from api.login_limits import admit_code
from api.step_up import recently_proven
from api.users import profile_of
from application.second_factors import shown
from domain import totp

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(prefix="/me/second-factor", tags=["people"])


class StandingAnswer(BaseModel):
    enabled: bool
    since: Moment | None
    recovery_codes_left: int


class BegunAnswer(BaseModel):
    secret: str = Field(description="To be typed into an app, where no picture can be taken.")
    uri: str
    qr_svg: str = Field(description="The picture of `uri`, for the app.")


class ConfirmBody(Body):
    code: FactorCode = Field(description="That the app shows now.")


class RecoveryCodesAnswer(BaseModel):
    recovery_codes: list[str] = Field(description="Shown this once; each is good once.")


@router.get("")
def show_second_factor(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> StandingAnswer:
    """Whether there is one, and how many recovery codes are left."""
    standing = services.second_factors.standing(_id(caller))
    return StandingAnswer(enabled=standing.since is not None, **standing._asdict())


@router.post("", status_code=201)
def begin_second_factor(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> BegunAnswer:
    """A secret for the app. Nothing is asked for before a first code confirms it. 403 `step_up_required`; 409 when
    there is a second factor."""
    email = profile_of(services, caller).person.email
    recently_proven(caller, services)
    secret = services.second_factors.begin(_id(caller))
    uri = totp.address(secret, issuer=parseaddr(services.settings.mail_from)[0] or "Usher", account=email)
    return BegunAnswer(secret=totp.spelled(secret), uri=uri, qr_svg=segno.make(uri, micro=False).svg_inline(scale=4))


@router.post("/confirm")
def confirm_second_factor(
    body: ConfirmBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> RecoveryCodesAnswer:
    """From now on it is asked for at every log-in. Answers the recovery codes."""
    profile_of(services, caller)
    recently_proven(caller, services)
    admit_code(services, _id(caller), is_familiar=True)
    return _codes(services.second_factors.confirm(_id(caller), body.code))


@router.post("/recovery-codes")
def renew_recovery_codes(
    caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> RecoveryCodesAnswer:
    """New recovery codes; the former ones are void. 403 `step_up_required`; 409 without a second factor."""
    profile_of(services, caller)
    recently_proven(caller, services)
    return _codes(services.second_factors.renew_recovery_codes(_id(caller)))


@router.delete("", status_code=204)
def remove_second_factor(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> None:
    """From now on none is asked for. 403 `step_up_required`."""
    profile_of(services, caller)
    recently_proven(caller, services)
    services.second_factors.remove(_id(caller))


def _codes(codes: list[str]) -> RecoveryCodesAnswer:
    return RecoveryCodesAnswer(recovery_codes=[shown(code) for code in codes])


def _id(caller: Caller) -> UUID:
    assert caller.user_id is not None  # PERSON let it in
    return caller.user_id
