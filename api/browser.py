"""What a browser keeps for our own pages: who is signed in, and proof that a form came from a page of ours.

Both are cookies that no script reads and that no other site's forms bring along (`SameSite=Lax`). Over https their
names begin with `__Host-`, so that no neighbouring domain can set them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from api.auth import device_of
from api.errors import status_of
from api.pages import page, paragraph
from application.guessing import FAMILIAR_FOR
from domain.errors import NotAllowed, UsherError
from domain.sign_in_errors import SecondFactorInvalid

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from domain.sign_in import LoginSession, Way
    from domain.user import User

_SIGNED_IN, _FORM, _DEVICE = "usher_signed_in", "usher_form", "usher_device"
_LONGEST = 4_096


def signed_in(request: Request) -> LoginSession | None:
    """The session of the person in front of the browser. Asks the database."""
    services: Services = request.app.state.services
    cookie = read(request, _SIGNED_IN)
    session = services.page_logins.session(cookie) if cookie else None
    if session is not None:
        request.scope["attribution"].actor = f"user:{session.user_id}"
    return session


class SignedIn(NamedTuple):
    """What a browser is given that has signed in: `session` until it is closed, `device` to be known again."""

    session: str
    device: str


def start_page(request: Request, user: User, *, way: Way, is_familiar: bool) -> SignedIn:
    """A session for somebody whose right to it is proven."""
    services: Services = request.app.state.services
    session = services.page_logins.start(user, way=way, device=device_of(request), is_familiar=is_familiar)
    return SignedIn(session, services.guessing.device_token(user))


def sign_in(request: Request, response: Response, given: SignedIn) -> None:
    """From now on the browser is signed in, until it is closed or the session ends."""
    keep(request, response, _SIGNED_IN, given.session)
    keep(request, response, _DEVICE, given.device, seconds=int(FAMILIAR_FOR.total_seconds()))


def known_device(request: Request) -> str | None:
    """The device token that this browser was given when somebody signed in before."""
    return read(request, _DEVICE)


def sign_out(request: Request, response: Response) -> None:
    """The session ends, not only the cookie."""
    services: Services = request.app.state.services
    services.page_logins.end(read(request, _SIGNED_IN) or "")
    response.delete_cookie(_name(request, _SIGNED_IN), path="/", secure=_is_secure(request), httponly=True)


def form_page(request: Request, title: str, content: str, *, action: str, form: str, status: int = 200) -> HTMLResponse:
    """A page with one form, which only this browser can send; `content` and `form` are HTML."""
    known = read(request, _FORM)
    secret = known or secrets.token_urlsafe(24)
    proof = f'<input type="hidden" name="form" value="{escape(_proof(request, secret))}">'
    response = page(
        title, f'{content}<form method="post" action="{escape(action)}">{proof}{form}</form>', status=status
    )
    if known is None:
        keep(request, response, _FORM, secret)
    return response


def code_form(request: Request, error: UsherError, *, action: str, hidden: Mapping[str, str]) -> HTMLResponse:
    """Asks for the code of the second factor, after a first one held; `hidden` is what held."""
    is_wrong = isinstance(error, SecondFactorInvalid)
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value[:_LONGEST])}">' for name, value in hidden.items()
    )
    return form_page(
        request,
        "Your second factor",
        paragraph(error.message, kind="problem") if is_wrong else "",
        action=action,
        form=f'{kept}<label for="code">The code of your authenticator app, or a recovery code</label>'
        '<input id="code" name="code" autocomplete="one-time-code" maxlength="32" required><button>Go on</button>',
        status=status_of(error),
    )


def check_form(request: Request, proof: str) -> None:
    """`NotAllowed` for a form that another site made this browser send."""
    secret = read(request, _FORM)
    if secret is None or not hmac.compare_digest(_proof(request, secret).encode(), proof.encode()):
        raise NotAllowed("This form is out of date, or your browser keeps no cookies; go back and try again.")


def _proof(request: Request, secret: str) -> str:
    services: Services = request.app.state.services
    return services.tokens.mac("form", secret.encode()).hex()


def read(request: Request, name: str) -> str | None:
    value = request.cookies.get(_name(request, name))
    return value if value and len(value) <= _LONGEST else None


def keep(request: Request, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie, by default until the browser is closed."""
    name, is_secure = _name(request, name), _is_secure(request)
    response.set_cookie(name, value, max_age=seconds, path="/", secure=is_secure, httponly=True, samesite="lax")


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    services: Services = request.app.state.services
    return services.settings.public_url.startswith("https://")
