"""The audit: what happened, in sentences; anything as it was; whether the log is whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import Caller, require, services_of
from api.bodies import Moment as Time
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.history import Entry, Filters, Moment
from application.past import plain
from domain.api_key import Scope
from domain.errors import InvalidRequest, NotFound
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(prefix="/audit", tags=["audit"], dependencies=[Depends(known_parameters)])

_LARGEST = 2**63 - 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_KIND = "^[a-z_]+$"
Kind = Annotated[str, Field(pattern=_KIND, max_length=50)]
Topic = Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=100)]


class EventAnswer(BaseModel):
    """`stream` is the kind of the aggregate, `data` what the event itself says, `occurred_at` null if it is damaged."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    stream: str
    stream_id: UUID
    version: int
    type: str
    occurred_at: Time | None
    actor: str
    cause: str
    sentence: str
    data: dict[str, Any]


class EventListing(Listing):
    data: list[EventAnswer]


class PastAnswer(BaseModel):
    """An aggregate as it was, and everything that had happened to it."""

    state: dict[str, Any]
    version: int
    position: int
    events: list[EventAnswer]


class FindingAnswer(BaseModel):
    kind: str
    text: str
    position: int | None
    stream_id: UUID | None


class VerificationAnswer(BaseModel):
    """`findings` are the first hundred, for the vendor only."""

    events: int
    streams: int
    undecodable: int
    seat_conflicts: int
    over_limit: int
    read_model_differences: int
    billing_differences: int = 0
    doubtful_invoices: int = Field(
        0, description="Whose sums do not hold as the provider told them; nothing is damaged."
    )
    ok: bool
    started_at: Time
    finished_at: Time
    findings: list[FindingAnswer]


class ExportFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


def filters_of(
    stream: Kind | None = Query(None, description="A kind of aggregate, such as `license`."),
    stream_id: UUID | None = None,
    type: Topic | None = Query(None, description="A kind of event, such as `license.issued`."),
    organization_id: UUID | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = Query(None, description="Before this time."),
    caller: Caller = require(Scope.AUDIT),
) -> Filters:
    """Dependency: what is asked for, as far as the caller may see it."""
    return Filters(stream, stream_id, type, caller.narrow(organization_id), since, until)


@router.get("/events")
def list_events(
    filters: Filters = Depends(filters_of), page: Page = Depends(page_of), services: Services = Depends(services_of)
) -> EventListing:
    """What happened, in the order of the log."""
    with services.database.connection() as connection:
        position = position_of(connection, "audit")
    found = services.history.events(filters, after=page.after_number, limit=page.take)
    return EventListing(
        **page.answer(found, cursor=lambda entry: [entry.position], show=EventAnswer.model_validate, position=position)
    )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"description": "The events", "content": {"application/x-ndjson": {}, "text/csv": {}}}},
)
def export_events(
    format: ExportFormat = ExportFormat.JSONL,
    filters: Filters = Depends(filters_of),
    services: Services = Depends(services_of),
) -> StreamingResponse:
    """All of it, streamed: a JSON object a line, or CSV with a header line."""
    batches = services.history.export(filters)
    name = f"usher-events.{format}"
    return StreamingResponse(
        csv_lines(batches) if format is ExportFormat.CSV else json_lines(batches),
        media_type="text/csv; charset=utf-8" if format is ExportFormat.CSV else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/verify")
def show_last_verification(
    caller: Caller = require(Scope.AUDIT), services: Services = Depends(services_of)
) -> VerificationAnswer:
    """What the last `usher events verify` found."""
    last = services.verification.last()
    if last is None:
        raise NotFound("The log has not been verified yet; run `usher events verify`.")
    findings = [FindingAnswer(**finding._asdict()) for finding in last.findings] if caller.sees_all else []
    return VerificationAnswer(
        **last.counts, started_at=last.started_at, finished_at=last.finished_at, findings=findings
    )


@router.get("/{stream}/{stream_id}")
def show_past(
    stream: Annotated[str, Path(pattern=_KIND, max_length=50, description="A kind of aggregate, such as `license`.")],
    stream_id: UUID,
    at: AwareDatetime | None = Query(None, description="As it was at this time;"),
    version: int | None = Query(None, ge=1, le=_LARGEST, description="or after so many of its events;"),
    position: int | None = Query(None, ge=1, le=_LARGEST, description="or at this position of the log."),
    caller: Caller = require(Scope.AUDIT),
    services: Services = Depends(services_of),
) -> PastAnswer:
    """An aggregate as it was; as it is, when no moment is given. Its owners of then and of now may look."""
    if sum(each is not None for each in (at, version, position)) > 1:
        raise InvalidRequest.field("at", "give only one of at, version and position")
    past = services.history.show(stream, stream_id, Moment(at, version, position))
    if not caller.sees_all and caller.organization_id not in past.owners:
        raise NotFound.of(stream.replace("_", " "), stream_id)
    events = [EventAnswer.model_validate(entry) for entry in past.events]
    return PastAnswer(state=past.state, version=past.version, position=past.position, events=events)


def json_lines(batches: Iterator[list[Entry]]) -> Iterator[str]:
    for batch in batches:
        yield "".join(json.dumps(plain(entry._asdict()), ensure_ascii=False) + "\n" for entry in batch)


def csv_lines(batches: Iterator[list[Entry]]) -> Iterator[str]:
    yield _lines([Entry._fields])
    for batch in batches:
        yield _lines([_cell(value) for value in entry] for entry in batch)


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """A spreadsheet takes a cell that begins like a formula for one, and runs it."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(plain(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
