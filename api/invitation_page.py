"""Where the link of an invitation leads: a page on which it is accepted. Plain HTML, no script."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from api.auth import ANYBODY, address_of
from api.browser import known_device
from api.errors import status_of
from api.invitations import OPENING
from api.limits import admit
from api.login_limits import admit_login
from api.pages import fields, page, paragraph
from domain.errors import InvalidRequest, NotAuthenticated, UsherError

router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])


@router.get("/invitation")
def invitation(request: Request, token: str = "") -> HTMLResponse:
    """Where the link of an invitation leads."""
    return _invitation(request, token)


@router.post("/invitation")
async def accept(request: Request) -> HTMLResponse:
    """Makes a member of whoever logs in, or of whoever had no account until now."""
    token, name, password = await fields(request, "token", "full_name", "password")
    try:
        organization = await run_in_threadpool(_accept, request, token, " ".join(name.split())[:200], password)
    except (InvalidRequest, NotAuthenticated) as error:
        return await run_in_threadpool(_invitation, request, token, error.message, status_of(error))
    except UsherError as error:
        return page("This does not work", paragraph(error.message), status=status_of(error))
    return page("Welcome", paragraph(f"You are a member of {organization} now, and can log in."))


def _accept(request: Request, token: str, name: str, password: str) -> str:
    """Both a link from the mailbox and a password are needed where there is an account."""
    services, address = request.app.state.services, address_of(request)
    admit(services, OPENING, address)
    offer = services.invitations.offer(token)
    if offer.has_account:
        admit_login(services, request, offer.sent.email, known_device(request))
        services.invitations.accept(token, services.logins.identify(offer.sent.email, password).id)
    elif not name.isprintable() or not name:
        raise InvalidRequest.field("full_name", "say your name")
    else:
        services.invitations.register(token, password=password, full_name=name)
    return offer.organization_name or "the organization"


def _invitation(request: Request, token: str, problem: str = "", status: int = 200) -> HTMLResponse:
    services = request.app.state.services
    try:
        admit(services, OPENING, address_of(request))
        offer = services.invitations.offer(token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return page(
        f"Join {offer.organization_name or 'an organization'}",
        f"{paragraph(problem, kind='problem') if problem else ''}"
        f"{paragraph(f'You are invited to join it as {offer.sent.role}.')}"
        '<form method="post" action="/invitation">'
        f'<input type="hidden" name="token" value="{escape(token[:4096])}">'
        f"{_known(offer.sent.email) if offer.has_account else _NEW}"
        "<button>Accept the invitation</button></form>",
        status=status,
    )


def _known(email: str) -> str:
    return (
        f"{paragraph(f'Log in as {email} to accept.')}"
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
    )


_NEW = (
    '<label for="full_name">Your name</label>'
    '<input id="full_name" name="full_name" autocomplete="name" maxlength="200" required>'
    '<label for="password">New password, 8 characters or more</label>'
    '<input id="password" name="password" type="password" autocomplete="new-password" required minlength="8">'
)
