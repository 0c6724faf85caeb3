"""The pages that mails lead to: whether reminders come (programs ask, too: RFC 8058), and managing a subscription."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.auth import opened_by
from api.buying import ASKS
from api.errors import status_of
from api.limits import admit
from api.pages import fields, page, paragraph
from domain.errors import UsherError

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from domain.mail_address import MailAddress

router = APIRouter(include_in_schema=False, dependencies=[opened_by("link of a mail")])

_KINDS = (
    "Reminders are mails about a renewal, an end or a card that expires soon. Invoices, licences and what your account"
    " needs are sent in any case."
)


@router.get("/mails/unsubscribe")
async def reminders_page(request: Request, token: str = Query("", max_length=4096)) -> HTMLResponse:
    """Changes nothing: programs that look for harm follow every link of a mail."""
    services: Services = request.app.state.services
    try:
        address = await run_in_threadpool(services.mail_addresses.of_link, token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return _choice(address, token)


@router.post("/mails/unsubscribe")
async def choose_reminders(request: Request, token: str = Query("", max_length=4096)) -> HTMLResponse:
    """No more reminders; with the field `reminders=again` they come again. Twice is once."""
    services: Services = request.app.state.services
    (wanted,) = await fields(request, "reminders")
    addresses = services.mail_addresses
    choose = addresses.want_reminders if wanted == "again" else addresses.decline_reminders
    try:
        address = await run_in_threadpool(choose, token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    return _choice(address, token)


@router.get("/billing")
async def billing_page(request: Request, token: str = Query("", max_length=4096)) -> HTMLResponse:
    """Asks nobody yet, for the same reason."""
    services: Services = request.app.state.services
    try:
        await run_in_threadpool(services.managing.check, token)
    except UsherError as error:
        return page("This link does not work", paragraph(error.message), status=status_of(error))
    told = "Change the card, cancel or resume, and find your invoices on the page of our payment provider."
    link = f'<p><a class="button" href="/billing/open?token={escape(token)}">Go there</a></p>'
    return page("Your subscription", paragraph(told) + link)


@router.get("/billing/open")
async def open_billing(request: Request, token: str = Query("", max_length=4096)) -> Response:
    """Leads on to the payment provider's page."""
    services: Services = request.app.state.services
    try:
        url = await run_in_threadpool(_open, services, token)
    except UsherError as error:
        return page("This page cannot be opened", paragraph(error.message), status=status_of(error))
    return RedirectResponse(url, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _open(services: Services, token: str) -> str:
    subscription = services.managing.check(token)
    admit(services, ASKS, str(subscription.organization_id))
    return services.managing.open(token)


def _choice(address: MailAddress | None, token: str) -> HTMLResponse:
    if address is not None and address.declines_reminders:
        return page("You get no more reminders", paragraph(_KINDS) + _form(token, "again", "Send me reminders again"))
    return page("Reminders by mail", paragraph(_KINDS) + _form(token, "none", "Send me no more reminders"))


def _form(token: str, reminders: str, label: str) -> str:
    return (
        f'<form method="post" action="/mails/unsubscribe?token={escape(token)}">'
        f'<button name="reminders" value="{reminders}">{label}</button></form>'
    )
