"""Signing in by a link in a mail: for programs, and for whoever opens it in a browser."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from api.auth import ANYBODY, address_of, opened_by, services_of
from api.bodies import Body, Email, FactorCode, Token
from api.browser import SignedIn, check_form, code_form, form_page, keep, known_device, read, sign_in, start_page
from api.errors import status_of
from api.limits import Limit, admit
from api.login_limits import check_second_factor
from api.logins import CredentialsAnswer, let_person_in
from api.pages import fields, page, paragraph, spelled
from domain.errors import RateLimited, SignatureInvalid, UsherError
from domain.sign_in import LinkCause, Way
from domain.sign_in_errors import SecondFactorInvalid, SecondFactorRequired

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["people"])
pages = APIRouter(include_in_schema=False, dependencies=[ANYBODY])

_MAILS = Limit("login-link", 5, timedelta(hours=1))
_ASKING = Limit("login-link-address", 30, timedelta(hours=1))
_OPENING = Limit("login-link-open", 30, timedelta(minutes=1))
_ASKED = "usher_asked"
_SENT = "If this address has an account, a link is on its way. It works once, for a quarter of an hour."


class LinkBody(Body):
    email: Email


class LinkAnswer(BaseModel):
    message: str
    browser_token: str = Field(description="Send it with the link's token: then nobody else can use the link with it.")


class RedeemBody(Body):
    token: Token
    browser_token: Token | None = None
    code: FactorCode | None = Field(None, description="Of the second factor, for whoever has one.")
    organization_id: UUID | None = None


@router.post("/auth/magic-link", status_code=202, dependencies=[ANYBODY])
def mail_login_link(
    body: LinkBody, request: Request, tasks: BackgroundTasks, services: Services = Depends(services_of)
) -> LinkAnswer:
    """Mails a link that signs in, if the address is somebody's; the answer (and the time it takes) never says so."""
    admit(services, _ASKING, address_of(request))
    link, browser_token = services.sign_in_links.new()
    tasks.add_task(_mail, services, body.email, link)
    return LinkAnswer(message=_SENT, browser_token=browser_token)


@router.post("/auth/magic-link/redeem", dependencies=[opened_by("link of a mail")])
def redeem_login_link(
    body: RedeemBody, request: Request, services: Services = Depends(services_of)
) -> CredentialsAnswer:
    """Tokens for the `token` of the link, once. 400 `signature_invalid` when it was used, is too old, or was asked for
    by another than the one whose `browser_token` comes along; 401 `second_factor_required` does not use it up."""
    admit(services, _OPENING, address_of(request))
    if body.browser_token is not None and not services.sign_in_links.is_of(body.token, body.browser_token):
        raise SignatureInvalid("This link was asked for elsewhere.")
    check_second_factor(services, services.sign_in_links.user_of(body.token), body.code, is_familiar=False)
    user = services.sign_in_links.use(body.token)
    return let_person_in(request, user, body.organization_id, way=Way.MAILED_LINK, is_familiar=False)


@pages.get("/login-by-mail")
def link_form(request: Request) -> Response:
    """Where a person asks for a link."""
    return form_page(
        request,
        "Sign in by mail",
        paragraph("We mail you a link that signs you in. Open it in this browser."),
        action="/login-by-mail",
        form='<label for="email">Your e-mail address</label>'
        '<input id="email" name="email" type="email" autocomplete="username" maxlength="254" required>'
        "<button>Send the link</button>",
    )


@pages.post("/login-by-mail")
async def send_link(request: Request, tasks: BackgroundTasks) -> Response:
    """Says the same whether the address is known or not."""
    proof, email = await fields(request, "form", "email")
    services: Services = request.app.state.services
    try:
        check_form(request, proof)
        await run_in_threadpool(admit, services, _ASKING, address_of(request))
    except UsherError as error:
        return page("This does not work", paragraph(error.message), status=status_of(error))
    link, browser_token = services.sign_in_links.new()
    tasks.add_task(_mail, services, spelled(email), link)
    response = page("Look into your mailbox", paragraph(_SENT))
    keep(request, response, _ASKED, browser_token, seconds=15 * 60)
    return response


@pages.get("/login-link")
def open_link(request: Request, token: str = "") -> Response:
    """Where the link of the mail leads. It is not used up by being opened: programs that look at mails do that too."""
    services: Services = request.app.state.services
    try:
        is_here = services.sign_in_links.is_of(token, read(request, _ASKED))
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    elsewhere = (
        "This link was asked for in another browser, or by nobody in a browser. It signs in the browser that you are"
        " looking at, and no other: go on only if that is what you want."
    )
    return form_page(
        request,
        "Sign in",
        paragraph("One click, and you are signed in.") if is_here else paragraph(elsewhere, kind="problem"),
        action="/login-link",
        form=f'<input type="hidden" name="token" value="{escape(token[:4096])}"><button>Sign in here</button>',
    )


@pages.post("/login-link")
async def use_link(request: Request) -> Response:
    """Signs this browser in."""
    proof, token, code = await fields(request, "form", "token", "code")
    try:
        check_form(request, proof)
        signed = await run_in_threadpool(_use, request, token, code.strip() or None)
    except (SecondFactorRequired, SecondFactorInvalid) as error:
        return code_form(request, error, action="/login-link", hidden={"token": token})
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    response = RedirectResponse("/login", 303)
    sign_in(request, response, signed)
    return response


def _use(request: Request, token: str, code: str | None) -> SignedIn:
    services: Services = request.app.state.services
    admit(services, _OPENING, address_of(request))
    is_familiar = services.sign_in_links.is_of(token, read(request, _ASKED)) and known_device(request) is not None
    check_second_factor(services, services.sign_in_links.user_of(token), code, is_familiar=is_familiar)
    user = services.sign_in_links.use(token)
    return start_page(request, user, way=Way.MAILED_LINK, is_familiar=is_familiar)


def _mail(services: Services, email: str, link: UUID) -> None:
    """Beyond the limit nothing is sent, and nobody is told."""
    with suppress(RateLimited):
        admit(services, _MAILS, email.lower())
        services.sign_in_links.send(email, link, LinkCause.ASKED_FOR)
