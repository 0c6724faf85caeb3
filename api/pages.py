"""The few pages that mails and error answers link to. Plain HTML, no script."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from email_validator import EmailNotValidError, validate_email
from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from api.auth import ANYBODY
from api.errors import all_errors, status_of
from api.logins import mail_reset_link
from domain.errors import InvalidRequest, UsherError

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 10vh auto; padding: 0 1rem; color: #1c1e26; }
h1 { font-size: 1.5rem; }
label { display: block; margin: 1rem 0 .25rem; }
input, button, select { font: inherit; padding: .6rem 1.2rem; border: 1px solid #767b8a; border-radius: 6px; }
input { width: 100%; box-sizing: border-box; }
button { margin-top: 1rem; border-color: #2447c8; background: #2447c8; color: #fff; }
button.other { background: transparent; color: inherit; border-color: #767b8a; }
:focus-visible { outline: 3px solid #f0a000; outline-offset: 2px; }
.code { font: 600 1.8rem ui-monospace, monospace; letter-spacing: .15em; }
dt { font-family: ui-monospace, monospace; font-weight: 600; margin-top: 1rem; }
dd { margin: 0; }
.problem { color: #a11; }
:target { background: #fff3c4; }
@media (prefers-color-scheme: dark) {
  body { background: #14161d; color: #e8e9ee; }
  .problem { color: #ff9a9a; }
  :target { background: #4a3d00; }
}
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def wants_page(request: Request) -> bool:
    """A browser followed the link, not a program."""
    return "text/html" in request.headers.get("accept", "")


def verified_page(services: Services, token: str) -> HTMLResponse:
    """Opens a verification link and says how it went."""
    try:
        services.users.verify_email(token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return page("Your address is confirmed", paragraph("Thank you. You can log in now."))


@router.get("/reset-password")
async def reset_form(token: str = "") -> HTMLResponse:
    """Where the link of a reset mail leads."""
    return _reset_form(token)


@router.post("/reset-password")
async def reset(request: Request) -> HTMLResponse:
    """Sets the new password."""
    token, password = await fields(request, "token", "password")
    try:
        await run_in_threadpool(request.app.state.services.users.reset_password, token, password)
    except InvalidRequest as error:
        return _reset_form(token, problem=error.message, status=422)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return page("Your password is changed", paragraph("Log in with it; all other sessions have ended."))


@router.get("/forgot-password")
async def forgot_form() -> HTMLResponse:
    """Where a person asks for a reset link."""
    return page(
        "Forgot your password?",
        paragraph("We mail you a link with which you can set a new one.")
        + '<form method="post" action="/forgot-password"><label for="email">Your e-mail address</label>'
        '<input id="email" name="email" type="email" autocomplete="email" maxlength="254" required>'
        "<button>Send the link</button></form>",
    )


@router.post("/forgot-password")
async def forgot(request: Request, tasks: BackgroundTasks) -> HTMLResponse:
    """Says the same whether the address is known or not."""
    (email,) = await fields(request, "email")
    tasks.add_task(mail_reset_link, request.app.state.services, email.strip()[:254].replace("\0", ""))
    return page("Look into your mailbox", paragraph("If this address has an account, a link is on its way."))


@router.get("/confirm-email")
async def confirm_email_form(token: str = "") -> HTMLResponse:
    """Where the link to a new address leads; programs that look at mails open it too, so a click is asked for."""
    return page(
        "Confirm your new address",
        '<form method="post" action="/confirm-email">'
        f'<input type="hidden" name="token" value="{escape(token[:4096])}"><button>Confirm</button></form>',
    )


@router.post("/confirm-email")
async def confirm_email(request: Request) -> HTMLResponse:
    """From now on it is the person's address."""
    (token,) = await fields(request, "token")
    try:
        await run_in_threadpool(request.app.state.services.email_addresses.confirm, token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return page("Your address is changed", paragraph("Log in with the new one from now on."))


@router.get("/docs/errors")
async def errors_page() -> HTMLResponse:
    """What every error code means; the `docs` link of each error leads here."""
    entries = "".join(
        f'<div id="{escape(code)}"><dt>{escape(code)} · {status}</dt><dd>{escape(sentence)}</dd></div>'
        for code, status, sentence in all_errors()
    )
    return page("Errors", f"<dl>{entries}</dl>")


def _reset_form(token: str, *, problem: str = "", status: int = 200) -> HTMLResponse:
    return page(
        "Set a new password",
        f"{paragraph(problem, kind='problem') if problem else ''}"
        '<form method="post" action="/reset-password">'
        f'<input type="hidden" name="token" value="{escape(token[:4096])}">'
        '<label for="password">New password, 8 characters or more</label>'
        '<input id="password" name="password" type="password" autocomplete="new-password" required minlength="8">'
        "<button>Set the password</button></form>",
        status=status,
    )


async def fields(request: Request, *names: str) -> list[str]:
    """The fields of a posted form, empty when missing."""
    try:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        raise InvalidRequest("The form has too many fields.") from None
    return [form.get(name, [""])[0] for name in names]


def spelled(email: str) -> str:
    """A typed address as the API spells addresses; what is none is nobody's."""
    try:
        return validate_email(email.strip()[:254], check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        return "nobody@invalid"


def paragraph(text: str, *, kind: str = "") -> str:
    """The text as HTML."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def page(title: str, content: str, *, status: int = 200) -> HTMLResponse:
    """A whole page; `title` is a text, `content` is HTML."""
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main><h1>{escape(title)}</h1>{content}</main></html>"
    )
    return HTMLResponse(html, status, {"Content-Security-Policy": _POLICY})
