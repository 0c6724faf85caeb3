"""Sandbox: every kind of mail in every language, with nobody's data, for whoever writes or translates them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from api.auth import ANYBODY, services_of
from api.parameters import known_parameters
from api.sandbox import sandbox_only
from api.sandbox_pages import MAIL_POLICY, PAGE_POLICY, in_frame, page
from domain.errors import NotFound
from domain.mail_kinds import MailKind

if TYPE_CHECKING:
    from adapters.bootstrap import Services

at_root = APIRouter(
    prefix="/sandbox/mails/previews",
    include_in_schema=False,
    dependencies=[ANYBODY, Depends(sandbox_only), Depends(known_parameters)],
)


@at_root.get("")
def previews_page(
    kind: MailKind = MailKind.LICENSE_ISSUED,
    language: str = Query("en", max_length=8),
    services: Services = Depends(services_of),
) -> HTMLResponse:
    """All kinds in a list, one of them shown."""
    languages = services.mail_languages()
    _known(language, languages)
    list_of_kinds = "".join(_entry(each, services, language, is_open=each is kind) for each in MailKind)
    shown = f'<nav aria-label="Kinds">{list_of_kinds}</nav><main>{_shown(kind, language, languages, services)}</main>'
    bar = '<a href="/sandbox/mails">Caught mails</a>'
    html = page("Previews of mails", "Every kind of mail, filled with nobody's data.", bar, shown)
    return HTMLResponse(html, 200, {"Content-Security-Policy": PAGE_POLICY})


@at_root.get("/{kind}/{language}/{form}")
def preview_content(
    kind: MailKind, language: str, form: Literal["html", "text"], services: Services = Depends(services_of)
) -> Response:
    """What the page shows in the frame; or the plain text."""
    _known(language, services.mail_languages())
    rendered = services.mail_preview(kind, language)
    if form == "text":
        return Response(rendered.text, 200, media_type="text/plain")
    return HTMLResponse(in_frame(rendered.html), 200, {"Content-Security-Policy": MAIL_POLICY})


def _known(language: str, languages: tuple[str, ...]) -> None:
    if language not in languages:
        raise NotFound(f"There are no mails in this language; there are {', '.join(languages)}.")


def _entry(kind: MailKind, services: Services, language: str, *, is_open: bool) -> str:
    current = ' aria-current="true"' if is_open else ""
    mail = services.mail_preview(kind, language)
    return (
        f'<a href="/sandbox/mails/previews?kind={kind}&amp;language={language}"{current}>'
        f'<b dir="{mail.direction}">{escape(mail.subject)}</b><span>{kind}</span></a>'
    )


def _shown(kind: MailKind, language: str, languages: tuple[str, ...], services: Services) -> str:
    mail = services.mail_preview(kind, language)
    others = "".join(
        f"<b>{each}</b>"
        if each == language
        else f'<a href="/sandbox/mails/previews?kind={kind}&amp;language={each}">{each}</a>'
        for each in languages
    )
    base = f"/sandbox/mails/previews/{kind}/{language}"
    return (
        f'<h2 dir="{mail.direction}">{escape(mail.subject)}</h2><dl><dt>Languages</dt><dd>{others}</dd>'
        f'<dt>Parts</dt><dd><a href="{base}/text">Plain text</a></dd></dl>'
        f'<iframe src="{base}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"'
        f' title="{escape(mail.subject)}"></iframe>'
    )
