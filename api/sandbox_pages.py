"""The page on which people read the mails that a sandbox caught. No script; each mail has a frame of its own."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from api.auth import ANYBODY_ALWAYS, services_of
from api.parameters import known_parameters
from api.sandbox import Recipient, as_file, sandbox_only

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.mail_catcher import CaughtMail

at_root = APIRouter(
    include_in_schema=False, dependencies=[ANYBODY_ALWAYS, Depends(sandbox_only), Depends(known_parameters)]
)

_SHOWN = 50
_STYLE = """
* { box-sizing: border-box; }
html { color-scheme: light dark; }
body { margin: 0; height: 100vh; display: grid; grid-template: auto 1fr / minmax(16rem, 24rem) 1fr;
  font: .9375rem/1.5 system-ui, sans-serif; color: #1c1e26; background: #f4f5f8; }
a { color: #2447c8; }
header { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center;
  padding: .75rem 1.25rem; background: #fff; border-bottom: 1px solid #dfe2ea; }
h1 { font-size: 1.0625rem; margin: 0; }
header p { margin: 0; color: #5c6170; }
form { margin-left: auto; display: flex; gap: .5rem; }
input, button { font: inherit; padding: .3rem .7rem; border: 1px solid #b9becb; border-radius: 6px; background: #fff;
  color: inherit; }
button { background: #2447c8; border-color: #2447c8; color: #fff; }
nav { overflow-y: auto; border-right: 1px solid #dfe2ea; background: #fff; }
nav a { display: block; padding: .75rem 1.25rem; color: inherit; text-decoration: none;
  border-bottom: 1px solid #eceef3; border-left: 3px solid transparent; }
nav a:hover { background: #f4f6ff; }
nav a:focus-visible { outline: 2px solid #2447c8; outline-offset: -2px; }
nav a[aria-current] { background: #eef2ff; border-left-color: #2447c8; }
nav b, nav span { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
nav b { font-weight: 600; }
nav span, dl { color: #5c6170; font-size: .8125rem; }
nav a.older { color: #2447c8; }
main { min-width: 0; padding: 1.25rem; display: flex; flex-direction: column; overflow-y: auto; }
h2 { font-size: 1.25rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
dl { margin: 0 0 1rem; display: grid; grid-template-columns: max-content 1fr; gap: 0 .75rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dd a, dd b { margin-right: 1rem; }
iframe { flex: 1; min-height: 28rem; width: 100%; border: 1px solid #dfe2ea; border-radius: 8px; background: #fff; }
.nothing { margin: auto; max-width: 28rem; text-align: center; color: #5c6170; }
@media (max-width: 48rem) {
  body { height: auto; display: block; }
  nav { max-height: 40vh; border-right: 0; border-bottom: 1px solid #dfe2ea; }
}
@media (prefers-color-scheme: dark) {
  body { color: #e8e9ee; background: #14161d; }
  header, nav { background: #1b1e27; border-color: #2c303c; }
  nav a { border-bottom-color: #262a35; }
  nav a:hover { background: #222633; }
  nav a[aria-current] { background: #252c47; border-left-color: #8fa5ff; }
  a, nav a.older { color: #8fa5ff; }
  header p, nav span, dl, .nothing { color: #a2a7b6; }
  input { background: #14161d; border-color: #444a5a; }
  iframe { border-color: #2c303c; }
}
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)
"""`frame-ancestors` takes the place of X-Frame-Options (CSP 3 §7.7.1), which every answer denies."""


@at_root.get("/sandbox/mails")
def mails_page(
    to: Literal[""] | Recipient | None = Query(None),
    mail: UUID | None = Query(None),
    after: UUID | None = Query(None),
    services: Services = Depends(services_of),
) -> HTMLResponse:
    """The caught mails, newest first, and one of them opened: the chosen one, else the newest."""
    found = services.mailer.caught(_SHOWN + 1, to or None, after)
    opened = services.mailer.caught_mail(mail) if mail else next(iter(found), None)
    content = _list(found, opened, to, after) + f"<main>{_opened(opened) if opened else _NOTHING}</main>"
    html = page("Caught mails", "This is a sandbox: mails are caught here instead of being sent.", _search(to), content)
    return HTMLResponse(html, 200, {"Content-Security-Policy": PAGE_POLICY})


@at_root.get("/sandbox/mails/{mail_id}/{form}")
def mail_content(
    mail_id: UUID, form: Literal["html", "text", "raw"], services: Services = Depends(services_of)
) -> Response:
    """What the page shows in the mail's frame; or its plain text, or the whole message, to be saved."""
    mail = services.mailer.caught_mail(mail_id)
    if form == "text":
        return Response(mail.text, 200, as_file(f"{mail_id}.txt"), media_type="text/plain")
    if form == "raw":
        return Response(mail.raw, 200, as_file(f"{mail_id}.eml"), media_type="message/rfc822")
    return HTMLResponse(in_frame(mail.page), 200, {"Content-Security-Policy": MAIL_POLICY})


def in_frame(html: str) -> str:
    """A mail's page for its frame, where a link would open a page that refuses to be framed."""
    return html.replace("<head>", '<head><base target="_blank">', 1)


_NOTHING = '<p class="nothing">No mail was caught yet. Whatever Usher sends in a sandbox appears here.</p>'


def page(title: str, told: str, bar: str, content: str) -> str:
    """A whole page of the sandbox; `bar` stands at the end of its head."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f"<header><h1>{title}</h1><p>{told}</p>{bar}</header>{content}</html>"
    )


def _search(to: str | None) -> str:
    return (
        '<a href="/sandbox/mails/previews">Previews</a>'
        '<form action="/sandbox/mails"><input name="to" type="email" aria-label="Recipient" placeholder="Recipient"'
        f' value="{escape(to or "")}"><button>Show</button></form>'
    )


def _list(found: list[CaughtMail], opened: CaughtMail | None, to: str | None, after: UUID | None) -> str:
    entries = "".join(_entry(mail, mail is opened or mail == opened, to, after) for mail in found[:_SHOWN])
    older = ""
    if len(found) > _SHOWN:
        older = f'<a class="older" href="{_address(to=to, after=found[_SHOWN - 1].id)}">Older mails</a>'
    return f'<nav aria-label="Mails">{entries}{older}</nav>'


def _entry(mail: CaughtMail, is_open: bool, to: str | None, after: UUID | None) -> str:
    current = ' aria-current="true"' if is_open else ""
    return (
        f'<a href="{_address(to=to, after=after, mail=mail.id)}"{current}>'
        f'<b dir="{mail.direction}">{escape(mail.subject)}</b>'
        f"<span>{escape(mail.to)}</span><span>{_when(mail)}</span></a>"
    )


def _opened(mail: CaughtMail) -> str:
    base = f"/sandbox/mails/{mail.id}"
    files = "".join(
        f'<a href="/api/v1{base}/attachments/{quote(name, safe="")}" download>{escape(name)}</a>'
        for name in mail.attachments
    )
    return (
        f'<h2 dir="{mail.direction}">{escape(mail.subject)}</h2>'
        f"<dl><dt>To</dt><dd>{escape(mail.to)}</dd><dt>Date</dt><dd>{_when(mail)}</dd>"
        f'<dt>Files</dt><dd>{files}<a href="{base}/text" download>Plain text</a>'
        f'<a href="{base}/raw" download>Whole message</a></dd></dl>'
        f'<iframe src="{base}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"'
        f' title="{escape(mail.subject)}"></iframe>'
    )


def _when(mail: CaughtMail) -> str:
    return f"{mail.date.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _address(**chosen: object) -> str:
    query = urlencode({name: value for name, value in chosen.items() if value})
    return escape(f"/sandbox/mails?{query}")
