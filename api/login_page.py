"""Signing in and out on our own pages. Plain HTML, no script."""

from __future__ import annotations

import re
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from api.auth import ANYBODY
from api.browser import (
    SignedIn,
    check_form,
    code_form,
    form_page,
    known_device,
    sign_in,
    sign_out,
    signed_in,
    start_page,
)
from api.errors import status_of
from api.login_limits import admit_login, check_second_factor
from api.pages import fields, page, paragraph, spelled
from domain.errors import NotAuthenticated, UsherError
from domain.sign_in import Way
from domain.sign_in_errors import SecondFactorInvalid, SecondFactorRequired
from domain.user import User

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])

_TYPED_WITHIN = timedelta(minutes=5)
_OURS = re.compile(r"/[a-z-]*(\?user_code=[A-Za-z0-9%-]{0,64})?")
"""Where a sign-in may lead to: a page of ours, so that no link to it leads anywhere else."""


@router.get("/login")
def login_form(request: Request, next: str = "/login") -> Response:
    """The form, or who is signed in."""
    session = signed_in(request)
    if session is None:
        return _form(request, next)
    services: Services = request.app.state.services
    person = services.users.profile(session.user_id).person
    shown = paragraph(f"You are signed in as {person.email}.")
    if services.provider_logins.offered():
        shown += '<p><a href="/login/linked">Linked accounts</a></p>'
    return form_page(request, "You are signed in", shown, action="/logout", form="<button>Sign out</button>")


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Signs this browser in."""
    names = ("form", "email", "password", "next", "code", "held")
    proof, email, password, next, code, held = await fields(request, *names)
    try:
        check_form(request, proof)
        held = held or await run_in_threadpool(_first_factor, request, spelled(email), password[:1024])
        signed = await run_in_threadpool(_log_in, request, held, code.strip() or None)
    except (SecondFactorRequired, SecondFactorInvalid) as error:
        return code_form(request, error, action="/login", hidden={"held": held, "next": next})
    except UsherError as error:
        return _form(request, next, email=email, problem=error.message, status=status_of(error))
    response = RedirectResponse(next if _OURS.fullmatch(next) else "/login", 303)
    sign_in(request, response, signed)
    return response


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """Ends the browser's session."""
    (proof,) = await fields(request, "form")
    try:
        check_form(request, proof)
    except UsherError as error:
        return page("This does not work", paragraph(error.message), status=status_of(error))
    response = page("You are signed out", paragraph("Nothing more can be done here in your name."))
    await run_in_threadpool(sign_out, request, response)
    return response


def to_login(request: Request) -> Response:
    """To the form, and back to this page afterwards."""
    query = f"?{request.url.query}" if request.url.query else ""
    back = f"{request.url.path}{query}"
    return _form(request, back if _OURS.fullmatch(back) else request.url.path)


def _first_factor(request: Request, email: str, password: str) -> str:
    """Proves the password."""
    services: Services = request.app.state.services
    is_familiar = admit_login(services, request, email, known_device(request))
    user = services.logins.identify(email, password)
    return first_factor_of(services, user, Way.PASSWORD, is_familiar=is_familiar)


def first_factor_of(services: Services, user: User, way: Way, *, is_familiar: bool) -> str:
    """A token that says that a first factor held, for the few minutes in which the second is typed."""
    claims = {"sub": str(user.id), "ver": user.credential_version, "way": way, "familiar": is_familiar}
    return services.tokens.sign("first-factor", claims, now=services.clock.now(), lifetime=_TYPED_WITHIN)


def _log_in(request: Request, held: str, code: str | None) -> SignedIn:
    services: Services = request.app.state.services
    claims = services.tokens.read("first-factor", held, now=services.clock.now())
    user = services.store.find(User, UUID(claims["sub"])) if claims else None
    if claims is None or user is None or user.erased or user.credential_version != claims["ver"]:
        raise NotAuthenticated("That took too long; sign in again.")
    check_second_factor(services, user, code, is_familiar=claims["familiar"])
    return start_page(request, user, way=Way(claims["way"]), is_familiar=claims["familiar"])


def _form(request: Request, next: str, *, email: str = "", problem: str = "", status: int = 200) -> Response:
    return form_page(
        request,
        "Sign in",
        (paragraph(problem, kind="problem") if problem else "") + _others(request),
        action="/login",
        form=f'<input type="hidden" name="next" value="{escape(next[:200])}">'
        '<label for="email">E-mail address</label>'
        f'<input id="email" name="email" type="email" autocomplete="username" maxlength="254" required'
        f' value="{escape(email[:254])}">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        '<button>Sign in</button><p><a href="/login-by-mail">Mail me a link instead</a> · '
        '<a href="/forgot-password">Forgot your password?</a></p>',
        status=status,
    )


def _others(request: Request) -> str:
    services: Services = request.app.state.services
    offered = services.provider_logins.offered().items()
    links = " · ".join(f'<a href="/login/with/{name}">Sign in by {escape(title)}</a>' for name, title in offered)
    return f"<p>{links}</p>" if links else ""
