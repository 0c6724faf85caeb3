"""Where a person sees which program asks to be signed in, and approves or denies it (RFC 8628, section 3.3)."""

from __future__ import annotations

from datetime import UTC, timedelta
from html import escape
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api.auth import ANYBODY, address_of
from api.browser import check_form, form_page, signed_in
from api.errors import status_of
from api.limits import Limit, admit
from api.login_page import to_login
from api.pages import fields, page, paragraph
from domain.device_code import DeviceRequest, shown, typed
from domain.errors import InvalidRequest, UsherError
from domain.sign_in import LoginSession

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])

_CODES = Limit("device-codes", 20, timedelta(hours=1))
_CODES_ADDRESS = Limit("device-codes-address", 100, timedelta(hours=1))
"""Codes looked at by one person, and from one address: one guess in two thousand million hits one of ten that wait."""


@router.get("/device")
def device(request: Request, user_code: str = "") -> Response:
    """Asks for the code, or shows what waits with it. Nothing is approved without a further click."""
    session = signed_in(request)
    if session is None:
        return to_login(request)
    return _request(request, session, user_code) if user_code else _code_form(request)


@router.post("/device")
async def decide(request: Request) -> Response:
    """Approves or denies."""
    proof, code, organization, act = await fields(request, "form", "user_code", "organization", "act")
    return await run_in_threadpool(_decide, request, proof, code, organization, act)


def _decide(request: Request, proof: str, code: str, organization: str, act: str) -> Response:
    session = signed_in(request)
    if session is None:
        return to_login(request)
    try:
        check_form(request, proof)
        if act not in ("approve", "deny"):
            return _request(request, session, code)
        return _decided(request, session, code, organization, approved=act == "approve")
    except UsherError as error:
        return _code_form(request, problem=error.message, status=status_of(error))


def _decided(request: Request, session: LoginSession, code: str, organization: str, *, approved: bool) -> Response:
    services: Services = request.app.state.services
    _count(request, session)
    if not approved:
        services.device_logins.deny(code)
        return page("Denied", paragraph("The program was not signed in. If you did not ask for this, all is well now."))
    found = services.device_logins.approve(code, session, _id(organization))
    return page("Done", paragraph(f"“{found.client}” is signed in now. You can close this page and go back to it."))


def _request(request: Request, session: LoginSession, code: str) -> Response:
    """Who asks, from where and since when: a code that a stranger sent can be told from one's own by it."""
    services: Services = request.app.state.services
    try:
        _count(request, session)
        found = services.device_logins.pending(code)
    except UsherError as error:
        return _code_form(request, problem=error.message, status=status_of(error))
    letters = shown(typed(code) or "")
    return form_page(
        request,
        "Sign a program in?",
        paragraph(
            "A program asks to act in your name. Approve only if you have just started it yourself, and it shows:"
        )
        + f'<p class="code">{letters}</p>'
        + _facts(services, session, found)
        + paragraph("If somebody sent you this code or link, deny it: they would be in your account.", kind="problem"),
        action="/device",
        form=f'<input type="hidden" name="user_code" value="{letters}">{_organizations(services, session)}'
        '<button name="act" value="approve">Approve</button> '
        '<button name="act" value="deny" class="other">Deny</button>',
    )


def _facts(services: Services, session: LoginSession, found: DeviceRequest) -> str:
    email = services.users.profile(session.user_id).person.email
    facts = {
        "Calls itself": found.client,
        "Asked by": found.device or "an unknown program",
        "From the network": found.network or "unknown",
        "At": f"{found.asked_at.astimezone(UTC):%H:%M} UTC",
        "Your account": email,
    }
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items()) + "</dl>"


def _organizations(services: Services, session: LoginSession) -> str:
    """Which one the program acts for, where there is a choice."""
    joined = services.organizations.joined_by(session.user_id)
    if len(joined) < 2:
        return ""
    choices = "".join(
        f'<option value="{each.organization_id}">'
        f"{escape((contact and (contact.company_name or contact.name)) or str(each.organization_id))}</option>"
        for each, contact in joined
    )
    return (
        f'<label for="organization">It acts for</label><select id="organization" name="organization">{choices}</select>'
    )


def _code_form(request: Request, *, problem: str = "", status: int = 200) -> Response:
    return form_page(
        request,
        "Sign a program in",
        paragraph(problem, kind="problem") if problem else paragraph("Type the code that the program shows you."),
        action="/device",
        form='<label for="user_code">Code</label><input id="user_code" name="user_code" required autocomplete="off"'
        ' autocapitalize="characters" spellcheck="false" maxlength="16" placeholder="XXXX-XXXX"><button>Go on</button>',
        status=status,
    )


def _count(request: Request, session: LoginSession) -> None:
    services: Services = request.app.state.services
    admit(services, _CODES, str(session.user_id))
    admit(services, _CODES_ADDRESS, address_of(request))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidRequest.field("organization", "is not one of yours") from None
