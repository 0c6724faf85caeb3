"""The device flow (RFC 8628), for programs without a browser of their own. The person's side is api/device_page.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.auth import ANYBODY, address_of, device_of, opened_by, services_of
from api.bodies import Body, text
from api.limits import Limit, admit
from api.logins import CredentialsAnswer, credentials_answer
from api.oauth import OAuthRoute

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["people"], route_class=OAuthRoute)

_ASK = Limit("device-ask", 20, timedelta(minutes=1))
_POLL = Limit("device-poll", 600, timedelta(minutes=1))
"""A whole office behind one address, each program every five seconds."""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"

Client = text(64)


class DeviceBody(Body):
    client_id: Client = Field(description="What the program calls itself; the person is shown it.")


class DeviceAnswer(BaseModel):
    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceTokenBody(Body):
    device_code: Annotated[str, Field(min_length=1, max_length=128)]
    grant_type: Literal["urn:ietf:params:oauth:grant-type:device_code"] = GRANT
    client_id: Client | None = None


@router.post("/auth/device", dependencies=[ANYBODY])
def ask_for_device(body: DeviceBody, request: Request, services: Services = Depends(services_of)) -> DeviceAnswer:
    """Codes for a program that a person signs in by a browser (RFC 8628, section 3.1). Show the person `user_code` and
    `verification_uri`, or open `verification_uri_complete`; meanwhile ask for the tokens every `interval` seconds."""
    admit(services, _ASK, address_of(request))
    codes = services.device_logins.ask(body.client_id, device_of(request))
    page = f"{services.settings.public_url.rstrip('/')}/device"
    complete = f"{page}?{urlencode({'user_code': codes.user_code})}"
    return DeviceAnswer(**codes._asdict(), verification_uri=page, verification_uri_complete=complete)


@router.post("/auth/device/token", dependencies=[opened_by("device code")])
def collect_device_tokens(
    body: DeviceTokenBody, request: Request, services: Services = Depends(services_of)
) -> CredentialsAnswer:
    """The tokens, once the person has approved. 400 until then: `authorization_pending`; `slow_down` for a question
    before its time (the interval is five seconds longer from then on); `access_denied`; `expired_token`."""
    admit(services, _POLL, address_of(request))
    return credentials_answer(services.device_logins.collect(body.device_code, device_of(request)))
