"""Signing in by another provider, and linking one to an account. Plain HTML, no script."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from api.auth import ANYBODY, address_of
from api.browser import (
    SignedIn,
    check_form,
    code_form,
    form_page,
    keep,
    known_device,
    read,
    sign_in,
    signed_in,
    start_page,
)
from api.errors import status_of
from api.limits import Limit, admit
from api.login_limits import check_second_factor
from api.login_page import first_factor_of
from api.pages import fields, page, paragraph
from api.step_up import PROVEN_WITHIN
from domain.errors import NotAuthenticated, UsherError
from domain.sign_in import Way
from domain.sign_in_errors import SecondFactorRequired, StepUpRequired
from domain.user import User

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from domain.sign_in import LoginSession

router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])

_BEGIN = Limit("provider-login", 30, timedelta(minutes=1))
_BEGUN = "usher_provider"


@router.get("/login/with/{name}")
def begin(request: Request, name: str) -> Response:
    """To the provider."""
    services: Services = request.app.state.services
    try:
        admit(services, _BEGIN, address_of(request))
        url, browser = services.provider_logins.begin(name)
    except UsherError as error:
        return page("This does not work", paragraph(error.message), status=status_of(error))
    response = RedirectResponse(url, 303)
    keep(request, response, _BEGUN, browser, seconds=600)
    return response


@router.get("/login/callback/{name}")
def come_back(
    request: Request, name: str, state: str = "", code: str = "", iss: str | None = None, error: str = ""
) -> Response:
    """From the provider."""
    services: Services = request.app.state.services
    try:
        admit(services, _BEGIN, address_of(request))
        if error or not code:
            raise NotAuthenticated("The provider did not sign you in.")
        user = services.provider_logins.finish(
            name, state=state[:200], code=code[:2000], issuer=iss, browser=read(request, _BEGUN)
        )
        return _signed_in(request, user)
    except UsherError as refusal:
        return page("This does not work", paragraph(refusal.message), status=status_of(refusal))


@router.get("/login/linked")
def linked(request: Request) -> Response:
    """What is linked to the account, and what can be."""
    session = signed_in(request)
    return RedirectResponse("/login", 303) if session is None else _linked(request, session)


@router.post("/login/linked")
async def link_or_unlink(request: Request) -> Response:
    """Begins to link a provider, or unlinks one."""
    proof, button = await fields(request, "form", "act")
    act, _, name = button.partition(" ")
    return await run_in_threadpool(_link_or_unlink, request, proof, name, act)


def _link_or_unlink(request: Request, proof: str, name: str, act: str) -> Response:
    services, session = request.app.state.services, signed_in(request)
    try:
        check_form(request, proof)
        if session is None:
            raise NotAuthenticated("Sign in first.")
        if session.proven_at + PROVEN_WITHIN < services.clock.now():
            raise StepUpRequired("You signed in a while ago: sign out and in again, then do this.")
        if act == "unlink":
            services.provider_logins.unlink(session.user_id, name)
            return _linked(request, session)
        admit(services, _BEGIN, address_of(request))
        url, browser = services.provider_logins.begin(name, link_to=session.user_id)
    except UsherError as error:
        return page("This does not work", paragraph(error.message), status=status_of(error))
    title = services.provider_logins.offered()[name]
    response = page(f"Link {title}", f'<p><a href="{escape(url)}">Go on to {escape(title)}</a></p>')
    keep(request, response, _BEGUN, browser, seconds=600)
    return response


def _signed_in(request: Request, user: User) -> Response:
    """A provider is one factor; who has a second is asked for it."""
    services: Services = request.app.state.services
    is_familiar = services.guessing.is_familiar(services.users.profile(user.id).person.email, known_device(request))
    try:
        check_second_factor(services, user, None, is_familiar=is_familiar)
    except SecondFactorRequired as error:
        held = first_factor_of(services, user, Way.PROVIDER, is_familiar=is_familiar)
        return code_form(request, error, action="/login", hidden={"held": held, "next": "/login"})
    given: SignedIn = start_page(request, user, way=Way.PROVIDER, is_familiar=is_familiar)
    response = RedirectResponse("/login", 303)
    sign_in(request, response, given)
    return response


def _linked(request: Request, session: LoginSession) -> Response:
    services: Services = request.app.state.services
    known = {each.provider: each for each in services.provider_logins.of_user(session.user_id)}
    rows = ""
    for name, title in services.provider_logins.offered().items():
        is_linked = name in known
        account = f": {escape(known[name].email or known[name].subject)}" if is_linked else ""
        act, word = ("unlink", "Unlink") if is_linked else ("link", "Link")
        button = f'<button name="act" value="{act} {name}" class="other">{word}</button>'
        rows += f"<p>{escape(title)}{account} {button}</p>"
    words = paragraph("With these you can sign in as well.")
    return form_page(request, "Linked accounts", words, action="/login/linked", form=rows)
