"""The sandbox (contract §12): the engine's clock, which moves, and the mails that were caught. Never in production."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from api.auth import ANYBODY_ALWAYS, services_of
from api.bodies import Body, Moment, Time
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from domain import durations
from domain.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.mail_catcher import CaughtMail


async def sandbox_only(services: Services = Depends(services_of)) -> None:
    """Dependency: in production there is nothing here."""
    if not services.settings.sandbox:
        raise NotFound("There is nothing at this address.")


router = APIRouter(tags=["sandbox"], dependencies=[ANYBODY_ALWAYS, Depends(sandbox_only), Depends(known_parameters)])
at_root = APIRouter(
    include_in_schema=False, dependencies=[ANYBODY_ALWAYS, Depends(sandbox_only), Depends(known_parameters)]
)
"""The clock is at the root too."""

_FARTHEST = timedelta(days=36_525)

Duration = Annotated[str, StringConstraints(max_length=64), AfterValidator(durations.parse)]
Recipient = Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=r"^[^\x00]+$")]


class ClockBody(Body):
    """One of the two."""

    advance: Duration | None = Field(None, description="ISO 8601, e.g. `P8D` or `PT6M`.", examples=["P8D"])
    to: Time | None = Field(None, description="Not before the engine's time.")

    @model_validator(mode="after")
    def _one_of_two(self) -> ClockBody:
        if (self.advance is None) == (self.to is None):
            raise ValueError("give either advance or to")
        return self


class ClockAnswer(BaseModel):
    now: Moment


class CaughtMailAnswer(BaseModel):
    id: UUID
    to: str
    subject: str
    date: Moment
    text: str
    html: str
    attachments: list[str] = Field(description="File names; the files are at `…/mails/{id}/attachments/{name}`.")


class CaughtMailListing(Listing):
    data: list[CaughtMailAnswer]


@at_root.get("/sandbox/clock")
@router.get("/sandbox/clock")
def show_clock(services: Services = Depends(services_of)) -> ClockAnswer:
    """The engine's time."""
    return ClockAnswer(now=services.clock.now())


@at_root.post("/sandbox/clock")
@router.post("/sandbox/clock")
def move_clock(body: ClockBody, services: Services = Depends(services_of)) -> ClockAnswer:
    """Moves the engine's clock forward, for every process; what falls due on the way happens soon after. At most a
    hundred years from today, and never back (409)."""
    clock = services.clock
    by = body.advance if body.advance is not None else body.to - clock.now()
    if by > _FARTHEST - clock.offset:
        raise InvalidRequest.field("advance" if body.to is None else "to", "must end within a hundred years from today")
    return ClockAnswer(now=clock.advance(by))


@router.get("/sandbox/mails")
def show_mails(
    to: Recipient | None = Query(None, description="Only mails to this address."),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> CaughtMailListing:
    """The mails that were caught instead of sent, newest first. For people there is a page at `/sandbox/mails`."""
    after = None if page.after is None else UUID(str(page.after[0]))
    found = services.mailer.caught(page.take, to, after)
    return CaughtMailListing(**page.answer(found, cursor=lambda mail: (mail.id,), show=_shown))


@router.get(
    "/sandbox/mails/{mail_id}/attachments/{name}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_attachment(mail_id: UUID, name: str, services: Services = Depends(services_of)) -> Response:
    """A file that was attached."""
    content = services.mailer.caught_mail(mail_id).attachment(name)
    return Response(content, 200, as_file(name), media_type="application/octet-stream")


def as_file(name: str) -> dict[str, str]:
    """The header that makes a browser save an answer under this name (RFC 6266)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _shown(mail: CaughtMail) -> CaughtMailAnswer:
    return CaughtMailAnswer(
        id=mail.id,
        to=mail.to,
        subject=mail.subject,
        date=mail.date,
        text=mail.text,
        html=mail.html,
        attachments=list(mail.attachments),
    )
