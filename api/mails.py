"""The log of mails: what was told to whom, and what became of it, never what it said; what an address may be sent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Email, Line, Moment, Time
from api.idempotency import RepeatableRoute
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from domain.api_key import Scope
from domain.errors import InvalidRequest
from domain.mail_address import Cause
from domain.mail_kinds import MailKind
from domain.notice import MailStatus

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.mail_log import LoggedMail
    from domain.mail_address import MailAddress

router = APIRouter(tags=["mails"], dependencies=[Depends(known_parameters)])
admin = APIRouter(
    tags=["admin"],
    prefix="/admin",
    route_class=RepeatableRoute,
    dependencies=[require(Scope.ADMIN), Depends(known_parameters)],
)


class ReportedCause(StrEnum):
    """What a mail provider or a person says of an address."""

    BOUNCED = Cause.BOUNCED.value
    COMPLAINED = Cause.COMPLAINED.value
    BY_HAND = Cause.BY_HAND.value


class MailAnswer(BaseModel):
    id: UUID = Field(description="Also the first part of its `Message-ID`.")
    organization_id: UUID | None
    kind: MailKind
    status: MailStatus = Field(
        description="claimed: being sent. delayed: the server did not take it yet, it is tried again. failed: it never"
        " will. uncertain: it may have gone out, its sender died; not repeated. suppressed: nothing is sent to the"
        " address. unsubscribed: its reader wants no reminders."
    )
    language: str | None
    noted_at: Moment = Field(description="When it was to be sent first.")
    sent_at: Moment | None
    about: UUID | None = Field(description="What mails of one thread are about, e.g. an invoice.")


class AdminMailAnswer(MailAnswer):
    recipient: UUID = Field(description="Id of the user or organization that it went to.")
    attempts: int
    error_code: str | None = Field(description="The server's code, e.g. `550 5.1.1`, or our own word.")


class MailListing(Listing):
    data: list[MailAnswer]


class AdminMailListing(Listing):
    data: list[AdminMailAnswer]


class ResendBody(Body):
    """`reason` stays in the history for ever: no personal data."""

    reason: Line


class ResendAnswer(BaseModel):
    id: UUID = Field(description="Of the new mail, which a worker sends.")
    resent: UUID = Field(description="The mail that was asked for once more.")


class AddressBody(Body):
    email: Email


class SuppressBody(AddressBody):
    """A bounce or a complaint, as a mail provider reports it."""

    cause: ReportedCause
    code: Line | None = Field(None, description="The SMTP code, e.g. `550 5.1.1`.")
    mail_id: UUID | None = Field(None, description="The mail that met it.")


class RestoreBody(AddressBody):
    """`reason` stays in the history for ever: no personal data."""

    reason: Line


class AddressAnswer(BaseModel):
    """Null `cause`: it may be written to."""

    address_id: UUID | None = Field(description="Its stream in the log; null: nothing is known about it.")
    cause: Cause | None
    code: str | None
    mail_id: UUID | None
    declines_reminders: bool


class Conditions:
    """Dependency: how a list of mails is narrowed."""

    def __init__(
        self,
        kind: MailKind | None = None,
        status: MailStatus | None = None,
        about: UUID | None = Query(None, description="E.g. an invoice: the mails of its thread."),
        since: Time | None = None,
        until: Time | None = Query(None, description="Before this time."),
    ) -> None:
        self.chosen = {"kind": kind, "status": status, "thread": about, "since": since, "until": until}


def spoken(services: Services, language: str) -> str:
    """A language that mails are written in; `InvalidRequest`."""
    known = services.mail_languages()
    if language not in known:
        raise InvalidRequest.field("language", f"there are mails in {', '.join(known)}")
    return language


@router.get("/mails")
def show_mails(
    conditions: Conditions = Depends(),
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.MAILS_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> MailListing:
    """What the organization was told by mail, newest first. Mails about a person's own account are not among them."""
    narrowed = caller.narrow(organization_id)
    found = services.mail_log.list(
        **conditions.chosen, organization_id=narrowed, after=page.after_time_and_id, limit=page.take
    )
    return MailListing(**page.answer(found, cursor=_order, show=_shown))


@router.get("/mails/{mail_id}")
def show_mail(
    mail_id: UUID, caller: Caller = require(Scope.MAILS_READ), services: Services = Depends(services_of)
) -> MailAnswer:
    """One mail."""
    mail = services.resending.find(mail_id)
    caller.must_see(mail.organization_id, "mail", mail_id)
    return _shown(mail)


@admin.get("/mails")
def show_all_mails(
    conditions: Conditions = Depends(),
    organization_id: UUID | None = None,
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> AdminMailListing:
    """Mails of all organizations and people, newest first."""
    found = services.mail_log.list(
        **conditions.chosen, organization_id=organization_id, after=page.after_time_and_id, limit=page.take
    )
    return AdminMailListing(**page.answer(found, cursor=_order, show=_shown_whole))


@admin.get("/mails/{mail_id}")
def show_whole_mail(mail_id: UUID, services: Services = Depends(services_of)) -> AdminMailAnswer:
    """One mail."""
    return _shown_whole(services.resending.find(mail_id))


@admin.post("/mails/{mail_id}/resend", status_code=202)
def resend_mail(mail_id: UUID, body: ResendBody, services: Services = Depends(services_of)) -> ResendAnswer:
    """Sends it once more, to the reader's address of today and with what is to be said today; 409 when there is nothing
    to say any more."""
    return ResendAnswer(id=services.resending.resend(mail_id, reason=body.reason), resent=mail_id)


@admin.post("/mail-addresses/find")
def find_address(body: AddressBody, services: Services = Depends(services_of)) -> AddressAnswer:
    """What may be sent to an address. A POST, so that no address stands in a log of requests."""
    return _address(services.mail_addresses.find(body.email))


@admin.post("/mail-addresses/suppress")
def suppress_address(body: SuppressBody, services: Services = Depends(services_of)) -> AddressAnswer:
    """Nothing is sent to an address any more, since mails come back from it; the first reason stands."""
    cause = Cause(body.cause.value)
    return _address(services.mail_addresses.suppress(body.email, cause, code=body.code, mail_id=body.mail_id))


@admin.post("/mail-addresses/restore")
def restore_address(body: RestoreBody, services: Services = Depends(services_of)) -> AddressAnswer:
    """It works again."""
    return _address(services.mail_addresses.restore(body.email, reason=body.reason))


def _order(mail: LoggedMail) -> tuple[object, object]:
    return mail.noted_at, mail.message_id


def _shown(mail: LoggedMail) -> MailAnswer:
    return MailAnswer(
        id=mail.message_id,
        organization_id=mail.organization_id,
        kind=MailKind(mail.kind),
        status=MailStatus(mail.status),
        language=mail.language,
        noted_at=mail.noted_at,
        sent_at=mail.sent_at,
        about=mail.thread,
    )


def _shown_whole(mail: LoggedMail) -> AdminMailAnswer:
    return AdminMailAnswer(
        **_shown(mail).model_dump(),
        recipient=mail.recipient_subject,
        attempts=mail.attempts,
        error_code=mail.error_code,
    )


def _address(address: MailAddress | None) -> AddressAnswer:
    if address is None:
        return AddressAnswer(address_id=None, cause=None, code=None, mail_id=None, declines_reminders=False)
    why = address.suppression
    return AddressAnswer(
        address_id=address.id,
        cause=why.cause if why else None,
        code=why.code if why else None,
        mail_id=why.mail_id if why else None,
        declines_reminders=address.declines_reminders,
    )
